"""POST /api/posts/validate: the answer that scheduling would give, with nothing stored."""

from typing import Any

import pytest
import time_machine

from accounts.models import SocialAccount
from ouipost.events.models import Event
from posts.models import Post, Target
from tests.conftest import ApiClient
from tests.contract.world import connect_all, data_of, error_of, fields_of
from tests.factories import NOW, make_account, make_key, make_post
from workspaces.models import Workspace

PATH = "/api/posts/validate"
FUTURE = "2090-02-01T09:00:00Z"


def stored() -> list[int]:
    """Count what creating a post writes."""
    return [Post.objects.count(), Target.objects.count(), Event.objects.filter(resource_type="post").count()]


def rules_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue["platform"], issue["rule"]) for issue in data["issues"]]


def test_a_sound_post_is_valid_and_is_not_stored(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook", "twitter", "bluesky")

    response = api.post(PATH, {"content": "Hi", "platforms": ["facebook", "twitter", "bluesky"]})

    assert data_of(response) == {"valid": True, "issues": []}
    assert stored() == [0, 0, 0]


def test_an_issue_says_what_is_wrong_where_and_how_to_mend_it(api: ApiClient, workspace: Workspace) -> None:
    twitter = make_account(workspace, platform="twitter")

    response = api.post(PATH, {"content": "x" * 281, "platforms": ["twitter"]})

    assert data_of(response) == {
        "valid": False,
        "issues": [
            {
                "rule": "text_too_long",
                "platform": "twitter",
                "account_id": twitter.pk,
                "field": "content",
                "message": "The text has 281 characters by Twitter/X's own count; this network takes at most 280.",
                "limit": 280,
                "actual": 281,
                "severity": "error",
                "fix": "Remove at least 1.",
            }
        ],
    }
    assert stored() == [0, 0, 0]


def test_a_network_without_an_account_is_an_issue_beside_those_of_its_content(api: ApiClient) -> None:
    data = data_of(api.post(PATH, {"content": "x" * 301, "platforms": ["bluesky"]}))

    too_long, unconnected = data["issues"]
    assert rules_of(data) == [("bluesky", "text_too_long"), ("bluesky", "account_not_connected")]
    assert (too_long["account_id"], too_long["actual"], too_long["limit"]) == (None, 301, 300)
    assert unconnected == {
        "rule": "account_not_connected",
        "platform": "bluesky",
        "account_id": None,
        "field": "platforms",
        "message": "No account is connected for Bluesky.",
        "limit": None,
        "actual": None,
        "severity": "error",
        "fix": 'POST /api/accounts {"platform": "bluesky"}',
    }
    assert (data["valid"], SocialAccount.objects.exists()) == (False, False)


def test_a_network_without_an_account_is_checked_all_the_same(api: ApiClient) -> None:
    data = data_of(api.post(PATH, {"content": "x" * 3001, "platforms": ["linkedin", "instagram"]}))

    assert rules_of(data) == [
        ("linkedin", "text_too_long"),
        ("linkedin", "account_not_connected"),
        ("instagram", "text_too_long"),
        ("instagram", "media_required"),
        ("instagram", "account_not_connected"),
    ]
    assert data["issues"][1]["fix"] == 'POST /api/accounts {"platform": "linkedin"}'


def test_a_network_without_an_account_is_an_issue_of_a_scheduled_post_as_well(api: ApiClient) -> None:
    body = {"content": "Hi", "platforms": ["threads"], "scheduled_at": "2100-06-01T09:00:00Z"}

    assert rules_of(data_of(api.post(PATH, body))) == [("threads", "account_not_connected")]


def test_a_warning_leaves_a_post_valid(api: ApiClient, workspace: Workspace) -> None:
    account = make_account(workspace, status="expired")

    data = data_of(api.post(PATH, {"content": "Hi", "platforms": [account.pk]}))

    assert (data["valid"], rules_of(data)) == (True, [("facebook", "account_expired")])


def test_overrides_links_and_hashtags_are_checked_as_they_would_be_sent(api: ApiClient, workspace: Workspace) -> None:
    twitter = make_account(
        workspace, platform="twitter", settings={"auto_hashtags": True, "default_hashtags": ["#bread"]}
    )
    body = {"platforms": ["twitter"], "link": "https://bread.com/", "hashtags": ["rye"], "content": "Short"}
    taken = 23 + len("\n\n") + len("\n\n#rye #bread")

    fits = api.post(PATH, body | {"platform_content": {twitter.pk: "x" * (280 - taken)}})
    too_long = api.post(PATH, body | {"platform_content": {twitter.pk: "x" * (281 - taken)}})

    assert data_of(fits) == {"valid": True, "issues": []}
    assert [(each["rule"], each["actual"]) for each in data_of(too_long)["issues"]] == [("text_too_long", 281)]


REFUSED: list[dict[str, Any]] = [
    {"content": None},
    {"content": 5, "platforms": []},
    {"platforms": ["myspace"]},
    {"platforms": ["acc_00000000-0000-7000-8000-000000000000"]},
    {"platform_content": {"bluesky": {"options": {"board_id": "1"}}}},
    {"platform_content": {"acc_00000000-0000-7000-8000-000000000000": "Hi"}},
    {"status": "scheduled"},
    {"unheard_of": 1},
    {"scheduled_at": "2020-01-01T00:00:00Z"},
    {"scheduled_at": "2090-03-26T02:30:00", "timezone": "Europe/Paris"},
    {"scheduled_at": "2090-10-29T02:30:00", "timezone": "Europe/Paris"},
    {"scheduled_at": "soon", "timezone": "Paris"},
    {"scheduled_at": "2020-01-01T00:00:00Z", "platforms": ["acc_00000000-0000-7000-8000-000000000000"]},
]


@pytest.mark.parametrize("change", REFUSED)
def test_what_creating_refuses_is_refused_in_the_same_words(
    api: ApiClient, workspace: Workspace, change: dict[str, Any]
) -> None:
    make_account(workspace)
    body = {"content": "Hi", "platforms": ["facebook"]} | change

    validated, created = api.post(PATH, body), api.post("/api/posts", body)

    assert fields_of(validated)
    assert validated.json() == created.json()
    assert stored() == [0, 0, 0]


IDLE: list[dict[str, Any]] = [
    {"media": ["https://example.com/rye.jpg"]},
    {"timezone": "Europe/Paris"},
    {"platform_content": {"threads": {"title": "Rye"}}, "media": [{"id": "media_1"}]},
]


@pytest.mark.parametrize("more", IDLE)
def test_what_comes_to_nothing_is_told_in_the_words_of_creating(
    api: ApiClient, workspace: Workspace, more: dict[str, Any]
) -> None:
    make_account(workspace)
    body = {"content": "Hi", "platforms": ["facebook"]} | more

    validated, created = data_of(api.post(PATH, body)), data_of(api.post("/api/posts", body), status=201)

    assert validated["warnings"] == created["warnings"]
    assert (validated["valid"], validated["issues"]) == (True, [])


@pytest.mark.usefixtures("one_clock")
@time_machine.travel(NOW, tick=False)
def test_a_time_that_creating_takes_is_taken(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)

    for scheduled_at in (None, FUTURE, "2026-11-25T11:59:00Z"):
        body = {"content": "Hi", "platforms": ["facebook"], "scheduled_at": scheduled_at}
        assert data_of(api.post(PATH, body))["valid"] is True


def test_its_issues_are_those_that_scheduling_would_raise(api: ApiClient, workspace: Workspace) -> None:
    connect_all(workspace, "facebook", "twitter", "bluesky")
    body = {
        "content": "x" * 70_000,
        "platforms": ["twitter", "facebook", "bluesky"],
        "platform_content": {"bluesky": {"content": "", "options": {"langs": ["en"] * 4, "post_type": "reel"}}},
    }

    validated = data_of(api.post(PATH, body))
    scheduled = api.post("/api/posts", body | {"scheduled_at": FUTURE})

    assert error_of(scheduled) == (422, "POST_NOT_PUBLISHABLE")
    assert len(validated["issues"]) > 4
    assert validated["issues"] == scheduled.json()["error"]["details"]["issues"]


def test_whoever_may_read_posts_may_validate(workspace: Workspace) -> None:
    body = {"content": "Hi", "platforms": ["facebook"]}
    reader, writer = (
        ApiClient(make_key(permissions=[each])[1], workspace.pk) for each in ("posts.read", "posts.write")
    )

    assert reader.post(PATH, body).status_code == 200
    assert error_of(reader.post("/api/posts", body)) == (403, "PERMISSION_DENIED")
    assert error_of(writer.post(PATH, body)) == (403, "PERMISSION_DENIED")


def test_only_posting_to_it_is_known(api: ApiClient) -> None:
    assert error_of(api.get(PATH)) == (405, "METHOD_NOT_ALLOWED")
    assert error_of(api.post(f"{PATH}?strict=1", {})) == (400, "VALIDATION_ERROR")


def test_a_sandbox_is_told_what_its_own_app_may_do_before_an_account_is_connected(api: ApiClient) -> None:
    """The sandbox's LinkedIn app has the widest product, which comments."""
    override = {"linkedin": {"options": {"first_comment": "More below"}}}
    body = {"content": "Hi", "platforms": ["linkedin"], "platform_content": override}

    assert rules_of(data_of(api.post(PATH, body))) == [("linkedin", "account_not_connected")]


REPEATS: list[tuple[str, str, bool]] = [
    ("scheduled", "2090-02-01T09:00:00+00:00", True),
    ("scheduled", "2090-01-31T09:00:00+00:00", True),
    ("scheduled", "2090-02-02T09:00:01+00:00", False),
    ("published", "2090-02-01T08:00:00+00:00", True),
    ("draft", "2090-02-01T09:00:00+00:00", False),
    ("failed", "2090-02-01T09:00:00+00:00", False),
    ("cancelled", "2090-02-01T09:00:00+00:00", False),
]


@pytest.mark.parametrize(("status", "moment", "is_told"), REPEATS)
@time_machine.travel(NOW, tick=False)
def test_a_text_that_an_account_has_within_a_day_of_it_is_a_warning(
    api: ApiClient, workspace: Workspace, status: str, moment: str, is_told: bool
) -> None:
    facebook, _ = connect_all(workspace, "facebook", "twitter")
    values = {"published_at": moment} if status == "published" else {"scheduled_at": moment}
    other = make_post(workspace, accounts=[facebook], status=status, hashtags=["#rye"], **values)
    Post.objects.filter(pk=other.pk).update(moment=moment)

    body = {"content": "Fresh bread\n\n#rye", "platforms": ["facebook", "twitter"], "scheduled_at": FUTURE}
    data = data_of(api.post(PATH, body))

    assert data["valid"] is True
    assert [(each["rule"], each["account_id"], each["actual"]) for each in data["issues"]] == [
        ("repeated_text", facebook.pk, other.pk)
    ] * is_told
    assert rules_of(data_of(api.post(PATH, body | {"content": "Other bread"}))) == []


@time_machine.travel(NOW, tick=False)
def test_a_text_that_did_not_reach_an_account_is_no_repetition_there(api: ApiClient, workspace: Workspace) -> None:
    facebook, twitter = connect_all(workspace, "facebook", "twitter")
    other = make_post(workspace, accounts=[facebook, twitter], status="published", published_at=NOW)
    Target.objects.filter(account=facebook).update(status="failed")
    Post.objects.filter(pk=other.pk).update(status="partially_published")

    data = data_of(api.post(PATH, {"content": "Fresh bread", "platforms": ["facebook", "twitter"]}))

    assert rules_of(data) == [("twitter", "repeated_text")]


@time_machine.travel(NOW, tick=False)
def test_posts_without_text_do_not_repeat_each_other(api: ApiClient, workspace: Workspace) -> None:
    facebook, _ = connect_all(workspace, "facebook", "twitter")
    make_post(workspace, accounts=[facebook], status="published", published_at=NOW, content="")

    data = data_of(api.post(PATH, {"content": "", "platforms": ["facebook"]}))

    assert ("facebook", "repeated_text") not in rules_of(data)
