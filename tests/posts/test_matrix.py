"""What may be done to a post, by its status: the contract's table, cell by cell."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import SocialAccount
from ouipost.errors import DomainError
from ouipost.events.models import Event
from posts import reviewing, services
from posts.media import files
from posts.models import Post, PostStatus
from tests.factories import NOW
from tests.posts.fakes import ACTOR, ScriptedNetwork, make_mixed, snapshot, told
from workspaces.models import Workspace

SOON = NOW + timedelta(hours=1)
TARGETS = {
    "draft": ["draft", "draft"],
    "scheduled": ["scheduled", "scheduled"],
    "publishing": ["publishing", "failed"],
    "published": ["published", "published"],
    "partially_published": ["published", "failed"],
    "failed": ["failed", "failed"],
    "needs_review": ["needs_review", "failed"],
    "missed": ["missed", "missed"],
}
"""What the two targets of a post of each status have."""

ALLOWED = {
    "draft": {"edit", "media", "schedule", "publish", "delete"},
    "scheduled": {"edit", "media", "schedule", "publish", "delete", "unschedule"},
    "publishing": set(),
    "missed": {"publish", "schedule", "unschedule", "delete"},
    "failed": {"retry", "unschedule", "delete"},
    "partially_published": {"retry", "delete"},
    "needs_review": {"resolve", "delete"},
    "published": {"delete"},
}
"""The contract's "What may be done when", but for `publish` where it only shows the results."""

ACTIONS: dict[str, Callable[[Post], Any]] = {
    "edit": lambda post: services.update_post(post, values={"content": "New"}, actor=ACTOR, now=NOW),
    "media": lambda post: files.update(post.files.get(), values={"alt_text": "New"}, actor=ACTOR),
    "schedule": lambda post: services.schedule_post(post, scheduled_at=SOON, zone="UTC", actor=ACTOR, now=NOW),
    "unschedule": lambda post: services.unschedule_post(post, actor=ACTOR),
    "publish": lambda post: services.publish_post(post, actor=ACTOR, now=NOW),
    "delete": lambda post: services.delete_post(post, actor=ACTOR),
    "retry": lambda post: services.retry_post(post, actor=ACTOR, now=NOW),
    "resolve": lambda post: reviewing.resolve_target(
        post.targets.order_by("pk")[0], published=False, url="", actor=ACTOR, now=NOW
    ),
}
REFUSALS = {"edit": "POST_NOT_EDITABLE", "media": "MEDIA_IN_USE"}
MATRIX = [(status, action) for status in TARGETS for action in ACTIONS]


@pytest.fixture(autouse=True)
def _(network: ScriptedNetwork) -> None:
    """All accounts are the paper network's."""


def test_the_matrix_covers_every_status() -> None:
    assert set(TARGETS) == set(ALLOWED) == set(PostStatus.values)


@pytest.mark.parametrize(("status", "action"), [pair for pair in MATRIX if pair[1] in ALLOWED[pair[0]]])
def test_what_the_contract_allows_is_done_and_told(
    workspace: Workspace, accounts: list[SocialAccount], status: str, action: str
) -> None:
    post = make_mixed(workspace, accounts, *TARGETS[status])
    before = snapshot(post)

    ACTIONS[action](post)

    assert snapshot(post) != before
    assert len(told()) == 1
    assert Event.objects.get().key_id == "key_1"


@pytest.mark.parametrize(
    ("status", "action"),
    [pair for pair in MATRIX if pair[1] not in ALLOWED[pair[0]] and pair[1] != "publish"],
)
def test_what_the_contract_does_not_allow_is_refused_and_changes_nothing(
    workspace: Workspace, accounts: list[SocialAccount], status: str, action: str
) -> None:
    post = make_mixed(workspace, accounts, *TARGETS[status])
    before = snapshot(post)

    with pytest.raises(DomainError) as refused:
        ACTIONS[action](post)

    assert (refused.value.code, refused.value.status) == (REFUSALS.get(action, "CONFLICT"), 409)
    assert refused.value.details == {"status": status}
    assert snapshot(post) == before
    assert told() == []


@pytest.mark.parametrize("status", [status for status in TARGETS if "publish" not in ALLOWED[status]])
def test_publishing_again_sends_nothing_again(workspace: Workspace, accounts: list[SocialAccount], status: str) -> None:
    post = make_mixed(workspace, accounts, *TARGETS[status])
    before = snapshot(post)

    shown = services.publish_post(post, actor=ACTOR, now=NOW)

    assert shown.status == status
    assert snapshot(post) == before
    assert told() == []
