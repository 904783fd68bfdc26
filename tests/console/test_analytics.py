"""The console's analytics: what was gained, drawn, as tables and as a file, for whoever may see it."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import SocialAccount
from accounts.platforms.shapes import AccountNumbers
from adminapi.console.charts import Chart, Series
from adminapi.templatetags.charts import number
from analytics.models import AccountSync, TargetNumbers
from ouipost.events.models import Event
from tests.analytics.readings import counts as told
from tests.analytics.readings import publish, read
from tests.console.conftest import browser_of, member_of, text_of
from tests.factories import NOW, make_account, make_workspace
from workspaces.models import Role, Workspace

pytestmark = pytest.mark.usefixtures("at_noon")
DAY = timedelta(days=1)
PAGE = "/console/analytics/"
DASH = (
    '<span title="Not known: the network does not say." aria-hidden="true">\u2013</span>'
    '<span class="op-hidden">not known</span>'
)


@pytest.fixture
def account(workspace: Workspace) -> SocialAccount:
    return make_account(workspace)


def gain(account: SocialAccount, *, content: str = "Fresh bread", impressions: int = 100, engagement: int = 7) -> Any:
    """Publish a post a day ago that gains this today; returns its target."""
    target = publish(account, at=NOW - DAY, content=content)
    read(account, at=NOW, posts={target.pk: told(impressions, engagement)})
    return target


def test_a_workspace_alone_is_shown_with_sums_charts_networks_and_top_posts(
    staff: Client, account: SocialAccount
) -> None:
    target = gain(account)
    read(account, at=NOW, numbers=AccountNumbers(followers=500))

    answer = staff.get(PAGE)

    shown, page = answer.context, answer.content.decode()
    assert shown["asked"].workspace == account.workspace
    assert (shown["summary"]["total_posts"], shown["summary"]["total_engagement"]) == (1, 7)
    assert [sum(chart.series[0].numbers) for chart in shown["charts"]] == [100, 7, 1]
    assert dict(shown["by_network"].rows) == {"Facebook": [7]}
    assert f'href="/console/posts/post/{target.post_id}/change/"' in page
    assert shown["audience"]["total_followers"] == 500
    assert page.count('<canvas role="img" aria-label="Chart: ') == 4


def test_each_chart_has_a_table_with_the_numbers_that_it_draws(staff: Client, account: SocialAccount) -> None:
    gain(account)

    answer = staff.get(PAGE)

    page = answer.content.decode()
    for chart in answer.context["charts"]:
        drawn = json.loads(chart.data)
        assert [(label, numbers[0]) for label, numbers in chart.rows] == list(
            zip(drawn["labels"], drawn["series"][0]["numbers"], strict=True)
        )
        assert f'<caption class="op-hidden">{chart.title}</caption>' in page


def test_what_no_network_told_is_a_dash_with_a_reason_and_never_nothing(staff: Client, account: SocialAccount) -> None:
    publish(account, at=NOW - DAY)

    answer = staff.get(PAGE)

    assert answer.context["summary"]["total_engagement"] is None
    assert [chart.is_known for chart in answer.context["charts"]] == [False, False, True]
    figures = re.findall(
        r'<span class="op-label">(.+?)</span> <span class="op-figure">(.+?)</span> ', answer.content.decode()
    )
    assert dict(figures) == {
        "Posts": "1",
        "Impressions": DASH,
        "Reach": DASH,
        "Engagement": DASH,
        "Clicks": DASH,
        "Engagement rate": DASH,
    }


def test_all_workspaces_together_are_ranked_and_lead_to_each(staff: Client) -> None:
    small, large = make_workspace(name="Small"), make_workspace(name="Large")
    gain(make_account(small), engagement=3)
    gain(make_account(large), engagement=9)

    answer = staff.get(PAGE)

    assert answer.context["summary"]["total_engagement"] == 12
    assert [each["name"] for each in answer.context["ranking"]] == ["Large", "Small"]
    assert f'href="?workspace={large.pk}&amp;period=30d"' in answer.content.decode()


@pytest.mark.parametrize("query", ["period=1y", "network=facebook&from=2026-11-01&to=2026-11-25"])
def test_a_workspace_is_opened_for_the_days_and_the_network_that_were_chosen(staff: Client, query: str) -> None:
    workspace = make_workspace()
    gain(make_account(workspace))
    make_workspace(name="Another")

    page = text_of(staff.get(f"{PAGE}?{query}"))

    assert f'href="?workspace={workspace.pk}&{query}"'.replace("&", "&amp;") in page


def test_the_days_of_all_workspaces_end_with_the_newest_on_which_one_counts(staff: Client) -> None:
    make_workspace(name="Reykjavik")
    ahead = make_account(make_workspace(name="Kiritimati", settings={"timezone": "Pacific/Kiritimati"}))

    publish(ahead, at=NOW)  # two in the morning of the next day there

    answer = staff.get(f"{PAGE}?period=7d")

    assert answer.context["summary"]["total_posts"] == 1
    assert answer.context["asked"].period.last == NOW.date() + DAY
    assert len(answer.context["charts"][0].labels) == 7


def test_days_are_said_to_be_by_the_clock_by_which_they_are(staff: Client) -> None:
    workspace = make_workspace(settings={"timezone": "Asia/Tokyo"})
    make_workspace(name="Another")

    alone, together = (text_of(staff.get(PAGE, query)) for query in ({"workspace": workspace.pk}, {}))

    assert "Days in the time zone Asia/Tokyo." in alone
    assert "days are in its own time zone." in together


@pytest.mark.parametrize(
    ("period", "buckets", "heading"), [("7d", 7, "Day"), ("30d", 30, "Day"), ("90d", 90, "Day"), ("1y", 53, "Week of")]
)
def test_a_period_is_cut_into_as_many_pieces_as_a_chart_can_show(
    staff: Client, account: SocialAccount, period: str, buckets: int, heading: str
) -> None:
    chart = staff.get(f"{PAGE}?period={period}").context["charts"][0]

    assert (len(chart.labels), chart.heading) == (buckets, heading)


def test_ten_years_are_cut_into_months(staff: Client, account: SocialAccount) -> None:
    chart = staff.get(f"{PAGE}?from=2017-01-01&to=2026-11-25").context["charts"][0]

    assert (len(chart.labels), chart.labels[-1], chart.heading) == (119, "Nov 2026", "Month")


def test_a_network_alone_is_shown(staff: Client, workspace: Workspace, account: SocialAccount) -> None:
    gain(account, engagement=7)
    gain(make_account(workspace, platform="bluesky", remote_id="did:1"), engagement=5)

    answer = staff.get(f"{PAGE}?network=bluesky")

    assert answer.context["summary"]["total_engagement"] == 5
    assert '<option value="bluesky" selected>Bluesky</option>' in answer.content.decode()


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("from=2026-12-01&to=2026-11-01", "from", "Must not be after the last day."),
        ("from=tomorrow", "from", ""),
        ("to=2026-02-30", "to", "There is no such moment."),
        ("from=2001-01-01&to=2026-11-25", "from", "At most 3,660 days can be reported at once."),
        ("network=myspace", "platform", ""),
        ("period=2d", "period", "Choose one of the periods."),
    ],
)
def test_what_cannot_be_shown_is_said_where_it_was_typed_and_nothing_is_lost(
    staff: Client, account: SocialAccount, query: str, name: str, says: str
) -> None:
    answer = staff.get(f"{PAGE}?{query}")

    asked = answer.context["asked"]
    assert answer.status_code == 400
    assert says in asked.problems[name][0]
    typed = dict(part.split("=") for part in query.split("&"))
    assert (asked.first, asked.last) == (typed.get("from", ""), typed.get("to", ""))


def test_the_table_is_a_file_with_the_same_rows(staff: Client, account: SocialAccount) -> None:
    gain(account)
    page = staff.get(f"{PAGE}?period=7d")
    address = re.findall(r'href="(.+?)" download', page.content.decode())[0].replace("&amp;", "&")

    answer = staff.get(f"{PAGE}{address}")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["date"], row["platform"], row["posts"], row["engagement"], row["reach"]) for row in rows] == [
        ("2026-11-24", "facebook", "1", "", ""),
        ("2026-11-25", "facebook", "0", "7", ""),
    ]
    shown = page.context["rows"]
    assert [(row["date"], row["platform"], str(row["posts"])) for row in shown] == [
        (row["date"], row["platform"], row["posts"]) for row in rows
    ]


def test_the_file_of_a_year_has_the_weeks_that_the_page_shows(staff: Client, account: SocialAccount) -> None:
    gain(account)

    answer = staff.get(f"{PAGE}?period=1y&format=csv")

    assert answer.content.decode().splitlines()[1:] == ["2026-11-23,facebook,1,100,,7,"]


def test_an_editor_sees_their_own_workspaces_together_and_no_others(db: None) -> None:
    first, second, other = (make_workspace(name=name) for name in ("First", "Second", "Other"))
    for workspace, engagement in ((first, 1), (second, 2), (other, 4)):
        gain(make_account(workspace), engagement=engagement, content=f"Of {workspace.name}")
    client = browser_of(member_of(first, second))

    together, alone = client.get(PAGE), client.get(f"{PAGE}?workspace={second.pk}")

    assert together.context["summary"]["total_engagement"] == 3
    assert [each["name"] for each in together.context["ranking"]] == ["Second", "First"]
    assert alone.context["summary"]["total_engagement"] == 2
    assert "Other" not in together.content.decode()
    assert client.get(f"{PAGE}?workspace={other.pk}").status_code == 404
    assert client.get(f"{PAGE}?workspace={other.pk}&format=csv").status_code == 404


def test_who_may_see_numbers_alone_gets_no_link_to_posts(workspace: Workspace, account: SocialAccount) -> None:
    gain(account)
    client = browser_of(member_of(workspace, role=Role.VIEWER))

    page = client.get(PAGE).content.decode()

    assert "Fresh bread" in page
    assert "/console/posts/post/" not in page


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0, "", "0"),
        (1234567, "", "1,234,567"),
        (0.0, "%", "0.0\xa0%"),
        (7.25, "%", "7.25\xa0%"),
        (None, "%", DASH),
    ],
)
def test_a_number_is_written_for_people(value: Any, unit: str, shown: str) -> None:
    assert number(value, unit) == shown


def test_a_gap_in_what_is_known_stays_a_gap_in_the_drawing() -> None:
    chart = Chart(
        title="Clicks", heading="Day", labels=["1", "2"], series=[Series(name="Clicks", tone="main", numbers=[None, 3])]
    )

    assert json.loads(chart.data)["series"][0]["numbers"] == [None, 3]
    assert chart.is_known


@pytest.mark.parametrize(("model", "named"), [("accountsync", "Bakery Page"), ("targetnumbers", "Fresh bread")])
def test_what_is_read_is_told_by_names_and_in_utc(staff: Client, workspace: Workspace, model: str, named: str) -> None:
    gain(make_account(workspace, name="Bakery Page"))
    row = {"accountsync": AccountSync, "targetnumbers": TargetNumbers}[model]._default_manager.get()

    pages = [staff.get(f"/console/analytics/{model}/{place}").content.decode() for place in ("", f"{row.pk}/change/")]

    plain = [re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page)) for page in pages]
    assert all(named in page and "Facebook" in page and re.search(r"\d\d:\d\d:\d\d UTC", page) for page in plain)


def test_only_what_a_network_lets_us_read_is_read_now(staff: Client, workspace: Workspace) -> None:
    given: dict[str, dict[str, Any]] = {"open": {}, "expired": {"status": "expired"}, "gone": {"disconnected_at": NOW}}
    accounts = {name: make_account(workspace, remote_id=name, default_of=None) for name in given}
    for name, values in given.items():
        publish(accounts[name], at=NOW - DAY)
        SocialAccount.objects.filter(pk=accounts[name].pk).update(**values)
    later = NOW + 365 * DAY
    AccountSync.objects.update(due_at=later)
    chosen = {"action": "read_now", "_selected_action": [account.pk for account in accounts.values()]}

    page = text_of(staff.post("/console/analytics/accountsync/", chosen, follow=True))

    assert "1 account is read as soon as a worker is free." in page
    assert list(AccountSync.objects.filter(due_at__lt=later).values_list("pk", flat=True)) == [accounts["open"].pk]
    told = Event.objects.filter(type="account.read_requested").values_list("resource_id", flat=True)
    assert list(told) == [accounts["open"].pk]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_readings_are_asked_for_by_those_who_may_change_accounts(
    workspace: Workspace, account: SocialAccount, role: Role
) -> None:
    publish(account, at=NOW - DAY)
    later = NOW + 365 * DAY
    AccountSync.objects.update(due_at=later)
    client = browser_of(member_of(workspace, role=role))
    chosen = {"action": "read_now", "_selected_action": [account.pk]}

    shown = client.get("/console/analytics/accountsync/").content.decode()
    client.post("/console/analytics/accountsync/", chosen)

    may = role == Role.EDITOR
    assert ("read_now" in shown, AccountSync.objects.filter(due_at__lt=later).exists()) == (may, may)
