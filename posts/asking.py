"""Say how a network can be asked whether a target in doubt is out, or why it cannot."""

from dataclasses import dataclass

from django.utils import timezone

from accounts import registry
from accounts.models import AccountStatus
from accounts.platforms.base import Connector, Recovery
from accounts.platforms.shapes import Operation, Published
from ouipost.phrases import Phrase, both
from posts.content import compose
from posts.media import files
from posts.models import Target

WAYS = {
    Recovery.LOOK: "looked for in the account's posts, and half a minute later again if it is not there",
    Recovery.KEY: "looked for under its own key, and half a minute later again if it is not there",
    Recovery.HANDLE: "asked about by what the network gave before the call: one answer is enough",
}
NOT_IN_COPY: str = Phrase("its network only tells of it by what it gave for it, which this copy does not have")


@dataclass(frozen=True, kw_only=True)
class Question:
    """The way to clear up a target in doubt, or the `obstacle` to it."""

    way: str = ""
    obstacle: str = ""


def question(target: Target) -> Question:
    """Return how to find out whether this target is out.

    A restored copy lacks the handles that a target was sent with. Then only a search or an idempotency key helps.
    """
    if not target.outcome_unknown:
        before = "it was sent again" if target.armed_at else "anything was sent"
        return Question(way=f"failed at once: it was set aside before {before}")
    platform = registry.of(target.account)
    if obstacle := _obstacle(target, platform):
        return Question(obstacle=obstacle)
    operation = operation_of(target, platform)
    recovery = platform.recovery_of(operation)
    if recovery == Recovery.PARK:
        return Question(obstacle=Phrase("its network cannot be asked"))
    is_known = bool(target.handles) or recovery == Recovery.KEY or platform.lists(operation)
    return Question(way=WAYS[recovery]) if is_known else Question(obstacle=NOT_IN_COPY)


def question_after_restore(target: Target) -> Question:
    """Return how to find out whether this target of a restored copy went out after the copy was made.

    The copy lacks all handles that the network returned since. Only the account's own posts help, or a key that was
    chosen before the copy.
    """
    platform = registry.of(target.account)
    if obstacle := _obstacle(target, platform):
        return Question(obstacle=obstacle)
    operation = operation_of(target, platform)
    if target.handles and platform.recovery_of(operation) == Recovery.KEY:
        return Question(way=WAYS[Recovery.KEY])
    return Question(way=WAYS[Recovery.LOOK]) if platform.lists(operation) else Question(obstacle=NOT_IN_COPY)


def _obstacle(target: Target, platform: Connector) -> str:
    if not target.account.is_connected:
        return Phrase("its account was disconnected")
    if target.account.status == AccountStatus.EXPIRED:
        return Phrase("its account must be connected again first")
    missing = registry.lacking(platform, sandbox=target.account.workspace.is_sandbox)
    return Phrase("the operator must set {variables} first", variables=both(missing)) if missing else ""


def operation_of(target: Target, platform: Connector) -> Operation:
    """Return the visible call in doubt, without the tokens that it would take."""
    account = target.account
    content = compose(target.post, account, platform, files.read_with(target.post))
    return Operation(
        content=content,
        account=account.without_tokens(),
        handles=target.handles,
        now=timezone.now(),
        out=tuple(Published(**part) for part in target.parts),
    )
