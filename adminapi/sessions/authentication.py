"""Authentication of admin API calls, by the session of the token in `Authorization: Bearer`."""

from django.utils import timezone
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from adminapi.sessions.jwts import InvalidToken, session_of
from ouipost.api.permissions import Caller, CallerAuthentication
from workspaces.models import User


class SessionAuthentication(CallerAuthentication):
    """Accepts a token of ours, no API keys; a request without the header stays anonymous, a wrong token is refused."""

    wanted = "Send the token of POST /admin/login in the header Authorization, after the word Bearer."

    def __init__(self, *, or_ended: bool = False) -> None:
        """Accept also a token that a logout has ended, if `or_ended`."""
        self._or_ended = or_ended

    def authenticate(self, request: Request) -> tuple[User | None, Caller] | None:
        token = bearer_of(request)
        return None if token is None else self._caller(token)

    def authenticate_again(self, request: Request) -> tuple[User, Caller]:
        return self._caller(bearer_of(request) or "")

    def _caller(self, token: str) -> tuple[User, Caller]:
        session = session_of(token, now=timezone.now(), or_ended=self._or_ended)
        bind_contextvars(user_id=session.user_id)
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def bearer_of(request: Request) -> str | None:
    """Return the token that a request carries, None without a header; raises InvalidToken for any other scheme."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "bearer":
        raise InvalidToken
    return token.strip()
