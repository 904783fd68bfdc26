"""Sign-in by OAuth 2 (RFC 6749, RFC 7636)."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from oauthlib.oauth2 import WebApplicationClient

from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import (
    AuthExpired,
    ErrorCode,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    Unknown,
    WhoActs,
    app_refused,
)
from accounts.platforms.http import (
    Answer,
    decoded,
    dig,
    dig_text,
    facts_of,
    is_a_page,
    is_unclear,
    retry_after,
    sane_end,
)
from accounts.platforms.shapes import Account, Tokens
from ouipost.phrases import Phrase

OPERATOR_ERRORS = {
    *("invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"),
    *("deleted_client", "disabled_client", "invalid_client_id", "invalid_redirect_uri", "unauthorized_scope_error"),
}
"""Errors of a wrongly registered or configured app, from the consent page or with tokens: those of the standard, of
Google and of LinkedIn."""
NOT_NOW = {"server_error", "temporarily_unavailable", "internal_failure"}
"""Temporary token errors, whatever their status; the last is Google's."""
REFUSALS = {"invalid_grant", "invalid_request", "admin_policy_enforced"}
"""Token errors of a refused code or token; the last is Google's."""


class OAuth2Connector(Connector):
    """A network with a consent page; the attributes are the differences between networks."""

    authorize_endpoint: ClassVar[str]
    token_endpoint: ClassVar[str]
    revoke_endpoint: ClassVar[str] = ""
    """Empty if there is none; then people remove the app in the network's own settings. All may hold `{version}`."""
    scope_separator: ClassVar[str] = " "
    client_id_field: ClassVar[str] = "client_id"
    refresh_life_field: ClassVar[str] = "refresh_token_expires_in"
    """The network's name for the seconds until a refresh token ends."""
    basic_auth: ClassVar[bool] = False
    """Whether an app with a secret proves itself in the Authorization header, not in the form."""
    beside_the_code: Mapping[str, str] = {}
    """What else is sent with the code of the consent page. May depend on the app's product."""
    dead_grant: ClassVar[frozenset[str]] = frozenset({"invalid_grant"})
    """Token errors at a refresh after which only the account's owner can give new tokens."""
    refresh_lifetime: ClassVar[timedelta | None] = None
    """The life of a refresh token if the network does not give it with the token."""

    def authorize_url(self, *, redirect_uri: str, state: str, scopes: Sequence[str], code_challenge: str = "") -> str:
        url = WebApplicationClient(self.app.client_id).prepare_request_uri(
            self.authorize_endpoint.format(version=self.version),
            redirect_uri=redirect_uri,
            scope=self.scope_separator.join(scopes),
            state=state,
            code_challenge=code_challenge or None,
            code_challenge_method="S256",
        )
        url = url.replace("+", "%20")  # a space, encoded for every parser; a real plus is %2B already
        return url.replace("client_id=", f"{self.client_id_field}=", 1)

    def exchange(
        self, session: Session, *, code: str, redirect_uri: str, now: datetime, code_verifier: str = ""
    ) -> Tokens:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        fields |= self.beside_the_code
        fields |= {"code_verifier": code_verifier} if code_verifier else {}
        answer = self.send_form(session, self.token_endpoint, fields, refusal=Rejected)
        return self.tokens(answer.json(), now=now)

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        if not account.refresh_token:
            raise AuthExpired(Phrase("{network} gave no refresh token: connect the account again.", network=self.name))
        fields = {"grant_type": "refresh_token", "refresh_token": account.refresh_token}
        answer = self.send_form(session, self.token_endpoint, fields, refusal=AuthExpired)
        return self.tokens(answer.json(), now=now)

    def revoke(self, session: Session, account: Account) -> None:
        if self.revoke_endpoint:
            self.send_form(session, self.revoke_endpoint, {"token": account.access_token}, refusal=Rejected)

    def send_form(
        self, session: Session, url: str, fields: Mapping[str, str], *, refusal: type[Rejected] | type[AuthExpired]
    ) -> Answer:
        """Send a form with the app's credentials; raises `refusal` if the code or token is refused."""
        answer = session.request("POST", url.format(version=self.version), **self._proven(fields))
        if not answer.ok:
            raise self.classify_token_error(answer, refusal=refusal)
        return answer

    def _proven(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return a form's request, with the app's id and secret in the form or in a header."""
        client_id, secret = self.app.client_id, self.app.client_secret
        if self.basic_auth and secret:
            return {"headers": {"Authorization": basic_credentials(client_id, secret)}, "data": fields}
        return {"data": {**fields, self.client_id_field: client_id, **({"client_secret": secret} if secret else {})}}

    def tokens(self, payload: Any, *, now: datetime) -> Tokens:
        """Return the tokens in a token endpoint's answer; raises Unknown if it has none."""
        access_token = dig_text(payload, "access_token")
        if not access_token:
            raise Unknown(Phrase("{network} answered the sign-in without a token.", network=self.name))
        refresh_token = dig_text(payload, "refresh_token")
        ends = _after(now, dig(payload, self.refresh_life_field))
        if ends is None and refresh_token and self.refresh_lifetime:
            ends = now + self.refresh_lifetime
        return Tokens(
            access_token=access_token,
            refresh_token=refresh_token,
            access_expires_at=_after(now, dig(payload, "expires_in")),
            ends_at=ends,
            scopes=tuple(dig_text(payload, "scope").replace(",", " ").split()),
        )

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        """Return the error of a refused token request; `refusal` is the error of a refused code or token.

        A refresh that is refused with another error is for the operator to fix, since the account may be fine.
        """
        error = decoded(answer)
        name = dig_text(error, "error")
        is_known = name in OPERATOR_ERRORS | NOT_NOW | REFUSALS
        facts = facts_of(self.name, answer, words=dig(error, "error_description"), code=name, is_known=is_known)
        if answer.status == 429:
            return RateLimited(retry_after=retry_after(answer), **facts)
        if is_unclear(answer.status) or is_a_page(answer) or name in NOT_NOW:
            return Unavailable(retry_after=retry_after(answer), **facts)
        is_alive = refusal is AuthExpired and name and name not in self.dead_grant
        if name in OPERATOR_ERRORS or is_alive:
            return app_refused(**facts)
        return refusal(code=ErrorCode.TOKEN_REVOKED, who_acts=WhoActs.ACCOUNT_OWNER, **facts)


def basic_credentials(client_id: str, client_secret: str) -> str:
    """Return the value of the Authorization header for HTTP Basic."""
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


def _after(now: datetime, seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float | str):
        return None
    try:
        return sane_end(now + timedelta(seconds=float(seconds)), now=now)
    except (ValueError, OverflowError):
        return None
