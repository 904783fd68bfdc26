"""A fake network that follows a script, and the helpers with which most tests of the engine begin."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Pause, SocialAccount
from accounts.platforms.base import Connector, Recovery, Save, Session
from accounts.platforms.errors import AuthExpired, Unknown
from accounts.platforms.limits import Issue, Limits, Option
from accounts.platforms.rules import check
from accounts.platforms.shapes import Account, App, Content, Handles, Operation, Published, Tokens
from accounts.session import NetworkSession
from ouipost.claims import Claim, database_now
from ouipost.events.journal import Actor
from ouipost.events.models import Event
from ouipost.writer import Inline
from posts.models import Attempt, Media, Post, Target, TargetStatus
from posts.publishing import claiming, one_target
from posts.publishing.arming import Arming, Loaded, arm_all
from posts.publishing.outcomes import AttemptResult, Outcome
from posts.publishing.turn import Turn
from posts.status import sync
from tests.accounts.fakes import answer
from tests.factories import NOW, make_account, make_media, make_post
from workspaces.models import Workspace

ACTOR = Actor(key_id="key_1")
LAG = 15
LOST = Unknown("The answer was lost.", status=502)
REVOKED = AuthExpired("The token was revoked.")
HERE = Published(remote_id="42", url="https://network.example/42")


class ScriptedNetwork(Connector):
    """Answers each call with the next entry of its script, repeats the last one, and records all calls."""

    id = "facebook"
    name = "Paper"
    limits = Limits(
        max_characters=40,
        image_mime_types=("image/jpeg",),
        max_images=2,
        max_image_bytes=1000,
        options=(Option(name="thread", kind="texts"), Option(name="first_comment")),
    )
    recovery = Recovery.LOOK

    def __init__(self) -> None:
        super().__init__(App(client_id="app"))
        self.calls: list[str] = []
        self.operations: list[Operation] = []
        self.sent: list[Operation] = []
        self.sessions: list[NetworkSession] = []
        self.saved: list[dict[str, Any]] = []
        self.save_seconds = 0.0
        self.prepared: list[Any] = [{}]
        self.committed: list[Any] = [HERE]
        self.found: list[Any] = [[]]
        self.listed: dict[str, str] = {}
        self.refreshed: list[Any] = [Tokens(access_token="renewed", refresh_token="refresh")]

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        return check(content, self.limits)

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        self._note("prepare", session, operation)
        handles: Handles = operation.handles
        for step in self.saved:
            handles = {**handles, **step}
            save(handles, seconds=self.save_seconds)
        given: Handles = _next(self.prepared)
        return {**handles, **given}

    def commit(self, session: Session, operation: Operation) -> Published:
        self._note("commit", session, operation)
        self.sent.append(operation)
        published: Published = _next(self.committed)
        return published

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        self._note("recover", session, operation)
        found: list[Published] = _next(self.found)
        return found

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        self.calls.append("refresh")
        tokens: Tokens = _next(self.refreshed)
        return tokens

    def listed_id(self, session: Session, account: Account, remote_id: str) -> str:
        return self.listed.get(remote_id, remote_id)

    def forget(self) -> None:
        """Forget the recorded calls."""
        for noted in (self.calls, self.operations, self.sent, self.sessions):
            noted.clear()

    def _note(self, call: str, session: Any, operation: Operation) -> None:
        self.calls.append(call)
        self.sessions.append(session)
        self.operations.append(operation)


class KeyedNetwork(ScriptedNetwork):
    recovery = Recovery.KEY
    handles_are_proof = True

    def __init__(self) -> None:
        super().__init__()
        self.prepared = [{"rkey": "3n32f522m2222"}]


class HandledNetwork(ScriptedNetwork):
    recovery = Recovery.HANDLE

    def __init__(self) -> None:
        super().__init__()
        self.prepared = [{"container": "1"}]


class OpaqueNetwork(ScriptedNetwork):
    recovery = Recovery.PARK


def _next(script: list[Any]) -> Any:
    return answer(script.pop(0) if len(script) > 1 else script[0])


def make_due(workspace: Workspace, account: SocialAccount | None = None, **values: Any) -> Target:
    """Write a post whose one target is due right now, as a publish makes it."""
    account = account or make_account(workspace)
    now = database_now()
    given = {"status": TargetStatus.PUBLISHING, "scheduled_at": now - timedelta(seconds=1)}
    post = make_post(workspace, accounts=[account], **given | values)
    Target.objects.filter(post=post).update(give_up_at=now + timedelta(hours=6))
    return Target.objects.get(post=post)


def bring_forward(target: Target, **values: Any) -> None:
    """Make a waiting target due now, as if the time had passed."""
    SocialAccount.objects.filter(pk=target.account_id).update(held_until=None)
    given = {"due_at": database_now() - timedelta(milliseconds=1), "lease_until": None}
    Target.objects.filter(pk=target.pk).update(**given | values)


def claim_targets(limit: int, *, suspects: bool = True) -> list[Claim]:
    """Claim as a worker does that holds no suspect, a target whose worker died before."""
    return claiming.claim_targets(limit, suspects=suspects)


def claim(target: Target) -> Claim:
    """Claim the only due target, which must be this one."""
    [held] = claim_targets(1)
    assert held.pk == target.pk
    return held


def being_looked_for(workspace: Workspace, **columns: Any) -> tuple[Target, Claim, Claim]:
    """Write a target that a worker looks for; return it, the lost claim that sent it, and the present claim."""
    target = make_due(workspace)
    sender = claim(target)
    Target.objects.filter(pk=target.pk).update(outcome_unknown=True, armed_at=NOW, sends=1, **columns)
    bring_forward(target)
    return target, sender, claim(target)


def arm(held: Claim, target: Target) -> Claim | Pause | None:
    """Arm a target once more, as a worker does that found nothing; None for a lost claim."""
    facts: dict[str, Any] = {"account_id": target.account_id, "platform": target.platform, "workspace_id": ""}
    kept: dict[str, Any] = {"handles": {}, "sent_text": "", "armed_at": NOW, "sends": 2, "replies": 0}
    pace: dict[str, Any] = {"uses_place": False, "paced_at": None}
    [armed] = arm_all([Arming(claim=held, recovery=Recovery.LOOK, listing_lag=LAG, **facts, **kept, **pace)])
    return armed


def publish(target: Target) -> Target:
    """Make the target due, claim it, take it one step further, and return it with its new state."""
    bring_forward(target)
    publish_claimed(claim(target))
    return Target.objects.select_related("post").get(pk=target.pk)


def publish_claimed(held: Claim, *, loaded: Loaded | None = None) -> None:
    """Take a claimed target one step further, as a worker that is not ending."""
    one_target.publish(held, writer=Inline(), loaded=loaded, is_ending=never)


def begin(held: Claim) -> Turn:
    """Return the turn of a claimed target, to be taken."""
    return Turn(held, writer=Inline(), loaded=None, is_ending=never)


def never() -> bool:
    return False


def expired(held: Claim) -> Claim:
    """Return the claim as seen by its worker after the worker was frozen past the lease."""
    return replace(held, deadline=held.deadline - 1000)


def send_into_the_dark(target: Target, network: ScriptedNetwork) -> Target:
    """Publish with a lost answer, and forget the calls made so far."""
    network.committed = [LOST, HERE]
    unknown = publish(target)
    network.forget()
    return unknown


def outcomes(target: Target) -> list[tuple[str, str]]:
    return list(Attempt.objects.filter(target=target).order_by("number").values_list("step", "outcome"))


def error_of(target: Target) -> dict[str, Any]:
    """Return the target's error, which must exist."""
    assert target.error is not None
    return dict(target.error)


