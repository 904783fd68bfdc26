"""What reports must say: what was made, added up by hand, and in every form and cut the same."""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from accounts.models import AccountStatus
from ouipost.events.models import Event
from posts.models import PostStatus
from tests.conftest import AdminClient, ApiClient
from tests.contract.listed import BAD_BOUNDS
from tests.contract.shelved import COUNTED, NETWORKS, Installation, Written
from tests.contract.world import data_of, fields_of
from workspaces.models import User, Workspace

SUMMED = ("posts", *COUNTED)
BAD_CUTS = ("", "hours", "DAY", "minute", "%00", "day%20")
A_DAY = timedelta(days=1)


def total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of what is known, None where nothing is."""
    known = [each for each in numbers if each is not None]
    return sum(known) if known else None


def zero(number: int | None) -> int:
    return number or 0


# A workspace


def a_report_is_the_sum_of_its_parts(api: ApiClient, today: date, chance: random.Random) -> None:
    """Any period, cut in any way: the summary, the networks, the timeline and the CSV say the same."""
    query, refused = _draw_report(today, chance)
    asked = "&".join(f"{name}={text}" for name, text in query)
    answer = api.get(f"/api/analytics?{asked}")
    if refused:
        assert set(fields_of(answer)) == refused, asked
        return
    report = data_of(answer)
    _parts_agree(report, rows_of(api.get(f"/api/analytics?{asked}&format=csv")), of_time="date")
    for name in [*report["by_platform"], *(row["platform"] for row in report["top_posts"])]:
        assert dict(query).get("platform", name) == name
    gained = [row["engagement"] for row in report["top_posts"]]
    assert gained == sorted(gained, reverse=True)


def _draw_report(today: date, chance: random.Random) -> tuple[list[tuple[str, str]], set[str]]:
    cut = chance.choice(("hour", "day", "week", "month", ""))
    first, last = (today - chance.randint(0, 5 if cut == "hour" else 400) * A_DAY for _ in range(2))
    refused, query = set[str](), []
    for name, day in (("from", first), ("to", last)):
        if chance.random() < 0.6:
            text = f"{day}" if chance.random() < 0.6 else f"{day}T12:00:00"
            query.append((name, text))
    if len(query) == 2 and first > last:
        refused.add("from")
    if chance.random() < 0.4:
        query.append(("platform", chance.choice(NETWORKS)))
    if cut:
        query.append(("granularity", cut))
    bad = {"from": BAD_BOUNDS, "to": BAD_BOUNDS, "platform": BAD_CUTS, "granularity": BAD_CUTS, "format": BAD_CUTS}
    if chance.random() < 0.2:
        name = chance.choice([*bad])
        query = [pair for pair in query if pair[0] != name]
        query.append((name, quote(chance.choice(bad[name]), safe="%")))
        refused = (refused - {"from"} if name == "to" else refused) | {name}
    if query and chance.random() < 0.05:
        query.append(chance.choice(query))
        refused.add(query[-1][0])
    return query, refused


def _parts_agree(report: Mapping[str, Any], rows: Sequence[Mapping[str, str]], *, of_time: str) -> None:
    """The numbers of a report, and of the rows of its CSV."""
    summary, networks, timeline = report["summary"], report["by_platform"], report["timeline"]
    for name in SUMMED:
        assert zero(total(each[name] for each in networks.values())) == zero(summary[f"total_{name}"]), name
    for name in ("impressions", "engagement", "posts"):
        assert zero(total(each[name] for each in timeline)) == zero(summary[f"total_{name}"]), name
    for network in {*networks, *(row["platform"] for row in rows)}:
        for name in SUMMED:
            cells = total(int(row[name]) for row in rows if row["platform"] == network and row[name])
            assert zero(cells) == zero(networks[network][name]), (network, name)
    for bucket in timeline:
        for name in ("impressions", "engagement", "posts"):
            cells = total(int(row[name]) for row in rows if row[of_time] == bucket[of_time] and row[name])
            assert zero(cells) == zero(bucket[name]), (bucket, name)
    assert {row[of_time] for row in rows} <= {each[of_time] for each in timeline}
    assert [row[of_time] for row in rows] == sorted(row[of_time] for row in rows)


def rows_of(answer: Any) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def a_workspace_gained_what_its_posts_have(made: Installation, api: ApiClient, workspace: Workspace) -> None:
    """In a period of everything, what was gained is what all posts have now."""
    sent = [each for post in made.posts if post.workspace == workspace.pk for each in post.targets]
    report = data_of(api.get(f"/api/analytics?{_everything(made)}"))
    for network, told in report["by_platform"].items():
        there = [each for each in sent if each.platform == network and each.is_out]
        assert told["posts"] == len(there), network
        for name in COUNTED:
            assert zero(told[name]) == zero(total(each.numbers[name] for each in there)), (network, name)
    out = [each for each in sent if each.is_out]
    assert report["summary"]["total_posts"] == len(out)
    best = sorted((zero(each.numbers["engagement"]) for each in out), reverse=True)[:10]
    assert [row["engagement"] for row in report["top_posts"] if row["engagement"]] == [each for each in best if each]


def _everything(made: Installation) -> str:
    return f"from={made.day - 200 * A_DAY}&to={made.day + 100 * A_DAY}&granularity=week"


# The installation


def the_installation_is_the_sum_of_its_workspaces(made: Installation, staff: AdminClient, user: User) -> None:
    """The report, the dashboard and the statistics of somebody: of all workspaces, or of theirs."""
    places = made.places_of(user)
    posts = [post for post in made.posts if post.workspace in places]
    report = data_of(staff.get("/admin/analytics?period=1y"))
    _parts_agree(report, rows_of(staff.get("/admin/analytics?period=1y&format=csv")), of_time="date")
    told = {each["id"]: each for each in report["by_workspace"]}
    assert set(told) <= set(places)
    for name in SUMMED:
        assert zero(total(each[name] for each in told.values())) == zero(report["summary"][f"total_{name}"]), name
    for pk, each in told.items():
        out = [sent for post in posts if post.workspace == pk for sent in post.targets if sent.is_out]
        assert each["posts"] == len(out)
        for name in COUNTED:
            assert zero(each[name]) == zero(total(sent.numbers[name] for sent in out)), name
    _figures_agree(made, staff, user, posts)


def _figures_agree(made: Installation, staff: AdminClient, user: User, posts: Sequence[Written]) -> None:
    places, out = made.places_of(user), [each for post in posts for each in post.targets if each.is_out]
    accounts = [each for each in made.accounts if each.workspace_id in places]
    stats, board = data_of(staff.get("/admin/stats")), data_of(staff.get("/admin/dashboard"))
    statuses = Counter(post.status for post in posts)
    assert stats["posts"]["total"] == board["overview"]["total_posts"] == len(posts)
    assert stats["posts"]["by_status"] == {status: statuses[status] for status in PostStatus.values}
    networks = Counter(each.platform for each in out)
    assert stats["posts"]["by_platform"] == dict(networks)
    by_status = Counter(each.status for each in accounts)
    assert stats["accounts"]["by_status"] == {status: by_status[status] for status in AccountStatus.values}
    assert stats["accounts"]["total"] == board["overview"]["total_accounts"] == len(accounts)
    assert board["overview"]["total_workspaces"] == len(places)
    assert sum(board["platform_distribution"].values()) == len(out)
    assert board["overview"]["total_users"] == made.users_beside(user)
    keys = [key for key, _ in made.secrets if made.is_theirs(key.workspace_ids, user)]
    assert board["api_usage"]["active_keys"] == len(keys)
    _activity_agrees(made.now, board["activity"], posts)


def _activity_agrees(now: datetime, activity: Mapping[str, int], posts: Sequence[Written]) -> None:
    monday = now.date() - now.weekday() * A_DAY
    told = Event.objects.filter(created_at__gte=datetime.combine(monday, now.min.time(), now.tzinfo))
    failed = {pk for kind, pk in told.values_list("type", "resource_id") if kind == "post.failed"}
    assert activity == {
        "posts_today": sum(post.created_at.date() == now.date() for post in posts),
        "posts_this_week": sum(post.created_at.date() >= monday for post in posts),
        "scheduled_posts": sum(post.status == "scheduled" for post in posts),
        "failed_posts": sum(post.status == "failed" and post.id in failed for post in posts),
    }


# One post


def a_post_says_its_numbers_everywhere(api: ApiClient, post: Written, chance: random.Random) -> None:
    """Its own page, its analytics and their CSV."""
    page = data_of(api.get(f"/api/posts/{post.id}"))["post"]["analytics"]
    out = [each for each in post.targets if each.is_out]
    if not out:
        assert page is None or post.published_at
        return
    cut = chance.choice(("hour", "day", "week", "month"))
    path = f"/api/posts/{post.id}/analytics?granularity={cut}"
    report, rows = data_of(api.get(path))["analytics"], rows_of(api.get(f"{path}&format=csv"))
    assert {each.platform for each in out} == set(page["by_platform"]) == set(report["by_platform"])
    for name in COUNTED:
        known = total(each.numbers[name] for each in out)
        assert report["summary"][f"total_{name}"] == known, name
        assert zero(total(int(row[name]) for row in rows if row[name])) == zero(known), name
        if name != "reach":
            assert page[f"total_{name}"] == known, name
    for name in ("impressions", "engagement"):
        known = total(each.numbers[name] for each in out)
        assert zero(total(each[name] for each in report["timeline"])) == zero(known), name
    assert {row["timestamp"] for row in rows} <= {each["timestamp"] for each in report["timeline"]}
