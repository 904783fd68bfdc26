"""Sign-in of Instagram and Threads: a code, a token for an hour, and one for sixty days that can be renewed."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, pages, people, tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Account, Token

CODE_LIFETIME = timedelta(hours=1)
SHORT_LIFETIME = timedelta(hours=1)
LONG_LIFETIME = timedelta(days=60)
BEHIND = "#_"
"""The ending that both networks append to the redirect address; it is no part of the code."""
RENEWABLE_AFTER = timedelta(hours=24)
"""The age from which a token can be renewed; for Threads from memory."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """One network's sign-in; `needed` is the scope that it requires, `refuse` makes an error of its code exchange."""

    id: str
    look: pages.Look
    prefix: str
    """The prefix of the grant types: ig or th."""
    scopes: Sequence[str]
    needed: str
    account_of: Callable[[people.Person], Account]
    refuse: Callable[[str], Refusal]
    private_consent: timedelta | None = None
    """The duration of consent of people with a private profile, by their name; renewing a token does not extend it."""
    shows_permissions: bool = False
    """True if the answer to a code names the granted scopes."""

    def dialog(self, call: Call) -> HttpResponse:
        """Ask for consent, then send the person back with a code or a refusal."""
        scopes = [scope for scope in call.text("scope").split(",") if scope]
        if not call.text("client_id") or not pages.is_redirect_uri(call.text("redirect_uri")):
            return pages.problem(self.look, "The parameters client_id and redirect_uri are required.")
        if call.text("response_type") != "code":
            return pages.problem(self.look, "response_type must be code.")
        unknown = [scope for scope in scopes if scope not in self.scopes]
        if unknown or self.needed not in scopes:
            return pages.problem(self.look, f"Invalid scope: {', '.join(unknown) or f'{self.needed} is missing'}.")
        denied = pages.DENIED | {"error_reason": "user_denied", "error_description": "The user denied your request"}
        return pages.ask(call, self.look, scopes, self._code, choosable=True, denied=denied, behind=BEHIND)

    def _code(self, call: Call, someone: people.Person, scopes: list[str]) -> str:
        account = self.account_of(someone)
        ends: dict[str, str] = {}
        if self.private_consent is not None and "private" in account.name.lower().split():
            ends = {"consent_ends": (call.now + self.private_consent).isoformat()}
        return tokens.issue_code(
            call,
            self.id,
            f"AQ{secrets.token_urlsafe(48)}",
            lifetime=CODE_LIFETIME,
            person=someone.key,
            account=account.external_id,
            scopes=list(dict.fromkeys([self.needed, *pages.granted(call, scopes)])),
            **ends,
        )

    def trade_code(self, call: Call) -> HttpResponse:
        """Give a token for an hour in exchange for a code that is fresh, unused, and came from the same address."""
        client_id = call.text("client_id")
        if not call.is_form:
            raise self.refuse("Send the parameters as application/x-www-form-urlencoded")
        if call.text("grant_type") != "authorization_code":
            raise self.refuse("Invalid grant_type: authorization_code expected")
        if not self._knows_secret(call, client_id):
            raise self.refuse("Error validating client secret.")
        code = tokens.spent_code(call, self.id, client_id, lambda what: self.refuse(f"Invalid authorization: {what}"))
        answer: dict[str, Any] = {"access_token": self._issue(call, code, SHORT_LIFETIME), "user_id": int(code.account)}
        return JsonResponse(answer | ({"permissions": code.scopes} if self.shows_permissions else {}))

    def lengthen(self, call: Call) -> HttpResponse:
        """Give a token for sixty days in exchange for one for an hour."""
        token = self._living(call, "exchange")
        if token.data.get("long"):
            raise graph.error("Sessions that are long-lived already cannot be exchanged.", 452)
        if not self._knows_secret(call, token.client_id):
            raise graph.error("Error validating client secret.", 100)
        return self._long(call, token)

    def renew(self, call: Call) -> HttpResponse:
        """Give sixty new days to a long-lived token that is a day old and still alive."""
        token = self._living(call, "refresh")
        if not token.data.get("long") or token.issued_at > call.now - RENEWABLE_AFTER:
            raise graph.invalid("The token must be long-lived and at least 24 hours old to be refreshed")
        return self._long(call, token)

    def _living(self, call: Call, verb: str) -> Token:
        if call.text("grant_type") != f"{self.prefix}_{verb}_token":
            raise graph.invalid(f"grant_type must be {self.prefix}_{verb}_token")
        return living(call)

    def _long(self, call: Call, token: Token) -> HttpResponse:
        value = self._issue(call, token, LONG_LIFETIME, long=True)
        seconds = int(LONG_LIFETIME.total_seconds())
        return JsonResponse({"access_token": value, "token_type": "bearer", "expires_in": seconds})

    def _issue(self, call: Call, source: Token, lifetime: timedelta, **data: Any) -> str:
        value = f"{self.prefix.upper()}AA{secrets.token_urlsafe(80)}"
        data |= {name: source.data[name] for name in ("consent_ends",) if name in source.data}
        return tokens.issue(value, like=source, now=call.now, lifetime=lifetime, kind="user", data=data)

    def _knows_secret(self, call: Call, client_id: str) -> bool:
        secret = call.text("client_secret")
        return bool(secret) and tokens.secret_fits(self.id, client_id, secret)

    def identify(self, call: Call) -> str:
        """Find the call's token, and return its account."""
        call.token = tokens.find(self.id, call.credential, "user")
        source = call.token or tokens.find(self.id, call.text("code"), "code")
        return source.account if source else ""


def living(call: Call, *scopes: str) -> Token:
    """Return the call's token if it is valid and has these scopes, or refuse."""
    token = call.token
    if token is None:
        raise graph.error("Invalid OAuth access token - Cannot parse access token", 190)
    if token.revoked_at:
        raise graph.error("Error validating access token: The user has not authorized application.", 190, 458)
    consent_ends = token.data.get("consent_ends")
    if token.expired(call.now) or (consent_ends and datetime.fromisoformat(consent_ends) <= call.now):
        raise graph.error("Error validating access token: Session has expired.", 190, 463)
    if not set(scopes) <= set(token.scopes):
        raise graph.error("(#10) Application does not have permission for this action", 10)
    return token
