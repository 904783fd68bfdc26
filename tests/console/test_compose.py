"""Composing a post in the console: each button does what the API does, and what is refused loses nothing."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import platforms
from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from adminapi.console.columns import moment
from adminapi.console.compose import page, saving, words
from adminapi.console.compose.forms import options_of
from ouipost.db.rows import insert_each
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from ouipost.ids import new_id
from posts import services
from posts.media import files
from posts.models import Media, Post, Target
from posts.pausing import pause
from tests.conftest import ApiClient
from tests.console.composing import UPLOAD, an_image, edit_address, facebook, staff, workspace, written
from tests.console.conftest import browser_of, comes_between, confirmation, made_as, member_of, text_of
from tests.factories import (
    NOW,
    make_account,
    make_media,
    make_post,
    make_schedule,
    make_user,
    make_workspace,
)
from workspaces.models import Membership, Role, Workspace

pytestmark = pytest.mark.any_database

__all__ = ["facebook", "staff", "workspace"]
NEW = "/console/compose/"
PREVIEW = "/console/compose/preview/"
FILE = ("order", "shown_file")
TWICE, NEVER = "2090-10-29T02:30", "2090-03-26T02:30"
"""By the clocks of Paris."""


def post_to(*accounts: SocialAccount, **values: Any) -> Post:
    """Write a post that names these very accounts."""
    post = make_post(accounts[0].workspace, accounts=list(accounts), **values)
    post.destinations = [account.pk for account in accounts]
    post.save()
    return post


def post_page(post: Post) -> str:
    return reverse("admin:posts_post_change", args=[post.pk])


def posts_told() -> int:
    return Event.objects.filter(resource_type="post").count()


def issues_of(answer: Any) -> list[dict[str, Any]]:
    return [issue for each in answer.context["previews"] for issue in each.preview.issues]


@pytest.mark.parametrize("at", ["2090-07-01T09:30:00", "2090-07-01T07:30Z", "2090-06-30T19:30:59.9-12:00"])
def test_an_empty_page_takes_workspace_and_time_from_its_address(staff: Client, workspace: Workspace, at: str) -> None:
    make_account(workspace, name="Corner Bakery")

    answer = staff.get(NEW, {"workspace": workspace.pk, "at": at})

    assert answer.status_code == 200
    assert b'value="2090-07-01T09:30"' in answer.content
    assert b"Corner Bakery" in answer.content
    assert Post.objects.count() == 0


def test_a_time_that_cannot_be_read_is_left_out(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.get(NEW, {"at": '"><script>'})

    assert (answer.status_code, answer.context["sheet"].at) == (200, "")


def test_who_works_in_no_workspace_is_told_so(db: None) -> None:
    client = browser_of(make_user(email="alone@example.com", role=Role.EDITOR))

    assert b"No workspace yet" in client.get(NEW).content


def test_rows_of_other_workspaces_are_not_there(staff: Client) -> None:
    other = make_workspace(name="Other")
    account = make_account(other)
    post = make_post(other, accounts=[account])

    answers = [
        staff.get(NEW, {"workspace": other.pk}),
        staff.post(NEW, written(account, workspace=other.pk, do="draft")),
        staff.get(edit_address(post)),
        staff.post(edit_address(post), written(account, content="Mine now", do="draft")),
        staff.post(PREVIEW, written(account, post=post.pk)),
        staff.post(UPLOAD, written(account, post=post.pk, file=an_image())),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert Post.objects.get().content == "Fresh bread"


def test_a_post_of_a_workspace_that_is_being_deleted_is_not_there(facebook: SocialAccount) -> None:
    client = browser_of(make_user(email="admin@example.com", role=Role.ADMIN))
    post = post_to(facebook)
    facebook.workspace.deleted_at = NOW
    facebook.workspace.save()

    assert client.get(edit_address(post)).status_code == 404


def test_an_account_of_another_workspace_is_nothing_to_choose(staff: Client, workspace: Workspace) -> None:
    foreign = make_account(make_workspace(name="Other"))

    answer = staff.post(NEW, written(foreign, workspace=workspace.pk, do="draft"))

    assert answer.context["sheet"].errors == {"platforms": ["Choose at least one account."]}
    assert Post.objects.count() == 0


def test_saving_a_draft_stores_all_that_the_page_says(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    body = written(
        facebook,
        title="News",
        link="https://example.com/bread",
        hashtags="bread, #bakery",
        do="draft",
        **{
            "platform_content.facebook.own": ["content"],
            "platform_content.facebook.content": "For our page",
            "platform_content.facebook.title": "not checked",
            "platform_content.facebook.options.post_type": "feed",
            "platform_content.facebook.options.first_comment": "Come in!",
        },
    )

    answer = staff.post(NEW, body)

    post = Post.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, edit_address(post))
    assert (post.status, post.workspace, post.content, post.title) == ("draft", workspace, "Fresh bread", "News")
    assert (post.link, post.hashtags, post.destinations) == (
        "https://example.com/bread",
        ["#bread", "#bakery"],
        [facebook.pk],
    )
    options = {"post_type": "feed", "first_comment": "Come in!"}
    assert post.platform_content == {"facebook": {"content": "For our page", "options": options}}
    assert list(Target.objects.values_list("account", flat=True)) == [facebook.pk]
    told = Event.objects.get(type="post.created")
    assert told.user_email == "editor@example.com"


def test_options_become_what_the_api_takes(staff: Client, workspace: Workspace) -> None:
    youtube, bluesky = make_account(workspace, platform="youtube"), make_account(workspace, platform="bluesky")
    at = "platform_content.youtube.options"
    body = written(
        youtube,
        bluesky,
        do="draft",
        **{
            f"{at}.made_for_kids": "false",
            f"{at}.notify_subscribers": "true",
            f"{at}.tags": ["bread", " ", "rye"],
            f"{at}.privacy": "",
            "platform_content.bluesky.options.thread": ["Then\r\nthis", ""],
        },
    )

    staff.post(NEW, body)

    assert Post.objects.get().platform_content == {
        "youtube": {"options": {"made_for_kids": False, "notify_subscribers": True, "tags": ["bread", "rye"]}},
        "bluesky": {"options": {"thread": ["Then\nthis"]}},
    }


def test_what_is_no_number_is_shown_as_it_was_typed_and_named(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, platform="instagram", type="business")
    name = "platform_content.instagram.options.thumb_offset"

    shown = staff.post(PREVIEW, written(account, **{name: "soon"}))
    answer = staff.post(NEW, written(account, do="draft", **{name: "soon"}))

    assert b"Must be an integer." in shown.content
    assert answer.context["sheet"].errors[name] == ["Must be an integer."]
    assert b'value="soon"' in answer.content
    assert not Post.objects.exists()


def test_a_cover_is_counted_in_the_milliseconds_that_every_network_is_sent() -> None:
    named = ("thumb_offset", "video_cover_timestamp_ms", "cover_image_key_frame_time")

    assert {words.option(name) for name in named} == {"Cover picture: milliseconds from the start"}


@pytest.mark.parametrize("platform", [platform.id for platform in platforms.ALL])
def test_every_option_of_a_network_has_its_field_and_words(staff: Client, workspace: Workspace, platform: str) -> None:
    make_account(workspace, platform=platform)

    answer = staff.get(NEW)

    for option in options_of(platform):
        assert option.name in words.OPTIONS
        assert f'name="platform_content.{platform}.options.{option.name}"'.encode() in answer.content
        assert {value for value in option.choices if words.value(option.name, value) == value} == set()


def test_the_boards_of_the_account_are_to_choose_from(staff: Client, workspace: Workspace) -> None:
    make_account(workspace, platform="pinterest", metadata={"boards": [{"id": "77", "name": "Rye & wheat"}]})

    assert b'<option value="77">Rye &amp; wheat</option>' in staff.get(NEW).content


def test_an_expired_account_cannot_be_chosen_and_says_why(staff: Client, workspace: Workspace) -> None:
    make_account(workspace, status="expired")

    [group] = staff.get(NEW).context["groups"]

    [choice] = group.choices
    assert (choice.is_barred, choice.reason) == (True, "Its sign-in has expired. Connect it again first.")


def test_an_account_in_trouble_says_why_and_can_be_chosen(staff: Client, workspace: Workspace) -> None:
    trouble = {"code": "PLATFORM_UNAVAILABLE", "message": "The network does not answer."}
    make_account(workspace, status="error", last_error=trouble)

    [group] = staff.get(NEW).context["groups"]

    [choice] = group.choices
    assert (choice.is_barred, choice.note) == (False, "The network does not answer.")


def test_what_a_draft_names_and_is_not_connected_is_shown_and_kept(staff: Client, facebook: SocialAccount) -> None:
    gone = make_account(facebook.workspace, platform="twitter", disconnected_at=NOW, default_of=None)
    post = post_to(facebook, gone)
    post.destinations = ["tiktok", *post.destinations]
    post.save()

    shown = staff.get(edit_address(post))
    staff.post(edit_address(post), written(facebook, platforms=post.destinations, content="New text", do="draft"))
    refused = staff.post(
        edit_address(post), written(facebook, platforms=post.destinations, content="New text", do="publish")
    )

    choices = {choice.value: choice for group in shown.context["groups"] for choice in group.choices}
    assert {name: choice.is_chosen for name, choice in choices.items()} == dict.fromkeys(post.destinations, True)
    assert choices["tiktok"].reason == "No account is connected. Connect one, or remove it."
    assert choices[gone.pk].reason == "It was disconnected. Take it away, or connect it again."
    post.refresh_from_db()
    assert (post.content, post.destinations) == ("New text", ["tiktok", facebook.pk, gone.pk])
    [told] = refused.context["sheet"].errors["platforms"]
    assert told.endswith("(TikTok, Company Page)")


def test_an_account_that_was_disconnected_while_one_wrote_is_named(staff: Client, facebook: SocialAccount) -> None:
    gone = make_account(facebook.workspace, platform="twitter", name="Tmp", disconnected_at=NOW, default_of=None)

    answer = staff.post(NEW, written(facebook, gone, do="draft"))

    assert answer.context["sheet"].errors["platforms"] == ["Tmp (Twitter/X) was disconnected."]


def test_an_expired_account_that_a_post_has_can_be_taken_away(staff: Client, workspace: Workspace) -> None:
    expired = make_account(workspace, status="expired")
    post = post_to(expired)

    [group] = staff.get(edit_address(post)).context["groups"]

    assert [(choice.is_chosen, choice.is_barred) for choice in group.choices] == [(True, False)]


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("link", "not an address", "http or https address"),
        ("hashtags", "#", "one word"),
        ("title", "x" * 1001, "1000"),
        ("content", "bell \x07", "Control characters"),
        ("platforms", [], "Choose at least one account."),
    ],
    ids=["link", "hashtags", "title", "content", "platforms"],
)
def test_a_refused_field_says_why_beside_it_and_all_values_stay(
    staff: Client, facebook: SocialAccount, field: str, value: Any, part: str
) -> None:
    typed = {"content": "Typed text", "title": "Typed title", "link": "https://typed.example", "hashtags": "#typed"}

    answer = staff.post(NEW, written(facebook, **(typed | {field: value}), do="draft"))

    assert answer.status_code == 200
    assert part in answer.context["sheet"].errors[field][0]
    assert f'id="post-{field}-error"' in answer.content.decode()
    for name, kept in (typed | {field: value}).items():
        if name not in ("platforms", "content"):
            assert str(kept) in answer.content.decode()
    assert Post.objects.count() == 0


def test_each_error_leads_to_its_field_and_names_that_once(staff: Client, workspace: Workspace) -> None:
    account, name = make_account(workspace, platform="twitter"), "platform_content.twitter.options.thread"

    refused = staff.post(NEW, written(account, link="nowhere", do="draft", **{name: ["bell \x07"]}))
    too_long = staff.post(NEW, written(account, content="x" * 281, do="publish"))
    past = staff.post(NEW, written(account, scheduled_at="2020-07-01T09:30", do="schedule"))

    link = '<li><a href="#post-link" data-goes>Link: Must be an http or https address.</a></li>'
    assert link in refused.content.decode()
    assert '<a href="#platform_content-twitter-options-thread" data-goes>' in refused.content.decode()
    assert next(iter(too_long.context["refused"])).startswith("Text: Twitter/X: The text has 281 characters")
    assert '<a href="#scheduled_at" data-goes>' in past.content.decode()


def test_scheduling_takes_the_time_by_the_clock_of_the_workspace(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(NEW, written(facebook, scheduled_at="2090-07-01T09:30", do="schedule"))

    post = Post.objects.get()
    assert answer["Location"] == post_page(post)
    assert (post.status, post.scheduled_timezone) == ("scheduled", "Europe/Paris")
    assert post.scheduled_at == datetime(2090, 7, 1, 7, 30, tzinfo=UTC)
    assert post.scheduled_local == "2090-07-01T09:30:00+02:00"


def zone_of(answer: Any) -> str:
    [zone] = re.findall(r'name="timezone" value="([^"]*)"', answer.content.decode())
    return unescape(zone)


def test_a_time_is_not_taken_by_another_clock_than_the_page_named(staff: Client, facebook: SocialAccount) -> None:
    typed = written(facebook, scheduled_at="2090-07-01T09:30", do="schedule", timezone=zone_of(staff.get(NEW)))
    Workspace.objects.update(settings={"timezone": "Asia/Tokyo"})

    refused = staff.post(NEW, typed)
    posts = Post.objects.count()
    staff.post(NEW, typed | {"timezone": zone_of(refused)})

    told = (
        "The workspace's time zone has changed since you opened the page: it is Asia/Tokyo now. "
        "Look at the date and time, then press the button again."
    )
    assert refused.context["sheet"].errors == {"scheduled_at": [told]}
    assert f"Date and time: {told}" in refused.context["refused"]
    assert "Date and time in Asia/Tokyo" in refused.content.decode()
    assert (refused.context["sheet"].at, posts) == ("2090-07-01T09:30", 0)
    assert Post.objects.get().scheduled_at == datetime(2090, 7, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("do", ["save", "draft", "schedule"])
def test_the_time_of_a_post_that_nobody_moved_is_shown_by_the_new_clock(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = post_to(facebook)
    at = scheduled_for(post, 30)
    opened = staff.get(edit_address(post))
    kept = {"shown": shown_on(opened), "timezone": zone_of(opened), "scheduled_at": "2090-01-30T10:30"}
    Workspace.objects.update(settings={"timezone": "Asia/Tokyo"})

    answer = staff.post(edit_address(post), written(facebook, do=do, **kept))

    post.refresh_from_db()
    if do == "schedule":
        sheet = answer.context["sheet"]
        assert (sheet.at, [*sheet.errors]) == ("2090-01-30T18:30", ["scheduled_at"])
        again = {"shown": shown_on(answer), "timezone": zone_of(answer), "scheduled_at": "2090-01-30T18:45"}
        assert staff.post(edit_address(post), written(facebook, do=do, **again)).status_code == 302
    assert (post.status, post.scheduled_at) == (("draft", None) if do == "draft" else ("scheduled", at))


def test_scheduling_without_a_time_asks_for_one(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(NEW, written(facebook, scheduled_at="", do="schedule"))

    assert answer.context["sheet"].errors == {"scheduled_at": ["Choose a date and a time."]}


@pytest.mark.parametrize("do", ["draft", "queue", "publish"])
def test_a_typed_time_is_not_passed_over_by_a_button_that_does_not_take_it(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    schedule = make_schedule(facebook.workspace, slots=[(0, "09:00", ["facebook"])])
    typed = written(facebook, scheduled_at="2090-07-01T09:30", schedule_id=schedule.pk, do=do)

    answer = staff.post(NEW, typed)
    staff.post(NEW, typed | {"scheduled_at": ""})

    told = "This time is not set yet. Press “Schedule” to set it, or empty this field."
    assert answer.context["sheet"].errors == {"scheduled_at": [told]}
    assert b'value="2090-07-01T09:30"' in answer.content
    assert Post.objects.count() == 1


@pytest.mark.parametrize("do", ["save", "draft", "publish"])
def test_another_time_of_a_scheduled_post_is_not_passed_over_either(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = post_to(facebook)
    at = scheduled_for(post, 30)
    opened = shown_on(staff.get(edit_address(post)))

    answer = staff.post(edit_address(post), written(facebook, shown=opened, scheduled_at="2090-01-31T09:30", do=do))
    post.refresh_from_db()
    staff.post(edit_address(post), written(facebook, shown=opened, scheduled_at="2090-01-30T10:30", do=do))

    told = "This time is not set yet. Press “Move to this time” to set it, or empty this field."
    assert answer.context["sheet"].errors == {"scheduled_at": [told]}
    assert (post.status, post.scheduled_at) == ("scheduled", at)
    assert Post.objects.get().status == {"save": "scheduled", "draft": "draft", "publish": "publishing"}[do]


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2020-07-01T09:30", "The time Wed 1 Jul 2020, 09:30 is in the past."),
        ("2000-01-01T00:30", "The year must be 2000 to 2100."),
    ],
)
def test_a_time_that_is_past_is_refused_in_the_words_of_the_api_and_the_form_of_the_page(
    staff: Client, facebook: SocialAccount, at: str, told: str
) -> None:
    answer = staff.post(NEW, written(facebook, scheduled_at=at, do="schedule"))

    assert answer.context["sheet"].errors == {"scheduled_at": [told]}
    assert f'value="{at}"' in answer.content.decode()
    assert Post.objects.count() == 0


@pytest.mark.parametrize(
    ("at", "offered"),
    [
        (TWICE, ["2090-10-29T00:30:00+00:00", "2090-10-29T01:30:00+00:00"]),
        (NEVER, ["2090-03-26T01:30:00+00:00", "2090-03-26T00:30:00+00:00"]),
    ],
    ids=["twice", "never"],
)
def test_a_doubtful_time_offers_both_moments_and_takes_the_chosen_one(
    staff: Client, facebook: SocialAccount, at: str, offered: list[str]
) -> None:
    asked = staff.post(NEW, written(facebook, scheduled_at=at, do="schedule"))
    chosen = staff.post(NEW, written(facebook, scheduled_at=at, chosen_at=offered[1], do="schedule"))

    assert [each["value"] for each in asked.context["candidates"]] == offered
    assert all(f'name="chosen_at" value="{each}"' in asked.content.decode() for each in offered)
    post = Post.objects.get()
    assert chosen["Location"] == post_page(post)
    assert post.scheduled_at == datetime.fromisoformat(offered[1])


@pytest.mark.parametrize(
    ("at", "clock"),
    [
        ("2090-10-29T00:30:00+00:00", "Europe/Paris, UTC+02:00"),
        ("2090-10-29T01:30:00+00:00", "Europe/Paris, UTC+01:00"),
        ("2090-10-29T02:30:00+00:00", "Europe/Paris"),
    ],
)
def test_of_a_time_that_comes_twice_it_is_said_which_one_it_is(
    staff: Client, facebook: SocialAccount, at: str, clock: str
) -> None:
    local = datetime.fromisoformat(at).astimezone(ZoneInfo("Europe/Paris")).strftime("%Y-%m-%dT%H:%M")

    answer = staff.post(NEW, written(facebook, scheduled_at=local, chosen_at=at, do="schedule"), follow=True)

    assert f"({clock})." in " ".join(map(str, answer.context["messages"]))
    assert f"({clock})." in staff.get(edit_address(Post.objects.get())).content.decode()


def test_a_moment_that_was_chosen_for_another_time_does_not_count(staff: Client, facebook: SocialAccount) -> None:
    elsewhere = "2090-03-26T01:30:00+00:00"

    staff.post(NEW, written(facebook, scheduled_at="2090-07-01T09:30", chosen_at=elsewhere, do="schedule"))

    assert Post.objects.get().scheduled_at == datetime(2090, 7, 1, 7, 30, tzinfo=UTC)


def test_what_a_network_refuses_stops_scheduling_and_stays_on_the_page(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, platform="instagram", type="business")

    answer = staff.post(NEW, written(account, content="No picture yet", scheduled_at="2090-07-01T09:30", do="schedule"))

    errors = answer.context["sheet"].errors
    told = "This network takes no post of this kind without a file. Add an image or a video."
    assert errors == {"files": [f"Instagram, Pictures and videos: {told}"]}
    assert b"No picture yet" in answer.content
    assert b'id="compose-file-error"' in answer.content
    assert Post.objects.count() == 0


@pytest.mark.parametrize("do", ["schedule", "queue"])
def test_whoever_schedules_is_told_once_of_a_connection_that_ends_before(
    staff: Client, workspace: Workspace, do: str
) -> None:
    ends_at = timezone.now() + timedelta(seconds=1)
    account = make_account(workspace, name="Oven", tokens=Tokens(access_token="token", ends_at=ends_at))
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    when = {"scheduled_at": "2090-07-01T09:30" if do == "schedule" else "", "schedule_id": schedule.pk}

    answer = staff.post(NEW, written(account, **when, do=do), follow=True)
    again = staff.post(edit_address(Post.objects.get()), written(account, content="Rye", do="save"), follow=True)

    told = f"The connection of Oven (Facebook, companypage) ends on {moment(ends_at, workspace.timezone)}, before"
    for each in (answer, again):
        assert [str(message).startswith(told) for message in each.context["messages"]].count(True) == 1


def test_the_next_free_slot_is_taken_from_the_chosen_schedule(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    make_schedule(workspace, name="Evenings", slots=[(4, "18:00", ["facebook"])])
    mornings = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])

    answer = staff.post(NEW, written(facebook, schedule_id=mornings.pk, do="queue"))

    post = Post.objects.get()
    assert answer["Location"] == post_page(post)
    assert (post.status, post.schedule) == ("scheduled", mornings)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"is_active": False}, "The schedule is on hold"),
        ({"slots": [(0, "09:00", ["twitter"])]}, "Facebook is missing"),
    ],
    ids=["on hold", "no slot fits"],
)
def test_a_schedule_that_cannot_take_the_post_says_why(
    staff: Client, workspace: Workspace, facebook: SocialAccount, values: dict[str, Any], told: str
) -> None:
    schedule = make_schedule(workspace, **values)

    answer = staff.post(NEW, written(facebook, schedule_id=schedule.pk, do="queue"))

    assert told in answer.context["sheet"].errors["schedule_id"][0]
    assert Post.objects.count() == 0


def test_a_schedule_of_another_workspace_cannot_be_chosen(staff: Client, facebook: SocialAccount) -> None:
    foreign = make_schedule(make_workspace(name="Other"))

    answer = staff.post(NEW, written(facebook, schedule_id=foreign.pk, do="queue"))

    assert answer.context["sheet"].errors == {"schedule_id": ["Choose a schedule."]}


def test_publishing_makes_the_post_due_now(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(NEW, written(facebook, do="publish"))

    post = Post.objects.get()
    assert answer["Location"] == post_page(post)
    assert (post.status, Target.objects.get().status) == ("publishing", "publishing")
    assert list(Event.objects.order_by("pk").values_list("type", flat=True)) == [
        "post.created",
        "post.publish_requested",
    ]


@pytest.mark.parametrize("is_at_once", [False, True], ids=["later", "at the same time"])
@pytest.mark.parametrize("do", ["draft", "schedule", "publish"])
def test_a_new_post_that_is_sent_twice_is_made_once(
    staff: Client, facebook: SocialAccount, do: str, is_at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = written(facebook, scheduled_at="2090-07-01T09:30" if do == "schedule" else "", do=do)
    typed |= made_as(staff.get(NEW))
    first = staff.post(NEW, typed)
    told = posts_told()
    if is_at_once:  # the other one is not there yet when it is looked for
        found = page._made
        monkeypatch.setattr(page, "_made", lambda request: monkeypatch.setattr(page, "_made", found))

    second = staff.post(NEW, typed)

    assert (second.status_code, second["Location"]) == (302, first["Location"])
    assert (Post.objects.count(), posts_told()) == (1, told)


@pytest.mark.parametrize("sends", [{"content": "Another loaf", "do": "publish"}, {"do": "publish"}])
def test_a_page_that_has_made_a_draft_and_wants_more_is_asked_whether_it_is_another_post(
    staff: Client, facebook: SocialAccount, sends: dict[str, Any]
) -> None:
    typed = written(facebook, do="draft") | made_as(staff.get(NEW))
    staff.post(NEW, typed)
    made = Post.objects.get()

    asked = staff.post(NEW, typed | sends)
    count = Post.objects.count()
    staff.post(NEW, typed | sends | made_as(asked))

    assert next(iter(asked.context["refused"])).startswith("A post was made from this page already.")
    assert (count, post_page(made).encode() in asked.content) == (1, True)
    assert sorted(Post.objects.values_list("status", flat=True)) == ["draft", "publishing"]


@pytest.mark.parametrize("address", [NEW, UPLOAD])
def test_a_page_that_names_a_post_of_another_workspace_as_its_own_is_refused_and_told_nothing_of_that(
    workspace: Workspace, facebook: SocialAccount, address: str
) -> None:
    editor, theirs = browser_of(member_of(workspace)), make_post(make_workspace(name="Other"), content="Hidden")

    answer = editor.post(address, written(facebook, made_as=theirs.pk, file=an_image(), do="draft"))

    assert not any(word in text_of(answer, 404) for word in ("Other", "Hidden", theirs.pk))
    assert (Post.objects.get(), Media.objects.count()) == (theirs, 0)


def test_a_file_with_the_id_of_a_file_of_another_post_is_added_under_one_of_its_own(
    staff: Client, facebook: SocialAccount
) -> None:
    theirs, post = make_media(post_to(facebook)), post_to(facebook)

    answer = staff.post(UPLOAD, written(facebook, post=post.pk, file_id=theirs.pk, file=an_image("rye.jpg"))).json()

    assert f'name="order" value="{post.files.get().pk}"' in answer["row"]
    assert (theirs.pk != post.files.get().pk, Media.objects.count()) == (True, 2)


def test_a_draft_shows_what_it_says_and_takes_changes(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook, title="Old title", hashtags=["#bread"])

    shown = staff.get(edit_address(post))
    answer = staff.post(
        edit_address(post), written(facebook, content="New text", title="Old title", hashtags="bread", do="draft")
    )

    assert b"Old title" in shown.content
    assert answer["Location"] == edit_address(post)
    post.refresh_from_db()
    assert post.content == "New text"
    assert Event.objects.get(type="post.updated").details == {
        "before": {"content": "Fresh bread"},
        "after": {"content": "New text"},
    }


def test_an_account_whose_box_is_empty_goes_also_when_its_network_stays(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    second = make_account(workspace, remote_id="2", default_of=None)
    post = make_post(workspace, accounts=[facebook, second])
    Post.objects.filter(pk=post.pk).update(destinations=["facebook", second.pk])

    staff.post(edit_address(post), written(platforms=["facebook"], do="draft"))

    post.refresh_from_db()
    assert post.destinations == ["facebook"]
    assert [target.account_id for target in post.targets.all()] == [facebook.pk]


def test_a_post_by_its_network_stays_so_when_it_is_saved(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    post = make_post(workspace, accounts=[facebook])

    [group] = staff.get(edit_address(post)).context["groups"]
    staff.post(edit_address(post), written(content="New text", platforms=["facebook"], do="draft"))

    assert [(choice.value, choice.is_chosen) for choice in group.choices] == [("facebook", True)]
    post.refresh_from_db()
    assert (post.destinations, post.content) == (["facebook"], "New text")


def test_what_the_api_says_of_one_account_can_be_seen_and_is_kept(staff: Client, facebook: SocialAccount) -> None:
    own = {facebook.pk: {"content": "", "options": {"first_comment": "Hello"}}}
    post = post_to(facebook, platform_content=own)
    at = f"platform_content.{facebook.pk}"

    shown = staff.get(edit_address(post))
    sent = {f"{at}.own": ["content"], f"{at}.content": "", f"{at}.options.first_comment": "Hello"}
    staff.post(
        edit_address(post), written(facebook, content="New text", section=["facebook", facebook.pk], do="draft", **sent)
    )

    assert f'name="{at}.options.first_comment"'.encode() in shown.content
    post.refresh_from_db()
    assert (post.content, post.platform_content) == ("New text", own)


def test_what_a_draft_says_wrongly_is_shown_as_it_is_and_kept(staff: Client, workspace: Workspace) -> None:
    accounts = [make_account(workspace, platform=name) for name in ("tiktok", "bluesky")]
    options = {"privacy_level": "OLD"}
    said = {"tiktok": {"hashtags": ["#one", "#two"], "options": options}, "bluesky": {"options": {"langs": ["en"]}}}
    post = post_to(*accounts, platform_content=said)
    at = "platform_content.tiktok"
    sent = {
        f"{at}.own": "hashtags",
        f"{at}.hashtags": "#one #two",
        "platform_content.bluesky.options.langs": ["en", ""],
    }
    sent |= {f"{at}.options.{name}": value for name, value in options.items()}

    shown = staff.get(edit_address(post)).content.decode()
    staff.post(edit_address(post), written(*accounts, content="New text", do="draft", **sent))

    assert '<option value="OLD" selected>OLD</option>' in shown
    assert 'value="#one #two"' in shown
    post.refresh_from_db()
    assert (post.content, post.platform_content) == ("New text", said)


def test_an_option_that_was_stored_with_another_type_is_shown_as_it_is_and_named(
    staff: Client, workspace: Workspace
) -> None:
    account = make_account(workspace, platform="tiktok")
    post = post_to(account, platform_content={"tiktok": {"options": {"disable_duet": "maybe"}}})
    name = "platform_content.tiktok.options.disable_duet"

    shown = staff.get(edit_address(post)).content.decode()
    answer = staff.post(edit_address(post), written(account, do="draft", **{name: "maybe"}))

    assert '<option value="maybe" selected>maybe</option>' in shown
    assert answer.context["sheet"].errors[name] == ["Must be true or false."]


def test_a_post_that_was_removed_meanwhile_is_told(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed(*args: Any, **values: Any) -> None:
        raise Http404

    monkeypatch.setattr(services, "lock_editable", removed)
    post = post_to(facebook)

    answer = staff.post(edit_address(post), written(facebook, content="Typed text", do="draft"))

    assert answer.context["sheet"].errors[""][0].startswith("Somebody has just removed the post")
    assert b"Typed text" in answer.content


def shown_on(answer: Any) -> str:
    """Return what a page tells of the post that it was made of."""
    return str(answer.context["sheet"].as_shown)


@pytest.mark.parametrize("do", ["draft", "publish"])
def test_what_another_has_changed_since_stays_and_is_shown_before_anything_is_done(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = post_to(facebook, content="Fresh bread")
    shown = shown_on(staff.get(edit_address(post)))
    services.update_post(post, values={"content": "Rye"}, actor=SYSTEM, now=timezone.now())

    typed = written(facebook, hashtags="bakery", shown=shown, do=do)
    answer = staff.post(edit_address(post), typed)
    refused = Post.objects.get(pk=post.pk)
    again = typed | {"content": answer.context["sheet"].body["content"], "shown": shown_on(answer)}
    staff.post(edit_address(post), again)

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert (answer.context["sheet"].body["content"], answer.context["sheet"].body["hashtags"]) == ("Rye", ["bakery"])
    assert (refused.status, refused.content, refused.hashtags) == ("draft", "Rye", [])
    done = Post.objects.get(pk=post.pk)
    assert (done.content, done.hashtags) == ("Rye", ["#bakery"])
    assert done.status == ("draft" if do == "draft" else "publishing")


def test_what_both_have_changed_is_shown_beside_it_and_as_the_last_one_says_once_they_were_told(
    staff: Client, facebook: SocialAccount
) -> None:
    second = make_account(facebook.workspace, remote_id="2", default_of=None, name="Deli")
    post = post_to(facebook, content="Fresh bread", link="https://old.example")
    shown = shown_on(staff.get(edit_address(post)))
    theirs = {"content": "Rye\n\nand oat", "link": "", "hashtags": ["#rye"], "destinations": [second.pk]}
    services.update_post(post, values=theirs, actor=SYSTEM, now=timezone.now())

    mine = {"content": "Oat", "link": "https://new.example", "hashtags": "oat", "title": "Mine alone"}
    typed = written(facebook, second, **mine, shown=shown, do="draft")
    answer = staff.post(edit_address(post), typed)
    staff.post(edit_address(post), typed | {"shown": shown_on(answer)})

    assert {name: each for name, each in answer.context["sheet"].errors.items() if name} == {
        "content": ["They wrote: Rye\n\nand oat"],
        "link": ["They left this empty."],
        "hashtags": ["They wrote: #rye"],
        "platforms": ["They chose: Deli"],
    }
    assert answer.context["sheet"].body["content"] == "Oat"
    assert (Post.objects.get().content, Post.objects.get().title) == ("Oat", "Mine alone")


def test_of_what_is_for_single_networks_only_what_both_have_changed_is_mine(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    twitter = make_account(workspace, platform="twitter")
    post = post_to(facebook, twitter, platform_content={"twitter": {"content": "Old", "title": "Gone"}})
    shown = shown_on(staff.get(edit_address(post)))
    theirs = {"twitter": {"content": "Rye", "options": {"thread": ["Rye", "Oat"]}}, "facebook": {"content": "Theirs"}}
    services.update_post(post, values={"platform_content": theirs}, actor=SYSTEM, now=timezone.now())

    own = {"twitter.own": ["content", "title"], "twitter.content": "Mine", "twitter.title": "Gone"}
    own |= {"twitter.options.thread": ["Then"]}
    sent = {f"platform_content.{name}": value for name, value in own.items()}
    answer = staff.post(edit_address(post), written(facebook, twitter, shown=shown, do="draft", **sent))

    sheet = answer.context["sheet"]
    assert {name: each for name, each in sheet.errors.items() if name} == {
        "platform_content.twitter.content": ["They wrote: Rye"],
        "platform_content.twitter.options.thread": ["They wrote: Rye\n\nOat"],
    }
    assert sheet.body["platform_content"] == {
        "twitter": {"content": "Mine", "options": {"thread": ["Then"]}},
        "facebook": {"content": "Theirs"},
    }


@pytest.mark.parametrize("day", [None, 30])
def test_a_time_that_both_have_changed_is_shown_beside_it(
    staff: Client, facebook: SocialAccount, day: int | None
) -> None:
    post = post_to(facebook)
    scheduled_for(post, 29)
    typed = written(facebook, scheduled_at="2090-01-31T09:30", shown=shown_on(staff.get(edit_address(post))))
    if day:
        scheduled_for(post, day)
    else:
        services.unschedule_post(post, actor=SYSTEM)

    answer = staff.post(edit_address(post), typed | {"do": "schedule"})

    told = "They chose: Mon 30 Jan 2090, 10:30" if day else "They left this empty."
    assert answer.context["sheet"].errors["scheduled_at"] == [told]
    assert answer.context["sheet"].at == "2090-01-31T09:30"


@pytest.mark.parametrize("do", ["draft", "schedule"])
def test_a_button_that_is_pressed_twice_is_taken_for_nobody_elses(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = post_to(facebook)
    shown = shown_on(staff.get(edit_address(post)))
    at = "2090-01-31T09:30" if do == "schedule" else ""
    typed = written(facebook, content="Rye", shown=shown, scheduled_at=at, do=do)

    answers = [staff.post(edit_address(post), typed) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]


def files_on(page: str) -> dict[str, Any]:
    """Return what a browser sends of the files that a page, or a part of one, shows."""
    words = re.findall(r'name="(alt_text[^"]*)"[^>]*>([^<]*)<', page)
    named = {name: [unescape(each) for each in re.findall(f'name="{name}" value="([^"]*)"', page)] for name in FILE}
    return named | {name: unescape(text) for name, text in words}


def described(media: Media) -> None:
    files.update(media, values={"alt_text": "A red barn"}, actor=SYSTEM)


def moved(media: Media) -> None:
    files.update(media, values={"position": 9}, actor=SYSTEM)


def exchanged(media: Media) -> None:
    files.delete(media, actor=SYSTEM)
    make_media(media.post, filename="blue.jpg", position=9)


@pytest.mark.parametrize("do", ["draft", "publish"])
@pytest.mark.parametrize("change", [described, moved, exchanged])
def test_what_another_has_changed_of_the_files_stays_and_is_shown_first(
    staff: Client, facebook: SocialAccount, change: Callable[[Media], None], do: str
) -> None:
    post = post_to(facebook)
    red = make_media(post, filename="red.jpg", alt_text="")
    make_media(post, position=2)
    opened = staff.get(edit_address(post))
    typed = written(facebook, content="Rye", shown=shown_on(opened), do=do, **files_on(opened.content.decode()))
    change(red)
    left = list(Media.objects.order_by("position").values_list("pk", "alt_text"))

    answer = staff.post(edit_address(post), typed)
    refused = Post.objects.get(pk=post.pk)
    seen = files_on(answer.content.decode())
    staff.post(edit_address(post), typed | {"shown": shown_on(answer)} | seen)

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert (refused.status, refused.content) == ("draft", "Fresh bread")
    assert [(pk, seen[f"alt_text.{pk}"]) for pk in seen["order"]] == left
    assert list(Media.objects.order_by("position").values_list("pk", "alt_text")) == left
    assert Post.objects.get(pk=post.pk).status == ("draft" if do == "draft" else "publishing")


def test_words_and_order_of_files_that_were_typed_stay_where_another_has_changed_them_too(
    staff: Client, facebook: SocialAccount
) -> None:
    post = post_to(facebook)
    red, rye = make_media(post, alt_text=""), make_media(post, alt_text="", position=2)
    opened = staff.get(edit_address(post))
    typed = written(facebook, shown=shown_on(opened), do="draft", **files_on(opened.content.decode()))
    typed |= {f"alt_text.{red.pk}": "A loaf", "order": [rye.pk, red.pk]}
    described(red)

    answer = staff.post(edit_address(post), typed)
    again = staff.post(edit_address(post), typed | {"shown": shown_on(answer)} | files_on(answer.content.decode()))

    assert answer.context["sheet"].errors[f"alt_text.{red.pk}"] == ["They wrote: A red barn"]
    assert (answer.status_code, again.status_code) == (200, 302)
    assert list(Media.objects.order_by("position").values_list("pk", "alt_text")) == [(rye.pk, ""), (red.pk, "A loaf")]


def test_files_that_a_page_has_added_and_changed_itself_are_taken_for_nobody_elses(
    staff: Client, facebook: SocialAccount
) -> None:
    draft = staff.post(UPLOAD, written(facebook, file=an_image())).json()
    sent = written(facebook, post=draft["post"], shown=draft["shown"])
    other = staff.post(UPLOAD, sent | files_on(draft["row"]) | {"file": an_image("rye.jpg")}).json()
    late = make_media(Post.objects.get(), position=3)
    part = staff.get(
        reverse("console_compose_arrivals", args=[draft["post"]]),
        {"order": Media.objects.exclude(pk=late.pk).values_list("pk", flat=True)},
    )
    seen = files_on(draft["row"] + other["row"] + part.content.decode())
    first, second, third = seen["order"]
    seen |= {"order": [third, first, second], "removed": [second], f"alt_text.{first}": "Two\r\nloaves"}

    answers = [staff.post(draft["address"], sent | seen | {"do": "draft"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert list(Media.objects.order_by("position").values_list("pk", "alt_text")) == [
        (third, late.alt_text),
        (first, "Two\nloaves"),
    ]


def test_a_draft_that_is_sent_twice_to_be_published_leads_to_its_page(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook)
    make_media(post, position=5)
    opened = staff.get(edit_address(post))
    typed = written(facebook, content="Rye", shown=shown_on(opened), do="publish", **files_on(opened.content.decode()))

    answers = [staff.post(edit_address(post), typed) for _ in range(2)]
    changed = staff.post(edit_address(post), typed | {f"alt_text.{Media.objects.get().pk}": "A loaf"})

    assert [answer.get("Location") for answer in answers] == [post_page(post)] * 2
    assert list(changed.context["refused"]) == [files.MediaInUse.message]
    assert Event.objects.filter(type="post.publish_requested").count() == 1


def scheduled_for(post: Post, day: int) -> datetime:
    at = datetime(2090, 1, day, 9, 30, tzinfo=UTC)
    services.schedule_post(post, scheduled_at=at, zone="UTC", actor=SYSTEM, now=timezone.now())
    return at


@pytest.mark.parametrize("do", ["draft", "schedule", "publish"])
def test_a_time_that_another_has_given_a_post_since_stays_and_is_shown_first(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = post_to(facebook, content="Fresh bread")
    typed = written(facebook, content="Fresh bread", shown=shown_on(staff.get(edit_address(post))), do=do)
    at = scheduled_for(post, 30)

    answer = staff.post(edit_address(post), typed | ({"scheduled_at": "2090-01-31T09:30"} if do == "schedule" else {}))

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert answer.context["sheet"].at == ("2090-01-31T09:30" if do == "schedule" else "2090-01-30T10:30")
    assert b"It is scheduled for" in answer.content
    post.refresh_from_db()
    assert (post.status, post.scheduled_at) == ("scheduled", at)


def added(media: Media) -> None:
    make_media(media.post, filename="late.jpg", position=9)


def removed(media: Media) -> None:
    files.delete(media, actor=SYSTEM)


def rewritten(media: Media) -> None:
    services.update_post(media.post, values={"content": "Theirs"}, actor=SYSTEM, now=timezone.now())


def retimed(media: Media) -> None:
    scheduled_for(media.post, 30)


def state_of(post: Post) -> tuple[Any, ...]:
    """Return all that a page can change of a post."""
    row = Post.objects.get(pk=post.pk)
    rows = Media.objects.filter(post=post).order_by("position", "pk").values_list("pk", "alt_text")
    return row.status, row.content, row.hashtags, row.scheduled_at, row.schedule_id, *rows


BUTTONS: dict[str, tuple[str, str]] = {
    "a draft": ("draft", ""),
    "a schedule": ("schedule", "2090-01-31T09:30"),
    "a queue": ("queue", ""),
    "publishing": ("publish", ""),
    "saving of a scheduled one": ("save", ""),
    "another time": ("schedule", "2090-01-31T09:30"),
    "a draft again": ("draft", ""),
}
ALREADY_SCHEDULED = ("saving of a scheduled one", "another time", "a draft again")
CHANGES = [rewritten, described, moved, exchanged, added, removed]
LEFT = ("save", retimed)
"""This button leaves the time alone."""


@pytest.mark.parametrize(
    ("button", "change"),
    [(button, change) for button, (do, _) in BUTTONS.items() for change in (*CHANGES, retimed) if (do, change) != LEFT],
)
def test_what_another_changes_while_the_page_is_being_saved_stays_and_is_shown_first(
    staff: Client,
    facebook: SocialAccount,
    monkeypatch: pytest.MonkeyPatch,
    button: str,
    change: Callable[[Media], None],
) -> None:
    (do, at), is_scheduled = BUTTONS[button], button in ALREADY_SCHEDULED
    post, schedule = post_to(facebook, content="Fresh bread"), make_schedule(facebook.workspace)
    red = make_media(post, filename="red.jpg", alt_text="")
    make_media(post, position=2)
    if is_scheduled:
        scheduled_for(post, 29)
    opened = staff.get(edit_address(post))
    typed = written(facebook, hashtags="mine", shown=shown_on(opened), do=do, schedule_id=schedule.pk)
    typed |= {"scheduled_at": at or opened.context["sheet"].at} | files_on(opened.content.decode())
    left: list[Any] = []

    def theirs() -> None:
        change(Media.objects.get(pk=red.pk))
        left.append(state_of(post))

    comes_between(monkeypatch, saving, theirs)

    answer = staff.post(edit_address(post), typed)

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert [state_of(post)] == left
    seen = files_on(answer.content.decode())
    assert [(pk, seen[f"alt_text.{pk}"]) for pk in seen["order"]] == list(left[0][5:])
    sheet = answer.context["sheet"]
    assert (sheet.body["content"], sheet.body["hashtags"]) == (left[0][1], ["mine"])
    taken = typed | {"content": left[0][1], "scheduled_at": at or sheet.at, "shown": shown_on(answer)} | seen
    assert staff.post(edit_address(post), taken).status_code == 302
    assert state_of(post)[1:3] == (left[0][1], ["#mine"])


def test_a_page_whose_saving_begins_anew_is_compared_with_the_post_as_it_is_then(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = post_to(facebook, content="Fresh bread")
    red = make_media(post, alt_text="")
    opened = staff.get(edit_address(post))
    typed = written(facebook, content="Mine", shown=shown_on(opened), do="draft", **files_on(opened.content.decode()))
    typed[f"alt_text.{red.pk}"] = "A loaf"

    def lose(_rows: Any) -> None:
        monkeypatch.setattr("ouipost.events.journal.insert_each", insert_each)
        raise OperationalError(1213, "Deadlock found")

    monkeypatch.setattr("ouipost.events.journal.insert_each", lose)
    monkeypatch.setattr("ouipost.db.locks.time", SimpleNamespace(sleep=lambda _: exchanged(red)))

    answer = staff.post(edit_address(post), typed)

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert Post.objects.get().content == "Fresh bread"
    assert [file.media.pk for file in answer.context["sheet"].files] == [Media.objects.get().pk]


def test_files_that_came_beside_a_page_that_was_overtaken_are_added_once(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = post_to(facebook, content="Fresh bread")
    red = make_media(post)
    opened = staff.get(edit_address(post))
    typed = written(facebook, shown=shown_on(opened), do="draft", key="form_1", **files_on(opened.content.decode()))
    comes_between(monkeypatch, saving, lambda: rewritten(red), after=1)

    answer = staff.post(edit_address(post), typed | {"file": an_image()})
    seen = files_on(answer.content.decode())
    again = staff.post(edit_address(post), typed | {"content": "Theirs", "shown": shown_on(answer)} | seen)

    assert (answer.status_code, again.status_code) == (200, 302)
    assert seen["order"] == list(Media.objects.order_by("position").values_list("pk", flat=True))
    assert Media.objects.count() == 2


def test_a_new_page_that_became_a_draft_by_a_refused_attempt_goes_over_nothing_that_another_changed(
    staff: Client, facebook: SocialAccount
) -> None:
    refused = staff.post(NEW, written(facebook, do="schedule", file=an_image()))
    rewritten(Media.objects.get())

    typed = written(facebook, shown=shown_on(refused), do="draft", **files_on(refused.content.decode()))
    answer = staff.post(edit_address(Post.objects.get()), typed)

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert Post.objects.get().content == "Theirs"


def test_a_page_that_is_sent_twice_at_once_to_be_published_publishes_once_and_leads_to_its_post(
    staff: Client, facebook: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = post_to(facebook, content="Fresh bread")
    typed = written(facebook, shown=shown_on(staff.get(edit_address(post))), do="publish")
    comes_between(monkeypatch, saving, lambda: staff.post(edit_address(post), typed))

    answer = staff.post(edit_address(post), typed)

    assert answer.get("Location") == post_page(post)
    assert Event.objects.filter(type="post.publish_requested").count() == 1


def test_words_are_saved_though_another_has_moved_the_post(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook)
    scheduled_for(post, 30)
    typed = written(facebook, content="Rye", shown=shown_on(staff.get(edit_address(post))), do="save")
    at = scheduled_for(post, 31)

    staff.post(edit_address(post), typed)

    post.refresh_from_db()
    assert (post.content, post.scheduled_at) == ("Rye", at)


@pytest.mark.parametrize("told", ["", "5", "[", "{}", "[" * 50_000])
def test_a_page_that_says_nonsense_of_its_post_is_saved_as_it_is(
    staff: Client, facebook: SocialAccount, told: str
) -> None:
    post = post_to(facebook)

    staff.post(edit_address(post), written(facebook, content="Rye", shown=told, do="draft"))

    assert Post.objects.get(pk=post.pk).content == "Rye"


@pytest.mark.parametrize(
    ("before", "after"), [("Fresh bread", "New text"), ("x" * 70_000, "x" * 69_000)], ids=["fits", "fits no more"]
)
def test_a_scheduled_post_stays_scheduled_when_it_is_saved(
    staff: Client, facebook: SocialAccount, before: str, after: str
) -> None:
    at = datetime(2090, 7, 1, 7, 30, tzinfo=UTC)
    post = post_to(facebook, status="scheduled", scheduled_at=at, content=before)

    shown = staff.get(edit_address(post))
    staff.post(edit_address(post), written(facebook, content=after, do="save"))

    assert b'value="2090-07-01T09:30"' in shown.content
    post.refresh_from_db()
    assert (post.content, post.status, post.scheduled_at) == (after, "scheduled", at)


def test_a_scheduled_post_cannot_be_saved_as_what_a_network_refuses(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook, status="scheduled", scheduled_at=NOW)
    media = make_media(post)

    answer = staff.post(
        edit_address(post), written(facebook, content="", removed=[media.pk], order=[media.pk], do="save")
    )

    assert answer.context["sheet"].errors == {
        "content": ["Facebook: The post is empty. Write a text, or add an image."]
    }
    post.refresh_from_db()
    assert (post.content, Media.objects.count()) == ("Fresh bread", 1)
    assert [file.is_removed for file in answer.context["files"]] == [True]


def test_a_file_may_go_with_what_needed_it(staff: Client, workspace: Workspace, facebook: SocialAccount) -> None:
    instagram = make_account(workspace, platform="instagram", type="business")
    post = post_to(facebook, instagram, status="scheduled", scheduled_at=NOW)
    media = make_media(post)
    removed = {"order": [media.pk], "removed": [media.pk], "do": "save"}

    refused = staff.post(edit_address(post), written(facebook, instagram, **removed))
    kept = post.files.count()
    staff.post(edit_address(post), written(facebook, **removed))

    assert list(refused.context["sheet"].errors) == ["files"]
    assert (kept, post.files.count()) == (1, 0)
    assert Post.objects.get().destinations == [facebook.pk]


def test_a_scheduled_post_goes_back_to_draft(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook, status="scheduled", scheduled_at=NOW)

    staff.post(edit_address(post), written(facebook, content="", do="draft"))

    post.refresh_from_db()
    assert (post.status, post.content) == ("draft", "")


def test_a_published_post_cannot_be_edited_and_leads_to_its_page(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook, status="published")

    shown = staff.get(edit_address(post))
    answer = staff.post(edit_address(post), written(facebook, content="Too late", do="draft"))

    assert b"This post can no longer be edited" in shown.content
    assert post_page(post).encode() in shown.content
    assert answer.context["sheet"].errors == {"": ["Only draft and scheduled posts can be changed."]}
    assert b"Too late" in answer.content
    assert post_page(post).encode() in answer.content
    assert b'<span class="op-badge op-good">published</span>' in answer.content
    assert not re.search(rb'name="do" value="(?!workspace)', answer.content)
    post.refresh_from_db()
    assert post.content == "Fresh bread"


def test_the_first_file_saves_the_post_as_a_draft(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(UPLOAD, written(facebook, file=an_image())).json()

    post = Post.objects.get()
    media = Media.objects.get(post=post)
    assert (answer["post"], answer["address"], answer["is_new"]) == (post.pk, edit_address(post), True)
    assert f'name="order" value="{media.pk}"' in answer["row"]
    assert (post.status, post.content, media.filename) == ("draft", "Fresh bread", "bread.jpg")


@pytest.mark.parametrize("is_at_once", [False, True], ids=["later", "at the same time"])
def test_a_first_file_that_is_sent_twice_makes_one_draft_with_one_file(
    staff: Client, facebook: SocialAccount, is_at_once: bool, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.POST_MAX_FILES = 1
    sent = written(facebook, made_as=new_id("post"), file_id=new_id("media"))
    first = staff.post(UPLOAD, sent | {"file": an_image()}).json()
    if is_at_once:
        monkeypatch.setattr(page, "_made", lambda request: None)

    second = staff.post(UPLOAD, sent | {"file": an_image()}).json()

    assert {**second, "row": ""} == {**first, "row": ""}
    assert f'name="order" value="{Media.objects.get().pk}"' in second["row"]
    assert Post.objects.get().pk == sent["made_as"]


@pytest.mark.parametrize("do", ["draft", "schedule"])
def test_files_that_come_twice_with_the_page_of_a_post_are_added_once(
    staff: Client, facebook: SocialAccount, do: str
) -> None:
    post = post_to(facebook)
    key = confirmation(staff.get(edit_address(post))).get("key", "")
    at = "2090-07-01T09:30" if do == "schedule" else ""
    typed = written(facebook, content="Rye", scheduled_at=at, do=do, key=key)

    for names in [["bread.jpg", "bread.jpg"], ["bread.jpg", "bread.jpg", "rye.jpg"]]:
        answer = staff.post(edit_address(post), typed | {"file": list(map(an_image, names))})
        assert answer.status_code == 302

    assert list(post.files.order_by("position").values_list("filename", flat=True)) == ["bread.jpg"] * 2 + ["rye.jpg"]


def test_a_page_that_became_a_draft_by_its_first_file_goes_over_nothing_that_another_changed(
    staff: Client, facebook: SocialAccount
) -> None:
    draft = staff.post(UPLOAD, written(facebook, file=an_image())).json()
    post = Post.objects.get()
    services.update_post(post, values={"title": "Rye"}, actor=SYSTEM, now=timezone.now())

    typed = written(facebook, post=draft["post"], shown=draft["shown"], content="Oat", do="draft")
    answer = staff.post(draft["address"], typed)

    assert next(iter(answer.context["refused"])) == "Somebody else has changed the post since you opened the page."
    assert (answer.context["sheet"].body["title"], answer.context["sheet"].body["content"]) == ("Rye", "Oat")


def test_a_second_file_joins_the_post_and_saves_nothing_else(staff: Client, facebook: SocialAccount) -> None:
    first = staff.post(UPLOAD, written(facebook, file=an_image())).json()

    second = staff.post(
        UPLOAD, written(facebook, content="Not yet", post=first["post"], file=an_image("rye.jpg"))
    ).json()

    assert second["is_new"] is False
    assert Post.objects.get().content == "Fresh bread"
    assert list(Media.objects.order_by("position").values_list("filename", flat=True)) == ["bread.jpg", "rye.jpg"]


def test_a_file_before_any_account_is_asked_to_wait(staff: Client, workspace: Workspace) -> None:
    answer = staff.post(UPLOAD, written(workspace=workspace.pk, file=an_image())).json()

    assert answer == {"refused": ["Accounts: Choose at least one account."]}
    assert Post.objects.count() == 0


def test_a_file_that_is_refused_says_why_and_leaves_no_draft(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(UPLOAD, written(facebook, file=an_image("notes.txt", b"only words"))).json()

    assert answer["refused"][0].startswith("notes.txt: The file is not a JPEG")
    assert Post.objects.count() == 0


def test_a_file_for_a_post_that_has_all_it_takes_is_not_looked_into(
    staff: Client, facebook: SocialAccount, settings: Any
) -> None:
    settings.POST_MAX_FILES = 1
    post = post_to(facebook)
    make_media(post)

    answer = staff.post(UPLOAD, written(facebook, post=post.pk, file=an_image("notes.txt", b"only words"))).json()

    assert answer["refused"] == ["notes.txt: A post takes at most 1 files."]


def test_an_upload_without_a_file_is_told_so(staff: Client, facebook: SocialAccount) -> None:
    assert staff.post(UPLOAD, written(facebook)).json() == {"refused": ["No file came with the request."]}


def test_files_that_come_with_the_page_are_attached_and_stay_when_it_is_refused(
    staff: Client, workspace: Workspace
) -> None:
    account = make_account(workspace, platform="tiktok")

    answer = staff.post(NEW, written(account, file=[an_image(), an_image("rye.jpg")], do="publish"))

    assert "platform_content.tiktok.options.privacy_level" in answer.context["sheet"].errors
    assert [file.filename for file in answer.context["files"]] == ["bread.jpg", "rye.jpg"]
    assert answer.context["address"] == edit_address(Post.objects.get())
    assert Post.objects.get().status == "draft"


def test_order_words_and_removal_of_files_are_saved_with_the_post(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook)
    first, second, third = [make_media(post, filename=f"{name}.jpg", position=at) for at, name in enumerate("abc", 1)]
    sent = {"order": [third.pk, first.pk, second.pk], "removed": [second.pk], f"alt_text.{third.pk}": "A loaf"}

    staff.post(edit_address(post), written(facebook, do="draft", **sent))

    assert list(Media.objects.order_by("position").values_list("filename", "alt_text")) == [
        ("c.jpg", "A loaf"),
        ("a.jpg", "Product showcase image"),
    ]
    post.refresh_from_db()
    assert [each["id"] for each in post.media] == [third.pk, first.pk]
    assert not Event.objects.filter(type="post.updated").exists()


def test_words_of_a_file_that_are_refused_are_told_beside_it(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook)
    media = make_media(post)

    answer = staff.post(edit_address(post), written(facebook, do="draft", **{f"alt_text.{media.pk}": "x" * 2001}))

    [file] = answer.context["files"]
    assert (list(file.errors), len(file.alt_text)) == (["Ensure this field has no more than 2000 characters."], 2001)
    assert describes(answer, f"alt_text.{media.pk}")


def describes(answer: Any, name: str) -> bool:
    """Whether the field of this name says that it is wrong, and where it is told why."""
    page = answer.content.decode()
    found = re.search(rf'name="{name}"[^>]* aria-invalid="true" aria-describedby="([^"]+)"', page)
    return found is not None and f'id="{found[1]}"' in page


def test_each_part_of_a_thread_says_that_the_thread_is_wrong(staff: Client, workspace: Workspace) -> None:
    account, name = make_account(workspace, platform="twitter"), "platform_content.twitter.options.thread"

    answer = staff.post(NEW, written(account, do="draft", **{name: ["bell \x07"]}))

    assert describes(answer, name)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"content": "x" * 281},
        {"link": "https://example.com"},
        {"hashtags": "a b c"},
        {"platform_content.tiktok.options.privacy_level": "SELF_ONLY"},
    ],
    ids=["plain", "too long", "link", "hashtags", "option"],
)
def test_a_preview_shows_the_issues_that_the_api_finds_and_saves_nothing(
    staff: Client, api: ApiClient, workspace: Workspace, values: dict[str, str]
) -> None:
    accounts = [make_account(workspace, platform=name) for name in ("instagram", "twitter", "tiktok", "facebook")]
    body: dict[str, Any] = {
        "content": values.get("content", "Fresh bread"),
        "link": values.get("link", ""),
        "hashtags": values.get("hashtags", "").split(),
        "platforms": [account.pk for account in accounts],
    }
    if option := values.get("platform_content.tiktok.options.privacy_level"):
        body |= {"platform_content": {"tiktok": {"options": {"privacy_level": option}}}}

    answer = staff.post(PREVIEW, written(*accounts, **values))

    assert answer.status_code == 200
    assert issues_of(answer) == api.post("/api/posts/validate", body).json()["data"]["issues"]
    assert (Post.objects.count(), Media.objects.count(), posts_told()) == (0, 0, 0)


def test_a_preview_counts_as_the_network_counts(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, platform="twitter")

    answer = staff.post(PREVIEW, written(account, content="🥖" * 10))

    assert b"20 of 280 characters" in answer.content


def test_a_preview_has_the_files_as_the_page_has_them(staff: Client, facebook: SocialAccount) -> None:
    post = post_to(facebook)
    first, second = [make_media(post, filename=f"{name}.jpg", position=at) for at, name in enumerate("ab", 1)]
    third = make_media(post, filename="c.jpg", position=3)
    sent = {"order": [second.pk, first.pk, third.pk], "removed": [third.pk], f"alt_text.{second.pk}": "A loaf"}

    answer = staff.post(PREVIEW, written(facebook, post=post.pk, **sent))

    [shown] = answer.context["previews"]
    assert [(each.filename, each.alt_text) for each in shown.pictures] == [
        ("b.jpg", "A loaf"),
        ("a.jpg", "Product showcase image"),
    ]
    assert b"http://" not in answer.content  # only what this site serves itself
    assert Media.objects.get(pk=second.pk).alt_text == "Product showcase image"


def test_a_preview_of_a_time_names_the_network_that_is_not_connected(
    staff: Client, api: ApiClient, facebook: SocialAccount
) -> None:
    named = ["facebook", "threads"]
    draft = api.post("/api/posts", {"content": "Fresh bread", "platforms": named}).json()["data"]["post"]["id"]

    answer = staff.post(PREVIEW, written(facebook, platforms=named, post=draft, scheduled_at="2090-07-01T09:30"))

    assert answer.status_code == 200
    assert "account_not_connected" in [issue["rule"] for issue in issues_of(answer)]


def test_a_preview_names_what_cannot_be_saved(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(PREVIEW, written(facebook, link="nowhere"))

    assert list(answer.context["refused"]) == ["Link: Must be an http or https address."]


def test_a_preview_shows_a_title_where_the_network_has_one(staff: Client, workspace: Workspace) -> None:
    accounts = [
        make_account(workspace, platform=each, remote_id=each) for each in ("facebook", "linkedin", "pinterest")
    ]

    answer = staff.post(PREVIEW, written(*accounts, title="Oven news"))
    linked = staff.post(PREVIEW, written(*accounts, title="Oven news", link="https://example.com/"))

    shown = {each.preview.platform.id: bool(each.preview.title) for each in answer.context["previews"]}
    assert shown == {"facebook": False, "linkedin": False, "pinterest": True}
    assert answer.content.count(b"op-compose-mock-title") == 1
    assert linked.content.count(b"op-compose-mock-title") == 2  # LinkedIn's card of the link has it


def test_a_preview_says_what_waits_for_the_end_of_a_pause(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    bluesky = make_account(workspace, platform="bluesky")
    pause("network", "facebook", reason="They are down", actor=SYSTEM, now=timezone.now())

    answer = staff.post(PREVIEW, written(facebook, bluesky))
    other = staff.post(PREVIEW, written(bluesky))

    told = "The operator has paused all publishing to Facebook: They are down."
    assert [each.paused for each in answer.context["previews"]] == [[told], []]
    assert answer.content.decode().count(told) == 1
    assert b"Publishing is paused: the preview says what waits." in answer.content
    assert b"It can go out as it is." in other.content


def test_a_preview_of_no_account_asks_for_one(staff: Client, facebook: SocialAccount) -> None:
    answer = staff.post(PREVIEW, written(workspace=facebook.workspace.pk))

    assert b"Choose an account to see what it gets." in answer.content


def test_a_preview_names_an_entry_for_an_account_that_is_gone(staff: Client, facebook: SocialAccount) -> None:
    gone = make_account(facebook.workspace, platform="twitter", disconnected_at=NOW, default_of=None)
    at = f"platform_content.{gone.pk}"

    answer = staff.post(PREVIEW, written(facebook, section=[gone.pk], **{f"{at}.own": "content", f"{at}.content": "X"}))

    assert list(answer.context["refused"]) == ["No such connected account."]


def test_a_preview_tells_of_an_expired_account_and_where_to_connect_it(staff: Client, workspace: Workspace) -> None:
    expired = make_account(workspace, status="expired")

    answer = staff.post(PREVIEW, written(expired))

    assert f"{reverse('console_connect')}?account={expired.pk}" in answer.content.decode()
    assert b"POST /api" not in answer.content
    assert answer.context["warnings"] == 1


def test_an_issue_leads_to_the_field_that_mends_it(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, platform="twitter")
    own = {"platform_content.twitter.own": "content", "platform_content.twitter.content": "x" * 281}

    of_network = staff.post(PREVIEW, written(account, **own))
    of_post = staff.post(PREVIEW, written(account, content="x" * 281))
    of_thread = staff.post(PREVIEW, written(account, **{"platform_content.twitter.options.thread": ["a", "x" * 281]}))

    assert [trouble.target for trouble in of_network.context["previews"][0].troubles] == [
        "platform_content-twitter-content"
    ]
    assert [trouble.target for trouble in of_post.context["previews"][0].troubles] == ["post-content"]
    [trouble] = of_thread.context["previews"][0].troubles
    assert (trouble.target, trouble.field) == (
        "platform_content-twitter-options-thread",
        "More posts of the thread 2",
    )


def test_choosing_another_workspace_keeps_what_was_written_and_the_place(
    staff: Client, workspace: Workspace, facebook: SocialAccount
) -> None:
    other = make_workspace(name="Other")
    Membership.objects.create(workspace=other, user=Membership.objects.get().user)
    make_account(other, name="Other Page")

    answer = staff.post(NEW, written(facebook, content="Typed text", workspace=other.pk, do="workspace"))

    assert b"Typed text" in answer.content
    assert b"Other Page" in answer.content
    assert b'id="workspace" name="workspace" autofocus' in answer.content
    assert answer.context["sheet"].errors == {}
    assert Post.objects.count() == 0


def test_the_pages_cost_the_same_whatever_the_rows(
    staff: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    names = [platform.id for platform in platforms.ALL]
    accounts = [
        make_account(workspace, platform=name, remote_id=str(at), default_of=name if at == 0 else None)
        for name in names
        for at in range(5)
    ]
    post = post_to(*accounts[:20])
    for at in range(10):
        make_media(post, filename=f"{at}.jpg", position=at + 1)
        make_schedule(workspace, name=f"Schedule {at}")

    with django_assert_max_num_queries(20):
        staff.get(NEW)
    with django_assert_max_num_queries(20):
        staff.get(edit_address(post))
    with django_assert_max_num_queries(20):
        staff.post(PREVIEW, written(*accounts, post=post.pk))


def test_a_preview_knows_the_time_that_is_typed(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace, tokens=Tokens(access_token="token", ends_at=datetime(2090, 6, 1, tzinfo=UTC)))
    make_post(
        workspace,
        accounts=[account],
        content="Fresh bread",
        status="scheduled",
        scheduled_at=datetime(2090, 7, 1, 9, tzinfo=UTC),
    )

    told = {
        at: [issue["rule"] for issue in issues_of(staff.post(PREVIEW, written(account, scheduled_at=at)))]
        for at in ("2090-07-02T09:30", "2090-08-02T09:30", "2090-05-02T09:30", TWICE, "nonsense", "")
    }

    assert told == {
        "2090-07-02T09:30": ["account_ends_first", "repeated_text"],
        "2090-08-02T09:30": ["account_ends_first"],
        "2090-05-02T09:30": [],
        TWICE: [],
        "nonsense": [],
        "": [],
    }


def test_the_preview_of_a_scheduled_post_does_not_take_it_for_its_own_copy(
    staff: Client, facebook: SocialAccount
) -> None:
    at = datetime(2090, 7, 1, 9, tzinfo=UTC)
    post = post_to(facebook, content="Fresh bread", status="scheduled", scheduled_at=at)

    answer = staff.post(PREVIEW, written(facebook, post=post.pk, scheduled_at="2090-07-01T12:00"))

    assert issues_of(answer) == []
