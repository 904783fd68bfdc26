"""Threads that meet at one post or account: nothing is sent twice, and nothing that was changed or taken back."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import SocialAccount
from accounts.services import disconnect
from ouipost.claims import Claim, database_now
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.events.models import Event
from posts import services
from posts.models import Post, Target
from tests.factories import make_account, make_post
from tests.foundation.threads import at_once
from tests.posts.fakes import ACTOR, ScriptedNetwork, bring_forward, claim_targets, make_due, publish_claimed
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.thorough]

ROUNDS = 100 if connection.vendor == "mysql" else 30
"""SQLite has one writer at a time: there are fewer ways to meet."""
THREADS = 8

COMMANDS: dict[str, Callable[[Post], Any]] = {
    "edit": lambda post: services.update_post(post, values={"content": "Edited"}, actor=ACTOR, now=database_now()),
    "unschedule": lambda post: services.unschedule_post(post, actor=ACTOR),
    "delete": lambda post: services.delete_post(post, actor=ACTOR),
    "disconnect": lambda post: disconnect(account_of(post), actor=ACTOR, now=database_now()).cancelled,
    "publish": lambda post: services.publish_post(post, actor=ACTOR, now=database_now()),
    "put off": lambda post: services.schedule_post(
        post, scheduled_at=database_now() + timedelta(hours=1), zone="UTC", actor=ACTOR, now=database_now()
    ),
}
OUTCOMES = {
    ("edit", "done"): ("Edited", ["Edited"], "published"),
    ("edit", "refused"): ("Written", ["Written"], "published"),
    ("unschedule", "done"): ("Written", [], "draft"),
    ("unschedule", "refused"): ("Written", ["Written"], "published"),
    ("delete", "done"): (None, [], None),
    ("delete", "refused"): ("Written", ["Written"], "published"),
    ("delete", "done after it was published"): (None, ["Written"], None),
    ("disconnect", "done"): ("Written", [], "draft"),
    ("disconnect", "done after it was published"): ("Written", ["Written"], "published"),
    ("disconnect", "done while it had no token yet"): ("Written", [], "failed"),
    ("publish", "done"): ("Written", ["Written"], "published"),
    ("put off", "done"): ("Written", [], "scheduled"),
    ("put off", "refused"): ("Written", ["Written"], "published"),
}
"""The text that is stored, the texts that were sent, and the status, for each way in which a race may end."""


def account_of(post: Post) -> SocialAccount:
    return SocialAccount.objects.get(targets__post=post)


def work_off() -> None:
    """Do what a worker does until nothing is due."""
    while held := claim_targets(4):
        for claim in held:
            publish_claimed(claim)


def make_scheduled(workspace: Workspace, number: int) -> Post:
    account = make_account(workspace, remote_id=str(number), default_of=None)
    due = database_now() - timedelta(seconds=1)
    post = make_post(workspace, accounts=[account], status="scheduled", scheduled_at=due, content="Written")
    Post.objects.filter(pk=post.pk).update(destinations=[account.pk])
    return post


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_races_the_claim_is_refused_or_wins(
    workspace: Workspace, network: ScriptedNetwork, name: str
) -> None:
    for number in range(ROUNDS):
        post = make_scheduled(workspace, number)
        network.forget()

        answered = race(COMMANDS[name], post, command_first=number % 2 == 0)
        work_off()

        assert isinstance(answered, DomainError) or not isinstance(answered, Exception), answered
        stored = Post.objects.filter(pk=post.pk).values_list("content", "status").first() or (None, None)
        sent = [each.content.text for each in network.sent]
        assert (stored[0], sent, stored[1]) == OUTCOMES[name, way_of(post, answered)]


def race(command: Callable[[Post], Any], post: Post, *, command_first: bool) -> Any:
    """Let the command meet a worker and return what it answered."""
    works: list[Callable[[], Any]] = [lambda: in_transaction(lambda: command(post)), work_off]
    answered, worked = at_once(*works) if command_first else reversed(at_once(*reversed(works)))
    assert worked is None
    return answered


def way_of(post: Post, answered: Any) -> str:
    """Return how the race ended, from what was answered and told."""
    if isinstance(answered, DomainError):
        return "refused"
    deleted = Event.objects.filter(type="post.deleted", resource_id=post.pk).first()
    if answered == 0:
        is_sent = Target.objects.get(post=post).sends
        return "done after it was published" if is_sent else "done while it had no token yet"
    return "done after it was published" if deleted and deleted.details["status"] == "published" else "done"


def test_a_target_that_many_workers_want_at_once_is_sent_once(workspace: Workspace, network: ScriptedNetwork) -> None:
    account = make_account(workspace)

    for _ in range(ROUNDS):
        target = make_due(workspace, account)
        network.forget()
        outcomes = at_once(*[work_off] * THREADS)

        assert outcomes == [None] * THREADS
        assert network.calls == ["prepare", "commit"]
        assert Target.objects.get(pk=target.pk).sends == 1


def test_no_target_is_claimed_twice_and_no_account_has_two_in_flight(workspace: Workspace) -> None:
    accounts = [make_account(workspace, remote_id=str(number), default_of=None) for number in range(40)]
    wanted = {make_due(workspace, account).pk for account in accounts for _ in range(2)}

    def claim_all() -> list[Claim]:
        taken: list[Claim] = []
        while held := claim_targets(3):
            taken += held
        return taken

    rounds: list[list[str]] = []
    while len(rounds) < 4 and not (rounds and not rounds[-1]):
        taken = [claim.pk for claims in at_once(*[claim_all] * THREADS) for claim in claims]
        in_flight = list(Target.objects.exclude(in_flight=None).values_list("in_flight", flat=True))
        assert len(in_flight) == len(set(in_flight))
        Target.objects.filter(pk__in=taken).update(in_flight=None, due_at=None)
        rounds.append(taken)

    claimed = [pk for taken in rounds for pk in taken]
    assert Counter(claimed) == Counter(wanted)


def test_the_targets_of_one_post_are_settled_side_by_side(workspace: Workspace, network: ScriptedNetwork) -> None:
    for number in range(ROUNDS // 5):
        accounts = [make_account(workspace, remote_id=f"{number}-{each}", default_of=None) for each in range(THREADS)]
        post = make_post(workspace, accounts=accounts, status="publishing")
        for target in post.targets.all():
            bring_forward(target)
        held = claim_targets(THREADS)

        outcomes = at_once(*[_publishing(claim) for claim in held])

        assert (len(held), outcomes) == (THREADS, [None] * THREADS)
        assert Post.objects.get(pk=post.pk).status == "published"


def _publishing(claim: Claim) -> Callable[[], None]:
    return lambda: publish_claimed(claim)
