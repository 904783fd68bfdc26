"""The state of one claim: its target, its account, its progress, and the permission for the visible call."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from accounts import registry, tokens
from accounts.exchanges import Exchange
from accounts.models import Pause
from accounts.platforms.base import Recovery
from accounts.platforms.errors import AuthExpired
from accounts.platforms.shapes import Account, Content, Handles, Operation, Published
from accounts.session import NetworkSession
from ouipost.claims import Claim, LostClaim, engine_time
from ouipost.writer import Runs
from posts.content import compose
from posts.lateness import LEASE_SECONDS
from posts.places import needs_place
from posts.publishing.arming import Arming, Loaded, Saving, arm_all, load_all, save_all
from posts.publishing.others import Others, Search, others
from posts.publishing.outcomes import VISIBLE_CALL_SECONDS, gave_up

GUARD_SECONDS = 5


class Turn:
    """A claimed target, from its claim until it is settled.

    Everything is read once, at the beginning, as nobody can edit a claimed target. Raises LostClaim if the target is
    gone. These change on the way: `claim` is renewed, and the session's deadline follows it; `step` is the current
    step; `unresolved` is true while an earlier send may have arrived; `recovery` is the way to find that out;
    `content`, `operation` and some columns of `target` belong to the call that is next, or under way; `sends` counts
    the visible calls that were allowed; `requests_before` counts the session's requests before the last of them.
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
        self.started_at, self.is_paused, self.is_restored = loaded.at, loaded.is_paused, loaded.is_restored
        self.target, self.media, self.account = loaded.target, loaded.media, loaded.target.account
        self.connector = registry.of(self.account)
        self.step, self.unresolved, self.recovery = "prepare", self.target.outcome_unknown, self.connector.recovery
        self.sends, self.requests_before = self.target.sends, 0
        self.exchanges: list[Exchange] = []
        self.refused: AuthExpired | None = None
        """The error if the network refused the last visible call because of its token."""

    def compose(self) -> None:
        """Compose the content and open a session; raises Unavailable if the operator has not configured the network."""
        try:
            registry.check(self.connector, self.account.workspace)
        except registry.PlatformNotConfigured as error:
            raise tokens.obstacle(error) from error
        self.session = registry.session(self.account.platform, self.account.workspace, exchanges=self.exchanges)
        self.content = compose(self.target.post, self.account, self.connector, self.media)
        if self.unresolved or self.target.parts:  # the sent text, even if settings have changed since
            self.content = replace(self.content, text=self.target.sent_text)

    def act_as(self, account: Account) -> None:
        """Start over with this account, whose tokens are decrypted and may be new."""
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
        """Return whether to ask by sending again under the same key. Not if the time for trying is over, in a pause, or
        without the key: another key would make a second post."""
        may_send = not self.is_paused and not gave_up(self.target, now=self.started_at) and bool(self.target.handles)
        return self.recovery == Recovery.KEY and may_send

    def others(self, found: Sequence[Published]) -> Others:
        """Return the other targets that own or may own these posts."""
        ids = [each.remote_id for each in found]
        return self.writer.run(others, Search.of(self.target, self.connector, ids))

    def hold(self, handles: Handles) -> None:
        self.target.handles = handles
        self.operation = replace(self.operation, handles=handles)

    def save(self, handles: Handles, *, seconds: float = 0) -> None:
        """Save handles of steps that must not be repeated, and renew the lease, for longer before a long call."""
        self.hold(handles)
        held = max(LEASE_SECONDS, seconds + VISIBLE_CALL_SECONDS + GUARD_SECONDS)
        self._take_over(self.writer.run(save_all, Saving(claim=self.claim, handles=handles, seconds=held)))
        self.session.deadline = self.time_before_arming()

    def arm(self, handles: Handles) -> Pause | None:
        """Allow the visible call: from here on its outcome is unknown until an answer is settled.

        Returns the pause that forbids it, if any.
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
        """Return the deadline, on this process's monotonic clock, by which the claim must be armed."""
        return self.claim.deadline - engine_time(VISIBLE_CALL_SECONDS + GUARD_SECONDS).total_seconds()

    def may_call(self) -> bool:
        """Return whether the claim lasts long enough for the visible call."""
        return self.claim.seconds_left >= engine_time(VISIBLE_CALL_SECONDS + GUARD_SECONDS).total_seconds()

    def with_public_url(self, published: Published) -> Published:
        return replace(published, url=self.session.public_url(published.url))
