"""Tokens of sixty days that renew themselves, which Instagram and Threads give to an app of their own."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from accounts.platforms.base import Session
from accounts.platforms.errors import AuthExpired, Rejected, Unavailable, WhoActs
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import Account, Tokens
from ouipost.phrases import Phrase

AFTER_A_CODE = "#_"
"""Both networks append it to the code in the callback's address."""
TOO_YOUNG_WAIT = 3600.0
LIFE = timedelta(days=60)
AS_GOOD_AS_NEW = timedelta(days=58)
"""A token with this much life left is hardly older than a day, the least age for a renewal."""


class LongLivedTokens(OAuth2Connector):
    """A network whose token for an hour is exchanged for one of sixty days, and that for a new one before its end.

    The token is its own refresh token.
    """

    token_host: ClassVar[str]
    grant_prefix: ClassVar[str]
    """Prefix of the grant types: ig or th."""
    scope_separator = ","
    renews_itself = True

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        code = code.removesuffix(AFTER_A_CODE)
        short = super().exchange(session, code=code, redirect_uri=redirect_uri, now=now)
        proof = {"client_secret": self.app.client_secret, "access_token": short.access_token}
        return replace(self._longer(session, "access_token", "exchange", proof, now=now), scopes=short.scopes)

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        if not account.refresh_token:
            raise AuthExpired(
                Phrase("{network} gave no token that can be renewed: connect the account again.", network=self.name)
            )
        token = {"access_token": account.refresh_token}
        try:
            return self._longer(session, "refresh_access_token", "refresh", token, now=now)
        except Rejected as refusal:
            if refusal.who_acts != WhoActs.CALLER:
                raise
            # the token is valid but younger than a day, which is no reason for a new sign-in
            ends = account.access_expires_at
            if ends and ends > now + AS_GOOD_AS_NEW:
                return Tokens(
                    access_token=account.access_token, refresh_token=account.refresh_token, access_expires_at=ends
                )
            raise Unavailable(retry_after=TOO_YOUNG_WAIT, **refusal.facts) from refusal

    def _longer(self, session: Session, path: str, verb: str, fields: Mapping[str, Any], *, now: datetime) -> Tokens:
        params = {"grant_type": f"{self.grant_prefix}_{verb}_token", **fields}
        given = self.tokens(self.call(session, "GET", f"{self.token_host}/{path}", params=params), now=now)
        ends = given.access_expires_at or now + LIFE  # without an end it would never be renewed, and later it cannot be
        return replace(given, refresh_token=given.access_token, access_expires_at=ends)
