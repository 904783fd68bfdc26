"""A stand-in for a network that this version does not have but rows still name; it takes nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.errors import ErrorCode, Rejected, Unavailable, WhoActs
from accounts.platforms.limits import Issue, Limits
from accounts.platforms.shapes import Account, AccountNumbers, Content, Handles, Operation, PostNumbers, Profile, Tokens
from ouipost.phrases import Phrase

ASK_AGAIN_SECONDS = 24 * 3600


class Gone(Connector):
    """A connector without a network: it takes no posts, and cannot find out whether an earlier one arrived."""

    account_types = ()
    scopes = ()
    metrics = ()
    limits = Limits(max_characters=0)
    max_video_duration = 0
    needs_app = False

    def validate(self, content: Content, account: Mapping[str, Any]) -> list[Issue]:
        return [
            Issue(
                rule="network_gone",
                field="platforms",
                message=gone_message(self.name),
                actual=self.id,
                fix=Phrase("Leave {network} out.", network=self.name),
            )
        ]

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        raise Rejected(gone_message(self.name), code=ErrorCode.PLATFORM_UNAVAILABLE, who_acts=WhoActs.OPERATOR)

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        raise self._unavailable()

    def revoke(self, session: Session, account: Account) -> None:
        raise self._unavailable()

    def profile(self, session: Session, account: Account) -> Profile:
        raise self._unavailable()

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        raise self._unavailable()

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        raise self._unavailable()

    def _unavailable(self) -> Unavailable:
        return Unavailable(gone_message(self.name), retry_after=ASK_AGAIN_SECONDS, who_acts=WhoActs.OPERATOR)


def gone_message(network: str) -> Phrase:
    return Phrase("This installation does not have the network {network} any more.", network=network)


@cache
def stand_in(network: str) -> type[Connector]:
    """Return the connector of a network that is gone."""
    return type("Gone", (Gone,), {"id": network, "name": network})
