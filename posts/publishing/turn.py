"""What one claim has to work with, and how far it came: its target, its account, and the leave for the visible call."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from accounts import registry
from accounts.exchanges import Exchange
from accounts.models import Pause
from accounts.platforms.base import (
    Account,
    AuthExpired,
    Content,
    Handles,
    Operation,
    Published,
    Recovery,
    Unavailable,
    WhoActs,
)
from accounts.session import NetworkSession
from ouipost.claims import Claim, LostClaim, engine_time
from ouipost.phrases import Phrase
from ouipost.writer import Runs
from posts.content import compose
from posts.lateness import LEASE_SECONDS
from posts.publishing.holding import needs_place
from posts.publishing.outcomes import VISIBLE_CALL_SECONDS, gave_up
from posts.publishing.steps import Arming, Loaded, Others, Saving, Search, arm_all, load_all, others, save_all

GUARD_SECONDS = 5


class Turn:
    """A claimed target, from its claim until it is settled.

    Everything is read once, at the beginning: from the claim on nobody can edit it any more. Raises LostClaim if the
    target is gone. Four things change on the way: `claim` is renewed; `step` says how far it came; `unresolved`,
    whether an earlier send may have arrived and that is not cleared up yet; `recovery`, how that can be found out.
    """

    session: NetworkSession
    content: Content
    operation: Operation

    def __init__(self, claim: Claim, *, writer: Runs, loaded: Loaded | None, is_ending: Callable[[], bool]) -> None:
        self.began = time.monotonic()
        loaded = loaded or writer.run(load_all, claim)
        if loaded is None:
            raise LostClaim
        self.claim, self.writer, self.is_ending = claim, writer, is_ending
        self.started_at, self.is_paused = loaded.at, loaded.is_paused
        self.target, self.media, self.account = loaded.target, loaded.media, loaded.target.account
        self.connector = registry.of(self.account)
        self.step, self.unresolved, self.recovery = "prepare", self.target.outcome_unknown, self.connector.recovery
        self.sends, self.requests_before = self.target.sends, 0
        self.exchanges: list[Exchange] = []
        self.refused: AuthExpired | None = None
        """Why the last visible call was not taken, where that was its token."""

    def compose(self) -> None:
        """Put together what to send, and the session to send it by; raises Unavailable where no app is registered."""
        if not registry.is_configured(self.connector):
            message = Phrase("This installation has no credentials for {network}.", network=self.connector.name)
            raise Unavailable(message, who_acts=WhoActs.OPERATOR)
        self.session = registry.session(self.account.platform, self.account.workspace, exchanges=self.exchanges)
        self.content = compose(self.target.post, self.account, self.connector, self.media)
        if self.unresolved or self.target.parts:  # it is what was sent, whatever the settings say by now
            self.content = replace(self.content, text=self.target.sent_text)

    def act_as(self, account: Account) -> None:
        """Begin as this account: its tokens are open, and may be new ones."""
        self.operation = Operation(
            content=self.content,
            account=account,
            handles=self.target.handles,
            now=self.started_at,
            armed_at=self.target.armed_at,
            out=tuple(Published(**part) for part in self.target.parts),
        )
        self.recovery = self.connector.recovery_of(self.operation)

    def asks_by_sending(self) -> bool:
        """Whether the same is sent again under its key; not when it would go out late, during a pause, or its key is
        not known any more: with another one there would be two."""
        may_send = not self.is_paused and not gave_up(self.target, now=self.started_at) and bool(self.target.handles)
        return self.recovery == Recovery.KEY and may_send

    def others(self, found: Sequence[Published]) -> Others:
        """Return what is known of other targets that may have these posts."""
        ids = [each.remote_id for each in found]
        return self.writer.run(others, Search.of(self.target, self.connector, ids))

    def hold(self, handles: Handles) -> None:
        self.target.handles = handles
        self.operation = replace(self.operation, handles=handles)

    def save(self, handles: Handles, *, seconds: float = 0) -> None:
        """Keep what must not be done again, and hold the target for another lease, or longer for a long call."""
        self.hold(handles)
        held = max(LEASE_SECONDS, seconds + VISIBLE_CALL_SECONDS + GUARD_SECONDS)
        self._take_over(self.writer.run(save_all, Saving(claim=self.claim, handles=handles, seconds=held)))
        self.session.deadline = self.time_before_arming()

    def arm(self, handles: Handles) -> Pause | None:
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

    def time_before_arming(self) -> float:
        """Return until when, by this process's monotonic clock, the claim lasts that still has to make the call."""
        return self.claim.deadline - engine_time(VISIBLE_CALL_SECONDS + GUARD_SECONDS).total_seconds()

    def may_call(self) -> bool:
        """Whether the claim lasts for the visible call."""
        return self.claim.seconds_left >= engine_time(VISIBLE_CALL_SECONDS + GUARD_SECONDS).total_seconds()

    def with_public_url(self, published: Published) -> Published:
        return replace(published, url=self.session.public_url(published.url))
