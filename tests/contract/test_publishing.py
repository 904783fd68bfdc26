"""POST /api/posts/{id}/publish, retry and resolve: what they answer, and that a repeat takes nothing twice."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import SocialAccount
from analytics.discovery import discover
from analytics.models import TargetNumbers
from ouipost.claims import database_now
from ouipost.events.models import Event
from posts.advice import failure
from posts.models import Target
from posts.publishing.holding import hold_account
from tests.conftest import ApiClient
from tests.contract.seed import assert_matches, sample
from tests.contract.world import at, connect_all, create, data_of, error_of, fields_of, make_published
from tests.factories import NOW, make_account, make_key, make_post, make_workspace
from workspaces.models import Workspace

FAILURE = failure("CONTENT_REJECTED", "No.")


def test_a_published_post_answers_its_results_as_in_the_reference(api: ApiClient, workspace: Workspace) -> None:
    shown = sample("POST /api/posts/{id}/publish")["post"]
    results = {
        each["platform"]: {
            "remote_id": each["post_id"],
            "url": each["url"],
            "published_at": at(shown["published_at"]),
        }
        for each in shown["platform_results"]
    }
    post = make_published(workspace, connect_all(workspace, *results), results=results)

    response = api.post(f"/api/posts/{post.pk}/publish")

    assert_matches(response, "POST /api/posts/{id}/publish")
    assert [target.sends for target in post.targets.all()] == [0, 0]
    assert "Location" not in response.headers


@pytest.mark.parametrize(("command", "status"), [("publish", "draft"), ("retry", "failed")])
def test_what_is_still_running_is_202_with_pending_results_and_where_to_ask_for_them(
    api: ApiClient, workspace: Workspace, command: str, status: str
) -> None:
    accounts = connect_all(workspace, "facebook", "twitter")
    post = make_post(workspace, accounts=accounts, status=status, scheduled_at=NOW)

    response = api.post(f"/api/posts/{post.pk}/{command}", Prefer="wait=0")

    shown = response.json()["data"]["post"]
    assert response.status_code == 202
    assert (shown["id"], shown["status"], shown["published_at"]) == (post.pk, "publishing", None)
    assert [(each["platform"], each["status"]) for each in shown["platform_results"]] == [
        ("facebook", "pending"),
        ("twitter", "pending"),
    ]
    assert api.get(response.headers["Location"]).json()["data"]["post"]["id"] == post.pk


def test_publishing_again_shows_how_it_stands_and_takes_nothing(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    first = api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")
    due = Target.objects.get(post=post).due_at

    again = api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert Target.objects.get(post=post).due_at == due
    assert Event.objects.filter(type="post.publish_requested").count() == 1


def test_what_a_quota_of_its_account_has_put_off_before_its_time_can_be_published_now(
    api: ApiClient, workspace: Workspace
) -> None:
    account, now = make_account(workspace), database_now()
    post, at = create(api), now + timedelta(minutes=30)
    api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": at.isoformat()})
    hold_account(account.pk, until=at + timedelta(minutes=1), now=now)

    shown = data_of(api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0"), status=202)["post"]

    target = Target.objects.get(post=post)
    assert (shown["status"], shown["scheduled_at"], target.status) == ("publishing", None, "publishing")
    assert target.due_at is not None
    assert now <= target.due_at < at
    assert Event.objects.filter(type="post.publish_requested").count() == 1


def test_a_failed_target_tells_why_and_who_must_act(api: ApiClient, workspace: Workspace) -> None:
    facebook, twitter = connect_all(workspace, "facebook", "twitter")
    post = make_published(workspace, [facebook, twitter], results={"facebook": {"published_at": NOW}})
    Target.objects.filter(post=post, platform="twitter").update(status="failed", error=FAILURE)

    shown = api.post(f"/api/posts/{post.pk}/publish").json()["data"]["post"]

    by_platform = {each["platform"]: each for each in shown["platform_results"]}
    assert (by_platform["twitter"]["status"], by_platform["twitter"]["error"]) == ("failed", FAILURE)
    assert by_platform["facebook"]["status"] == "success"
    assert "error" not in by_platform["facebook"]


@pytest.mark.parametrize(
    ("content", "platform", "refusal"),
    [("x" * 70_000, "facebook", (422, "POST_NOT_PUBLISHABLE")), ("Hi", "twitter", (422, "ACCOUNT_NOT_CONNECTED"))],
)
def test_what_cannot_go_out_is_not_taken(
    api: ApiClient, workspace: Workspace, content: str, platform: str, refusal: tuple[int, str]
) -> None:
    make_account(workspace)
    body = {"content": content, "platforms": [platform]}
    created = api.post("/api/posts", body).json()["data"]["post"]

    response = api.post(f"/api/posts/{created['id']}/publish", Prefer="wait=0")

    assert error_of(response) == refusal
    assert api.get(f"/api/posts/{created['id']}").json()["data"]["post"]["status"] == "draft"


def test_a_repeated_command_replays_as_taken_and_shows_the_results_as_they_stand(
    api: ApiClient, workspace: Workspace
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)])
    headers = {"Idempotency_Key": "once", "Prefer": "wait=0"}
    first = api.post(f"/api/posts/{post.pk}/publish", **headers)
    Target.objects.filter(post=post).update(status="published", published_at=NOW)
    type(post).objects.filter(pk=post.pk).update(status="published", published_at=NOW)

    again = api.post(f"/api/posts/{post.pk}/publish", **headers)

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["data"]["post"]["platform_results"][0]["status"] == "success"


@pytest.mark.parametrize("command", ["publish", "retry"])
@pytest.mark.parametrize("gone", ["post", "workspace"])
def test_a_repeated_command_for_what_is_gone_is_told_only_that(
    api: ApiClient, workspace: Workspace, command: str, gone: str
) -> None:
    status = {"publish": "draft", "retry": "failed"}[command]
    post = make_post(workspace, accounts=[make_account(workspace)], status=status)
    headers = {"Idempotency_Key": "once", "Prefer": "wait=0"}
    taken = api.post(f"/api/posts/{post.pk}/{command}", **headers)
    type(post).objects.all().delete() if gone == "post" else Workspace.objects.update(deleted_at=NOW)

    again = api.post(f"/api/posts/{post.pk}/{command}", **headers)

    assert taken.status_code == 202
    assert error_of(again) == (404, {"post": "NOT_FOUND", "workspace": "WORKSPACE_NOT_FOUND"}[gone])
    assert "Idempotent-Replayed" not in again.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"outcome": "published", "url": "https://www.facebook.com/1"}, "published"),
        ({"outcome": "not_published"}, "publishing"),
    ],
)
def test_a_persons_word_settles_an_unknown_outcome(
    api: ApiClient, workspace: Workspace, body: dict[str, str], status: str
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="needs_review")
    target = Target.objects.get(post=post)

    response = api.post(f"/api/posts/{post.pk}/targets/{target.pk}/resolve", body)

    shown = response.json()["data"]["post"]
    assert response.status_code == 200
    assert (shown["status"], shown["targets"][0]["url"]) == (status, body.get("url"))
    again = api.post(f"/api/posts/{post.pk}/targets/{target.pk}/resolve", body)
    assert error_of(again) == (409, "CONFLICT")


def test_what_is_not_at_an_account_that_went_is_cancelled_and_the_timeline_says_so(
    api: ApiClient, workspace: Workspace
) -> None:
    account = make_account(workspace)
    post = make_post(workspace, accounts=[account], status="needs_review")
    target = Target.objects.get(post=post)
    Target.objects.update(scheduled_at=NOW, outcome_unknown=True)
    api.delete(f"/api/accounts/{account.pk}")

    response = api.post(f"/api/posts/{post.pk}/targets/{target.pk}/resolve", {"outcome": "not_published"})

    shown = response.json()["data"]["post"]
    assert (response.status_code, shown["status"]) == (200, "draft")
    assert [(each["status"], each["error"]) for each in shown["targets"]] == [("cancelled", None)]
    told = api.get(f"/api/posts/{post.pk}/timeline").json()["data"]["timeline"]
    said = [each["message"] for each in told if each["kind"] == "resolved"]
    assert said == [
        "A person said that Facebook does not have it. Its account is disconnected: it is not sent there again."
    ]


@pytest.mark.parametrize(
    ("mode", "platform", "url", "told"),
    [
        ("live", "twitter", "https://www.facebook.com/1", "It is an address at www.facebook.com, not at x.com: is it"),
        ("live", "twitter", "https://notx.com/a/status/1", "It is an address at notx.com, not at x.com: is it"),
        ("live", "twitter", "https://x.com/a/status/1", ""),
        ("live", "twitter", "https://mobile.twitter.com/a/status/1", ""),
        ("live", "bluesky", "https://social.example/profile/a/post/1", ""),
        ("sandbox", "twitter", "https://www.facebook.com/1", ""),
    ],
)
def test_an_address_where_the_network_shows_no_posts_is_taken_with_a_warning(
    db: None, mode: str, platform: str, url: str, told: str
) -> None:
    workspace = make_workspace(mode=mode)
    post = make_post(workspace, accounts=[make_account(workspace, platform=platform)], status="needs_review")
    target = Target.objects.get(post=post)

    api = ApiClient(make_key(mode="test" if mode == "sandbox" else mode)[1], workspace.pk)
    data = data_of(api.post(f"/api/posts/{post.pk}/targets/{target.pk}/resolve", {"outcome": "published", "url": url}))

    assert data["post"]["targets"][0]["url"] == url
    assert [each[: len(told)] for each in data.get("warnings", [""])] == [told]


def test_a_post_that_a_person_found_has_the_id_of_its_address_and_gets_numbers(
    api: ApiClient, workspace: Workspace
) -> None:
    path = make_unknown(workspace, "twitter")

    data = data_of(api.post(path, {"outcome": "published", "url": "https://x.com/a/status/7"}))
    discover(now=database_now() + timedelta(seconds=1))

    assert data["post"]["platform_posts"][0]["post_id"] == "7"
    assert TargetNumbers.objects.get().due_at is not None


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another workspace"])
def test_the_address_of_another_post_of_the_account_is_refused(
    api: ApiClient, workspace: Workspace, elsewhere: bool
) -> None:
    make_unknown(make_workspace() if elsewhere else workspace, "twitter")
    Target.objects.update(status="published", remote_id="7")
    word = {"outcome": "published", "url": "https://x.com/a/status/7"}
    path = make_unknown(workspace, "twitter", account=SocialAccount.objects.filter(workspace=workspace).first())

    refused = api.post(path, word)

    assert fields_of(refused) == {"url": ["Another post of this account has this address: give the one of this post."]}
    assert Target.objects.latest("pk").status == "needs_review"


@pytest.mark.parametrize(
    ("out", "url", "parts"),
    [
        ([], "https://x.com/a/status/7", ["7"]),
        (["7"], "https://x.com/a/status/8", ["7", "8"]),
        (["7"], "https://x.com/a/status/7", ["7"]),
        (["7"], "https://x.com/a", ["7"]),
    ],
    ids=["the post", "a reply", "the post again", "no id"],
)
def test_a_part_that_a_person_found_is_shown_with_the_others(
    api: ApiClient, workspace: Workspace, out: list[str], url: str, parts: list[str]
) -> None:
    path = make_unknown(workspace, "twitter")
    shown = [{"remote_id": each, "url": f"https://x.com/a/status/{each}"} for each in out]
    Target.objects.update(replies=1, parts=shown, remote_id="".join(out), url="".join(each["url"] for each in shown))

    [target] = data_of(api.post(path, {"outcome": "published", "url": url}))["post"]["targets"]

    assert (target["post_id"], target["url"]) == ("7", "https://x.com/a/status/7")
    assert [each["post_id"] for each in target["parts"]] == parts


def make_unknown(workspace: Workspace, platform: str, account: SocialAccount | None = None) -> str:
    """Write a post of which nobody knows whether it is out, and return where that is settled."""
    account = account or make_account(workspace, platform=platform)
    post = make_post(workspace, accounts=[account], status="needs_review")
    return f"/api/posts/{post.pk}/targets/{Target.objects.get(post=post).pk}/resolve"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, {"outcome"}),
        ({"outcome": "maybe"}, {"outcome"}),
        ({"outcome": "published"}, {"url"}),
        ({"outcome": "published", "url": "ftp://x"}, {"url"}),
        ({"outcome": "not_published", "url": "https://facebook.com/1"}, {"url"}),
        ({"outcome": 1, "url": 2, "why": 3}, {"outcome", "url", "why"}),
    ],
)
def test_a_word_that_settles_nothing_is_refused(
    api: ApiClient, workspace: Workspace, body: Any, names: set[str]
) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="needs_review")
    target = Target.objects.get(post=post)

    assert set(fields_of(api.post(f"/api/posts/{post.pk}/targets/{target.pk}/resolve", body))) == names
