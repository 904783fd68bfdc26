"""The token endpoint of OAuth 2.0: which app calls it, and the code or refresh token that it sends for new tokens."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ouipost.simulator import tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Token


def flat_error(status: int, name: str, description: str) -> Refusal:
    """Return a refusal in the form of OAuth 2.0."""
    return Refusal(status, {"error": name, "error_description": description})


def posted(call: Call) -> tuple[str, str]:
    """Return the app's id and secret from the form."""
    return call.text("client_id"), call.text("client_secret")


def basic(call: Call) -> tuple[str, str]:
    """Return the app's id and secret from Basic credentials, or empty texts."""
    scheme, _, encoded = call.request.headers.get("Authorization", "").partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return (client_id, secret) if scheme.lower() == "basic" else ("", "")


@dataclass(frozen=True, kw_only=True)
class TokenEndpoint:
    """The facts of one network's token endpoint."""

    network: str
    wrong: Mapping[str, tuple[Any, ...]]
    """The arguments of `error` by what is wrong: `form` (parameters that are not in a form), or a parameter."""
    error: Callable[..., Refusal] = flat_error
    credentials: Callable[[Call], tuple[str, str]] = posted
    """Returns the app's id and secret."""
    requires_secret: bool = True
    lasts: Callable[[Token], bool] = lambda token: False
    """Returns whether a refresh token stays valid when it is used."""

    def refuse(self, what: str) -> Refusal:
        """Return the refusal for what is wrong."""
        return self.error(*self.wrong[what])

    def source(self, call: Call) -> Token:
        """Return the code or refresh token that is sent for new tokens, now used up unless it lasts; or refuse it."""
        client_id = self._client_of(call)
        match call.text("grant_type"):
            case "authorization_code":
                return tokens.spent_code(call, self.network, client_id, self.refuse)
            case "refresh_token":
                return self._refresh_token(call, client_id)
        raise self.refuse("grant_type")

    def named(self, call: Call) -> Token | None:
        """Return the calling app's own token that the call is about, valid or not."""
        client_id = self._client_of(call)
        found = tokens.find(self.network, call.text("token"), "access", "refresh")
        return found if found and found.client_id == client_id else None

    def _client_of(self, call: Call) -> str:
        if not call.is_form:
            raise self.refuse("form")
        client_id, secret = self.credentials(call)
        if not client_id:
            raise self.refuse("client_id")
        if (self.requires_secret and not secret) or not tokens.secret_fits(self.network, client_id, secret):
            raise self.refuse("client_secret")
        return client_id

    def _refresh_token(self, call: Call, client_id: str) -> Token:
        found = tokens.find(self.network, call.text("refresh_token"), "refresh")
        if found is None or found.client_id != client_id or found.revoked_at or found.expired(call.now):
            raise self.refuse("refresh_token")
        if not self.lasts(found) and not tokens.spend(found, call.now):
            raise self.refuse("refresh_token")
        return found
