"""Operators, API callers and the console are told the same obstacle of a target, and the same time."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Network
from accounts.platforms.limits import Allowance
from ouipost.claims import database_now
from ouipost.moments import written_in_utc
from posts.advice import failure
from posts.models import Post, Target
from posts.operating.stuck import Search
from posts.serializers import PostDetailSerializer
from posts.timeline.timeline import timeline
from tests.factories import make_account
from tests.posts.fakes import ScriptedNetwork, make_due
from workspaces.models import Workspace

MINUTE = timedelta(minutes=1)
BEHIND = timedelta(milliseconds=1)
AWAY = failure("PLATFORM_UNAVAILABLE", "Paper is away.", retryable=True)
NETWORK = ("The network is left alone", "Facebook takes nothing at present")
STOPPED = ("Facebook takes nothing from this installation", "Facebook takes nothing at present")
ACCOUNT = ("The account is left alone", "The account has to wait")
PACE = ("The account's pace", "The account's pace is 1 in 60 minutes")
TRY = ("PLATFORM_UNAVAILABLE: Paper is away.", "It waits for the next try.")


@pytest.mark.parametrize(
    ("holds", "stands", "words", "until", "who_acts"),
    [
        ({"network": 30, "account": 20}, {}, NETWORK, 30, "network"),
        ({"network": 20, "account": 30}, {}, ACCOUNT, 30, "network"),
        ({"network": 30, "account": 20}, {"due": 20}, NETWORK, 30, "network"),
        ({"network": 20, "account": 30}, {"due": 30}, ACCOUNT, 30, "network"),
        ({"network": 30, "pace": 20}, {"due": 20}, NETWORK, 30, "network"),
        ({"network": 30, "pace": 20}, {}, NETWORK, 30, "network"),
        ({"network": 20, "pace": 30}, {}, PACE, 30, "network"),
        ({"network": 20, "pace": 30}, {"due": 40}, PACE, 40, "network"),
        ({"account": 20, "pace": 30}, {}, PACE, 30, "network"),
        ({"account": 30, "pace": 20}, {}, ACCOUNT, 30, "network"),
        ({"network": -1}, {}, NETWORK, None, "network"),
        ({"network": -1}, {"due": -0.5}, NETWORK, None, "network"),
        ({"network": -1, "account": 20}, {}, ACCOUNT, 20, "network"),
        ({"network": 30}, {"calls": "!", "error": AWAY}, STOPPED, 30, "operator"),
        ({"network": 30}, {"due": 40, "error": AWAY}, TRY, 40, "network"),
        ({"network": 30}, {"due": 20, "error": AWAY}, NETWORK, 30, "network"),
        ({"pace": 30}, {"error": AWAY}, PACE, 30, "network"),
        ({"pace": 30}, {"sends": 1, "due": 20, "error": AWAY}, TRY, 20, "network"),
    ],
)
def test_everybody_is_told_what_a_target_really_waits_for_and_until_when(
    workspace: Workspace,
    network: ScriptedNetwork,
    settings: Settings,
    holds: dict[str, float],
    stands: dict[str, Any],
    words: tuple[str, str],
    until: float | None,
    who_acts: str,
) -> None:
    settings.NETWORK_PACE = settings.NETWORK_PACE | {"facebook": Allowance(most=1, seconds=3600)}
    now = database_now().replace(microsecond=0)
    ends = {each: now + count * MINUTE for each, count in holds.items()}
    account = make_account(workspace, held_until=ends.get("account"), paced_at=ends.get("pace"))
    target = make_due(workspace, account, scheduled_at=now - 60 * MINUTE)
    due_at = now + stands.get("due", -60) * MINUTE + BEHIND
    sent = {"sends": stands["sends"], "sent_at": now} if "sends" in stands else {}
    Target.objects.update(due_at=due_at, error=stands.get("error"), **sent)
    Network.objects.create(pk="sandbox:facebook", held_until=ends.get("network"), recent_calls=stands.get("calls", "-"))

    [finding] = Search(now=now, cutoff=now - 5 * MINUTE).run().findings
    line = timeline(target.post, now=now)[-1]
    [shown] = PostDetailSerializer(Post.objects.get()).data["targets"]

    assert (finding.cause[: len(words[0])], line.message[: len(words[1])]) == words
    assert shown["waits_for"] == line.message
    assert _rounded(finding.until) == _rounded(line.next_attempt_at) == (until and now + until * MINUTE)
    assert shown["next_attempt_at"] == (line.next_attempt_at and written_in_utc(line.next_attempt_at))
    assert (finding.who_acts, line.who_acts or "network") == (who_acts, who_acts)


def _rounded(until: datetime | None) -> datetime | None:
    """Leave out the moment by which a target is put off beyond the end of a hold."""
    return until and until.replace(microsecond=0)
