"""Publish one claimed target: find out about an earlier send or send, and settle the outcome.

The threads that run this talk to networks; their database work goes through a writer. Before the visible call, "armed"
is committed; after it there is no failed send, only a known answer or an unknown outcome.
"""

import logging
import time
from collections.abc import Callable

from django.db import Error

from accounts import calls, registry, tokens
from accounts.platforms.errors import PlatformError, StillWorking, Unavailable, Unknown, WhoActs
from accounts.platforms.shapes import Account, Published
from ouipost.claims import Claim, LostClaim
from ouipost.crypto import CannotDecrypt
from ouipost.observability import traces
from ouipost.phrases import Phrase
from ouipost.writer import Runs, WriterClosed
from posts.advice import INTERNAL_ERROR
from posts.media.storage import StorageUnavailable
from posts.publishing import kept_answers
from posts.publishing.arming import Loaded
from posts.publishing.damage import damage
from posts.publishing.finding_out import find_out
from posts.publishing.outcomes import AttemptResult, Later, Outcome, answer_of, storable
from posts.publishing.sending import send
from posts.publishing.settling import settle_all
from posts.publishing.turn import Turn

logger = logging.getLogger(__name__)
work = logging.getLogger("ouipost.work")

TOKEN_WAIT_SECONDS = 2
SETTLE_AGAIN_SECONDS = 0.5


def publish(claim: Claim, *, writer: Runs, loaded: Loaded | None, is_ending: Callable[[], bool]) -> None:
    """Take one claimed target a step further, and release it settled or with the time of its next step.

    `loaded` is the target as read right after the claim, or None if reading failed. Once the process `is_ending`,
    nothing is armed any more, as the process might end before the call's answer is there.
    """
    try:
        take(Turn(claim, writer=writer, loaded=loaded, is_ending=is_ending))
    except LostClaim:
        logger.warning("Target %s was taken over by another worker, or called off", claim.pk)
    except WriterClosed:
        logger.warning("Target %s is left to its lease: the worker has to end", claim.pk)
    except Error:
        logger.exception("Target %s could not be settled: it is looked into when its lease is over", claim.pk)


def take(turn: Turn) -> None:
    """Take the next step and settle its outcome; raises LostClaim, WriterClosed, and the database's errors."""
    outcome = _outcome(turn)
    result = AttemptResult(
        claim=turn.claim,
        step=turn.step,
        outcome=outcome,
        unresolved=turn.unresolved,
        started_at=turn.started_at,
        recovery=turn.recovery,
        listing_lag=turn.connector.listing_lag,
        is_restored=turn.is_restored,
        exchanges=turn.exchanges,
        refused=turn.refused,
        sent_at=None if turn.target.outcome_unknown and turn.step != "commit" else turn.target.armed_at,
    )
    word = calls.word(outcome)
    with traces.span("settle", outcome=word):
        _settle(turn, result)
    milliseconds = round((time.monotonic() - turn.began) * 1000)
    work.info("Target settled", extra={"step": turn.step, "outcome": word, "ms": milliseconds})
    if not isinstance(outcome, Later):
        network = registry.network_of(turn.account.platform, turn.account.workspace)
        calls.note(network, kind=calls.PUBLISH, outcome=word)


def _outcome(turn: Turn) -> Outcome:
    """Try, and turn any error into an outcome; a bug of ours after arming leaves the outcome unknown, too."""
    try:
        return damage(turn.target) or _find_out_or_send(turn)
    except StillWorking as error:
        return Later(seconds=error.retry_after, message=error.message) if turn.step == "prepare" else error
    except Unknown as error:  # preparing publishes nothing: it may be repeated
        return Unavailable(error.message, status=error.status) if turn.step == "prepare" else error
    except PlatformError as error:
        return error
    except (LostClaim, Error, WriterClosed):
        raise
    except Exception as error:
        return _stopped(turn, error)


def _stopped(turn: Turn, error: Exception) -> Outcome:
    """Return the outcome of an error of ours or of the storage: unknown only if the visible call may be out."""
    is_out, message = turn.step != "prepare", INTERNAL_ERROR
    if isinstance(error, StorageUnavailable):
        message = Phrase("The storage does not give a file of the post.")
        is_out = is_out and turn.session.requests > turn.requests_before
        logger.warning("Target %s waits for the storage: %s", turn.claim.pk, error.reason)
    elif isinstance(error, CannotDecrypt):
        message = tokens.NOT_OPENED
        logger.error("Target %s waits for the operator: %s", turn.claim.pk, error)
    else:
        logger.exception("Target %s met an error of ours", turn.claim.pk)
    return (Unknown if is_out else Unavailable)(message, who_acts=WhoActs.OPERATOR)


def _find_out_or_send(turn: Turn) -> Outcome:
    """Find out about an earlier send, or send; a token that the network refuses is renewed once."""

    def as_account(account: Account) -> Outcome:
        turn.act_as(account)
        return find_out(turn) or send(turn)

    turn.compose()
    if turn.unresolved and not turn.asks_by_sending():
        turn.step = "recover"  # set before any token error, which says nothing about an earlier send
    try:
        found = tokens.authorized(turn.account, as_account, now=turn.started_at)
    except tokens.BeingRenewed:
        return Later(seconds=TOKEN_WAIT_SECONDS, message=Phrase("The account's token is being renewed."))
    except (Error, WriterClosed):
        if turn.refused is None:
            raise
        return tokens.obstacle(turn.refused)  # the token is renewed with the next claim
    return storable(found) if isinstance(found, Published) else found


def _settle(turn: Turn, result: AttemptResult) -> None:
    """Settle. While the database is away, keep the network's answer in a file and retry until the lease is over."""
    answer = answer_of(result)
    while True:
        try:
            turn.writer.run(settle_all, result)
            return
        except (Error, WriterClosed) as error:
            if answer is not None:
                kept_answers.keep(answer)
                answer = None
            if isinstance(error, WriterClosed) or turn.claim.seconds_left <= 0:
                raise
            time.sleep(SETTLE_AGAIN_SECONDS)
