"""Publishing one claimed target: prepare what nobody sees, arm, make the one visible call, and settle its outcome.

The threads that run this talk to networks; their database work goes through a writer. Before the visible call, "armed"
is committed; after it there is no failed send, only a known answer or an unknown outcome.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import Error

from accounts import calls, pauses, registry, tokens
from accounts.exchanges import Exchange
from accounts.models import Pause, SocialAccount
from accounts.platforms.base import (
    Account,
    AuthExpired,
    Connector,
    Content,
    Duplicate,
    Handles,
    Media,
    NotListed,
    Operation,
    PlatformError,
    ProcessingFailed,
    Published,
    Recovery,
    Rejected,
    StillWorking,
    Unavailable,
    Unknown,
    WhoActs,
)
from accounts.session import NetworkSession
from ouipost.claims import Claim, LostClaim, engine_time
from ouipost.crypto import CannotDecrypt
from ouipost.observability import traces
from ouipost.phrases import Phrase
from ouipost.writer import Runs, WriterClosed
from posts.advice import INTERNAL_ERROR
from posts.content import compose
from posts.lateness import LEASE_SECONDS
from posts.media.storage import StorageUnavailable
from posts.models import Target
from posts.publishing import kept_answers
from posts.publishing.damage import damage
from posts.publishing.holding import needs_place
from posts.publishing.late_answers import late_posts
from posts.publishing.looking import NOT_ASKED, NOT_SHOWN, after, can_look, look, one_of, until_listed
from posts.publishing.outcomes import (
    SAFE_TO_REPEAT,
    VISIBLE_CALL_SECONDS,
    Absent,
    Held,
    Later,
    Outcome,
    Report,
    answer_of,
    gave_up,
    is_said_to_be_there,
    storable,
)
from posts.publishing.settling import settle_all
from posts.publishing.steps import Arming, Loaded, Others, Saving, Search, arm_all, load_all, others, save_all

logger = logging.getLogger(__name__)
work = logging.getLogger("ouipost.work")

GUARD_SECONDS = 5
LOOKS_BEFORE_ABSENT = 2
TOKEN_WAIT_SECONDS = 2
SETTLE_AGAIN_SECONDS = 0.5


def publish(claim: Claim, *, writer: Runs, loaded: Loaded | None, is_ending: Callable[[], bool]) -> None:
    """Take one claimed target a step further, and release it settled or with the time of its next step.

    `loaded` is the target as it was read right after the claim; None where that failed. Nothing is armed any more once
    the process `is_ending`: the call might be cut before its answer is there.
    """
    try:
        Publish(claim, writer=writer, loaded=loaded, is_ending=is_ending).run()
    except LostClaim:
        logger.warning("Target %s was taken over by another worker, or called off", claim.pk)
    except WriterClosed:
        logger.warning("Target %s is left to its lease: the worker has to end", claim.pk)
    except Error:
        logger.exception("Target %s could not be settled: it is looked into when its lease is over", claim.pk)


class Publish:
    """The publishing of one claimed target.

    `step` says how far it came, `unresolved` whether an earlier send may have arrived and that is not cleared up yet,
    `refused` why the last visible call was not taken, where that was its token.
    """

    target: Target
    account: SocialAccount
    connector: Connector
    media: list[Media]
    session: NetworkSession
    content: Content
    operation: Operation
    unresolved: bool
    sends: int
    is_paused: bool
    recovery: Recovery
    started_at: datetime
    began: float
    """When that was, by this process's monotonic clock."""

    def __init__(self, claim: Claim, *, writer: Runs, loaded: Loaded | None, is_ending: Callable[[], bool]) -> None:
        self.claim = claim
        self.writer = writer
        self.loaded = loaded
        self.is_ending = is_ending
        self.step = "prepare"
        self.requests_before = 0
        self.refused: AuthExpired | None = None
        self.exchanges: list[Exchange] = []

    def run(self) -> None:
        self.began = time.monotonic()
        self._load()
        outcome = self._outcome()
        report = Report(
            claim=self.claim,
            step=self.step,
            outcome=outcome,
            unresolved=self.unresolved,
            started_at=self.started_at,
            recovery=self.recovery,
            listing_lag=self.connector.listing_lag,
            is_paused=self.is_paused,
            exchanges=self.exchanges,
            refused=self.refused,
            sent_at=None if self.target.outcome_unknown and self.step != "commit" else self.target.armed_at,
        )
        word = calls.word(outcome)
        with traces.span("settle", outcome=word):
            self._surely(report)
        milliseconds = round((time.monotonic() - self.began) * 1000)
        work.info("Target settled", extra={"step": self.step, "outcome": word, "ms": milliseconds})
        if not isinstance(outcome, Later):
            network = registry.network_of(self.account.platform, self.account.workspace)
            calls.note(network, kind=calls.PUBLISH, outcome=word)

    def _load(self) -> None:
        """Read everything once, right after the claim: from then on nobody can edit any more."""
        loaded = self.loaded or self.writer.run(load_all, self.claim)
        if loaded is None:
            raise LostClaim
        self.started_at, self.target, self.media = loaded.at, loaded.target, loaded.media
        self.unresolved, self.sends = self.target.outcome_unknown, self.target.sends
        self.is_paused, self.account = loaded.is_paused, self.target.account
        self.connector = registry.of(self.account)
        self.recovery = self.connector.recovery

    def _compose(self) -> None:
        """Put together what to send, and the session to send it by; raises Unavailable where no app is registered."""
        if not registry.is_configured(self.connector):
            message = Phrase("This installation has no credentials for {network}.", network=self.connector.name)
            raise Unavailable(message, who_acts=WhoActs.OPERATOR)
        self.session = registry.session(self.account.platform, self.account.workspace, exchanges=self.exchanges)
        self.content = compose(self.target.post, self.account, self.connector, self.media)
        if self.unresolved or self.target.parts:  # it is what was sent, whatever the settings say by now
            self.content = replace(self.content, text=self.target.sent_text)

    def _outcome(self) -> Outcome:
        """Try, and turn whatever is raised into an outcome; a bug of ours after arming leaves it unknown, too."""
        try:
            return damage(self.target) or self._attempt()
        except StillWorking as error:
            return Later(seconds=error.retry_after, message=error.message) if self.step == "prepare" else error
        except Unknown as error:  # nobody sees what is prepared: it may be repeated
            return Unavailable(error.message, status=error.status) if self.step == "prepare" else error
        except PlatformError as error:
            return error
        except (LostClaim, Error, WriterClosed):
            raise
        except Exception as error:
            return self._stopped(error)

    def _stopped(self, error: Exception) -> Outcome:
        """Return what an error of ours or of the storage comes to: unknown only where the visible call may be out."""
        is_out, message = self.step != "prepare", INTERNAL_ERROR
        if isinstance(error, StorageUnavailable):
            message = Phrase("The storage does not give a file of the post.")
            is_out = is_out and self.session.requests > self.requests_before
            logger.warning("Target %s waits for the storage: %s", self.claim.pk, error.reason)
        elif isinstance(error, CannotDecrypt):
            message = tokens.NOT_OPENED
            logger.error("Target %s waits for the operator: %s", self.claim.pk, error)
        else:
            logger.exception("Target %s met an error of ours", self.claim.pk)
        return (Unknown if is_out else Unavailable)(message, who_acts=WhoActs.OPERATOR)

    def _attempt(self) -> Outcome:
        """Find out or send; a token that the network no longer takes is renewed once."""
        self._compose()
        if self.unresolved and not self._asks_by_sending():
            self.step = "recover"  # also where no token is to be had for it: that tells nothing of an earlier send
        try:
            found = tokens.authorized(self.account, self._find_out_or_send, now=self.started_at)
        except tokens.BeingRenewed:
            return Later(seconds=TOKEN_WAIT_SECONDS, message=Phrase("The account's token is being renewed."))
        except (Error, WriterClosed):
            if self.refused is None:
                raise
            return tokens.obstacle(self.refused)  # the token is renewed with the next claim
        return storable(found) if isinstance(found, Published) else found

    def _find_out_or_send(self, account: Account) -> Outcome:
        """Do what is next, as this account: its tokens are open, and may be new ones."""
        self.operation = Operation(
            content=self.content,
            account=account,
            handles=self.target.handles,
            now=self.started_at,
            armed_at=self.target.armed_at,
            out=tuple(Published(**part) for part in self.target.parts),
        )
        self.recovery = self.connector.recovery_of(self.operation)
        return self._find_out() or self._send()

    def _find_out(self) -> Outcome | None:
        """Look whether an earlier send arrived whose answer is not known, or refused it; None: send it, once more."""
        if not self.unresolved:
            return self._look_once() if self.operation.armed_at else None
        if self._asks_by_sending():
            return None
        self.step = "recover"
        return NOT_ASKED if self.recovery == Recovery.PARK else self._found() or self._absent()

    def _look_once(self) -> Outcome | None:
        """Look once for what was refused: it may be there all the same. A look that does not tell holds up nothing."""
        is_absent = False
        self.operation = replace(self.operation, content=replace(self.content, text=self.target.sent_text))
        if can_look(self.connector, self.operation):
            self.step = "recover"
            if later := until_listed(self.connector, self.operation, self.target.sent_at):
                return later
            try:
                out = self._found()
            except (AuthExpired, StillWorking):
                raise
            except PlatformError as error:
                is_absent = isinstance(error, ProcessingFailed)
            else:
                if isinstance(out, Published | Later):
                    return out
                is_absent = out is None
        self._begin_again(is_absent=is_absent)
        return None

    def _begin_again(self, *, is_absent: bool) -> None:
        """Send what was refused once more. What was asked for anew since is prepared afresh, unless it may be there and
        its handles keep it from being there twice."""
        sent_at, asked_at = self.operation.began_at, self.target.scheduled_at
        if asked_at and sent_at < asked_at and (is_absent or self.recovery not in SAFE_TO_REPEAT):
            self._hold({})
        self.target.armed_at = None if is_absent else sent_at
        self.operation = replace(self.operation, content=self.content, armed_at=self.target.armed_at)

    def _found(self) -> Outcome | None:
        """Return the one post that was found, or what keeps us from telling; None where there is none."""
        self.session.deadline = self._time_before_arming()
        try:
            with traces.span("recover"):
                found = look(self.connector, self.session, self.operation, began=self.began)
        except NotListed:  # what it gave is forgotten: its list is believed the second time
            self.recovery, found = Recovery.LOOK, []
        known = self._others(found)
        account, theirs = self.operation.account, set(known.remote_ids)
        theirs.update(self.connector.listed_id(self.session, account, each) for each in known.alike)
        shown = [self._with_public_url(each) for each in found if each.remote_id not in theirs]
        self.recovery = Recovery.LOOK if found and not shown else self.recovery  # a handle tells of no others
        if shown and known.in_doubt:
            return after(self.target, known.in_doubt)
        return one_of(shown or self.writer.run(late_posts, self.target))

    def _asks_by_sending(self) -> bool:
        """Whether the same is sent again under its key; not when it would go out late, during a pause, or its key is
        not known any more: with another one there would be two."""
        may_send = not self.is_paused and not gave_up(self.target, now=self.started_at) and bool(self.target.handles)
        return self.recovery == Recovery.KEY and may_send

    def _absent(self) -> Outcome | None:
        """Return what it means that the look found nothing; None: it certainly did not arrive, send again.

        A handle tells that at once, unless it was sent again since the claim, and refused. Who has none, as a restored
        copy may, has asked about nothing.
        """
        if self.recovery == Recovery.HANDLE and not self.target.handles:
            return NOT_ASKED
        is_one_enough = self.recovery == Recovery.HANDLE and self.sends == self.target.sends
        if not is_one_enough and self.target.absences + 1 < LOOKS_BEFORE_ABSENT:
            return Absent()
        if is_said_to_be_there(self.target):
            return NOT_SHOWN
        self.unresolved = False
        if gave_up(self.target, now=self.started_at):
            return Unavailable(Phrase("It did not arrive, and the time for trying is over."))
        return None

    def _others(self, found: Sequence[Published]) -> Others:
        """Return what is known of other targets that may have these posts."""
        ids = [each.remote_id for each in found]
        return self.writer.run(others, Search.of(self.target, self.account, ids))

    def _send(self) -> Outcome:
        self.step = "prepare"
        if self.account.workspace.deleted_at is not None:
            raise Rejected(Phrase("Its workspace was deleted: nothing more of it is sent."))
        self.session.deadline = self._time_before_arming()
        with traces.span("prepare"):
            handles = self.connector.prepare(self.session, self.operation, self._save)
        self._hold(handles)
        self.recovery = self.connector.recovery_of(self.operation)
        late = self.writer.run(late_posts, self.target) if self._was_sent() else []
        if out := one_of(late):  # it may have come since the look
            return out
        if self.is_ending():
            return Later(seconds=0, message=Phrase("The worker has to end; nothing was sent."))
        if (paused := self._arm(handles)) is not None:
            return Held(seconds=0, message=pauses.describe(paused))
        if self.claim.seconds_left < engine_time(VISIBLE_CALL_SECONDS + GUARD_SECONDS).total_seconds():
            return Later(seconds=0, message=Phrase("The worker was held up; nothing was sent."))
        self.step, self.requests_before, self.refused = "commit", self.session.requests, None
        self.session.deadline = time.monotonic() + engine_time(VISIBLE_CALL_SECONDS).total_seconds()
        try:
            with traces.span("commit"):
                published = self.connector.commit(self.session, self.operation)
        except AuthExpired as error:
            self.refused = error
            raise
        except Rejected as refusal:
            return self._refused(refusal)
        self._require_own(published)
        return self._with_public_url(published)

    def _refused(self, refusal: Rejected) -> Outcome:
        """Return what a refusal comes to: of what was sent before it may say that this has arrived, later than the look
        could tell. It is believed once that is still absent half a minute later, or where the network refuses to tell
        and nothing was in doubt."""
        if not self.target.sends or self.recovery != Recovery.HANDLE or isinstance(refusal, Duplicate):
            return refusal
        self.unresolved = True
        try:
            found = self._find_out()
        except StillWorking:
            self.step = "commit"
            raise
        except Rejected as error:
            if self.target.outcome_unknown or error.is_nameless:
                raise
            found, self.unresolved = None, False
        self.step = "commit"
        return found or refusal

    def _was_sent(self) -> bool:
        """Whether this was sent before; what goes out anew after it was certainly not there begins the count again."""
        return bool(self.sends) or self.content.text == self.target.sent_text

    def _require_own(self, published: Published) -> None:
        """Raise Duplicate where a repeated send was answered with what is known to be another target's post."""
        try:
            is_own = self.sends == 1 or not self._others([published]).remote_ids
        except (Error, WriterClosed):
            return  # the answer is worth more than what could be looked up about it
        if not is_own:
            raise Duplicate(Phrase("The network takes it for another post of the account, with the same content."))

    def _save(self, handles: Handles, *, seconds: float = 0) -> None:
        """Keep what must not be done again, and hold the target for another lease, or longer for a long call."""
        self._hold(handles)
        held = max(LEASE_SECONDS, seconds + VISIBLE_CALL_SECONDS + GUARD_SECONDS)
        self._take_over(self.writer.run(save_all, Saving(claim=self.claim, handles=handles, seconds=held)))
        self.session.deadline = self._time_before_arming()

    def _hold(self, handles: Handles) -> None:
        self.target.handles = handles
        self.operation = replace(self.operation, handles=handles)

    def _arm(self, handles: Handles) -> Pause | None:
        """Allow the visible call: from here on its outcome is unknown until an answer is settled.

        Returns the pause that does not let it happen.
        """
        arming = Arming(
            claim=self.claim,
            account_id=self.account.pk,
            platform=self.target.platform,
            workspace_id=self.account.workspace_id,
            handles=handles,
            sent_text=self.operation.content.text,
            armed_at=self.operation.armed_at or (self.started_at if self.refused else None),
            sends=self.sends + 1,
            uses_place=self.sends == self.target.sends and needs_place(self.target),
            paced_at=self.account.paced_at,
            replies=len(self.operation.content.replies),
            recovery=self.recovery,
            listing_lag=self.connector.listing_lag,
        )
        armed = self.writer.run(arm_all, arming)
        if isinstance(armed, Pause):
            return armed
        self._take_over(armed)
        self.sends += 1
        return None

    def _take_over(self, renewed: Claim | None) -> None:
        if renewed is None:
            raise LostClaim
        self.claim = renewed

    def _time_before_arming(self) -> float:
        return self.claim.deadline - engine_time(VISIBLE_CALL_SECONDS + GUARD_SECONDS).total_seconds()

    def _with_public_url(self, published: Published) -> Published:
        return replace(published, url=self.session.public_url(published.url))

    def _surely(self, report: Report) -> None:
        """Settle, and while the database is away note down what the network said and try until the lease is over."""
        answer = answer_of(report)
        while True:
            try:
                self.writer.run(settle_all, report)
                return
            except (Error, WriterClosed) as error:
                if answer is not None:
                    kept_answers.keep(answer)
                    answer = None
                if isinstance(error, WriterClosed) or self.claim.seconds_left <= 0:
                    raise
                time.sleep(SETTLE_AGAIN_SECONDS)