def make_result(held: Claim, outcome: Outcome, **values: Any) -> AttemptResult:
    """Return the result of a claim; each claim of a target began at another time."""
    given: dict[str, Any] = {"step": "commit", "unresolved": False, "started_at": NOW + timedelta(seconds=held.fence)}
    return AttemptResult(
        claim=held, outcome=outcome, **given | {"recovery": Recovery.LOOK, "listing_lag": LAG} | values
    )


def status_of(post: Post) -> str:
    return str(Post.objects.get(pk=post.pk).status)


def make_mixed(workspace: Workspace, accounts: list[SocialAccount], *statuses: str, **values: Any) -> Post:
    """Write a post whose targets have these statuses and traces of earlier tries, with a file; drafts were not sent."""
    post = make_post(workspace, accounts=accounts[: len(statuses)])
    for target, status in zip(post.targets.order_by("pk"), statuses, strict=True):
        target.status = status
        target.scheduled_at = target.due_at = NOW if status in ("scheduled", "publishing") else None
        target.attempts, target.sends, target.handles = 3, 0 if status == "draft" else 3, {"upload": "old"}
        target.save()
    make_media(post, size=500)
    for name, value in values.items():
        setattr(post, name, value)
    sync(post)
    return post


def states(post: Post) -> list[str]:
    return list(Target.objects.filter(post=post).order_by("pk").values_list("status", flat=True))


def snapshot(post: Post) -> list[Any]:
    """Return everything about a post that a refused command must leave alone."""
    return [
        list(Post.objects.filter(pk=post.pk).values("content", "status", "scheduled_at", "moment")),
        list(Target.objects.filter(post=post).order_by("pk").values()),
        list(Media.objects.filter(post=post).values("alt_text")),
    ]


def told() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("type", flat=True))
