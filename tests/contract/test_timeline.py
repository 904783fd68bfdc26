"""GET /api/posts/{id}/timeline: every step, attempt and wait, with cause, who must act, and when it goes on."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from ouipost.claims import database_now
from posts.models import Attempt, Post
from posts.timeline.timeline import KINDS
from tests.conftest import ApiClient
from tests.contract.world import at, create, data_of, upload
from tests.factories import make_account, make_post
from tests.posts.media.pictures import picture
from workspaces.models import Workspace

FUTURE = "2090-02-01T09:00:00Z"
REFUSAL: dict[str, Any] = {
    "step": "commit",
    "outcome": "rejected",
    "code": "CONTENT_REJECTED",
    "message": "Facebook says: No.",
    "network_code": "100",
    "http_status": 400,
}


def entries_of(api: ApiClient, post: Post) -> list[dict[str, Any]]:
    timeline: list[dict[str, Any]] = data_of(api.get(f"/api/posts/{post.pk}/timeline"))["timeline"]
    return timeline


def attempt(post: Post, *, again: timedelta | None = None, **values: Any) -> Attempt:
    """Write an attempt of the post's one target, which ended just now."""
    now = database_now()
    return Attempt.objects.create(
        target=post.targets.get(),
        number=1,
        fence=1,
        started_at=now,
        ended_at=now,
        next_at=now + again if again else None,
        **values,
    )


def test_what_people_do_is_told_in_order(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    post = create(api)
    media = upload(api, post, picture(), filename="rye.jpg").json()["data"]["media"]["id"]
    api.put(f"/api/media/{media}", {"alt_text": "Rye"})
    other = upload(api, post, picture(), filename="oats.jpg").json()["data"]["media"]["id"]
    api.delete(f"/api/media/{other}")
    beside = upload(api, create(api), picture(), filename="corn.jpg").json()["data"]["media"]["id"]
    api.delete(f"/api/media/{beside}")
    api.put(f"/api/posts/{post.pk}", {"content": "Rye"})
    api.post(f"/api/posts/{post.pk}/schedule", {"scheduled_at": FUTURE})
    api.post(f"/api/posts/{post.pk}/unschedule")
    api.post(f"/api/posts/{post.pk}/publish", Prefer="wait=0")

    entries = entries_of(api, post)

    assert [(entry["kind"], entry["message"]) for entry in entries] == [
        ("created", "The post was created."),
        ("media_added", "The file rye.jpg was added."),
        ("media_updated", "A file got another alt text or position."),
        ("media_added", "The file oats.jpg was added."),
        ("media_deleted", "The file oats.jpg was removed."),
        ("updated", "The post was changed."),
        ("scheduled", "The post was scheduled for 2090-02-01 09:00 UTC."),
        ("unscheduled", "The post was returned to draft."),
        ("publish_requested", "Publishing at once was requested."),
        ("waiting", "It is due: the next free worker takes it."),
    ]
    assert entries[6]["next_attempt_at"] == FUTURE
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)


def test_each_entry_has_the_contracts_fields(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="failed")
    row = attempt(post, **REFUSAL)

    [entry] = entries_of(api, post)

    assert at(entry["at"]) == row.ended_at.replace(microsecond=0)
    assert entry == {
        "at": entry["at"],
        "kind": "refused",
        "target_id": row.target_id,
        "platform": "facebook",
        "message": "Facebook has refused it.",
        "cause": {
            "code": "CONTENT_REJECTED",
            "message": "Facebook says: No.",
            "network_code": "100",
            "http_status": 400,
        },
        "who_acts": "caller",
        "retry_safe": True,
        "next_attempt_at": None,
    }


def test_the_next_attempt_is_told_with_the_one_before(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[make_account(workspace)], status="publishing")
    attempt(post, again=timedelta(minutes=2), **REFUSAL | {"outcome": "unavailable", "code": "PLATFORM_UNAVAILABLE"})

    [entry] = entries_of(api, post)

    assert (entry["kind"], entry["who_acts"]) == ("postponed", "network")
    assert at(entry["next_attempt_at"]) - at(entry["at"]) == timedelta(minutes=2)


def test_no_text_address_or_caller_is_in_it(api: ApiClient, workspace: Workspace) -> None:
    make_account(workspace)
    post = create(api, content="A secret recipe")
    api.put(f"/api/posts/{post.pk}", {"content": "Another recipe"})

    told = api.get(f"/api/posts/{post.pk}/timeline").content.decode()

    assert [each for each in ("recipe", "127.0.0.1", "key_", "@") if each in told] == []


def test_a_draft_without_accounts_has_a_timeline_too(api: ApiClient) -> None:
    post = create(api)

    assert [entry["kind"] for entry in entries_of(api, post)] == ["created"]


def test_looking_changes_nothing(api: ApiClient, workspace: Workspace) -> None:
    post = make_post(workspace)
    before = list(Post.objects.values())

    entries_of(api, post)

    assert list(Post.objects.values()) == before


def test_every_kind_of_entry_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")

    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
