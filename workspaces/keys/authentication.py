"""Authentication of API calls by the key in `X-API-Key`."""

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from ouipost.api import limits
from ouipost.api.limits import Window
from ouipost.api.permissions import CallerAuthentication
from ouipost.crypto import digest
from workspaces.keys import admission, guesses, usage
from workspaces.keys.admission import Known, Unknown
from workspaces.keys.services import Found, InvalidApiKey, NoApiKey, from_record, look_up, looks_like_a_key, to_record
from workspaces.models import ApiKey


class KeyAuthentication(CallerAuthentication):
    """Accepts an API key; a request without the header stays anonymous, a wrong key is refused."""

    wanted = "Send an API key in the X-API-Key header."

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        secret = request.headers.get("X-API-Key")
        if secret is None:
            return None
        now = timezone.now()
        found, window = identify(secret, address=request.META.get("REMOTE_ADDR", ""), now=now)
        bind_contextvars(key_id=found.key.pk)
        if window is not None:
            limits.note(request._request, window)
        if not found.is_valid(now):
            limits.enforce(request._request, found.key)  # refusing costs as much as admitting
        key = found.valid_key(now)
        if window is None:
            usage.count_here(key.pk, now=now)
        return AnonymousUser(), key

    def authenticate_again(self, request: Request) -> tuple[AnonymousUser, ApiKey]:
        now = timezone.now()
        return AnonymousUser(), look_up(digest(request.headers["X-API-Key"]), now=now).valid_key(now)

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


def identify(secret: str, *, address: str, now: datetime) -> tuple[Found, Window | None]:
    """Return the key with this secret, valid or not, and the minute in which Redis counted the request, if it did.

    Raises InvalidApiKey if there is no such key. A key that Redis knows costs one trip and no query.
    """
    if not looks_like_a_key(secret):
        raise NoApiKey
    shown = digest(secret)
    if not guesses.may_look_up(shown, address):
        raise InvalidApiKey
    found, window = _find(shown, address=address, now=now)
    if found.is_valid(now):
        guesses.note_held(shown)
    return found, window


def _find(shown: str, *, address: str, now: datetime) -> tuple[Found, Window | None]:
    match admission.ask(shown):
        case Known(record=record, window=window):
            return from_record(record), window
        case Unknown() as miss:
            found = _look_up(shown, address=address, now=now)
            return found, _admit(miss, found, now=now)
    return _look_up(shown, address=address, now=now), None


def _look_up(shown: str, *, address: str, now: datetime) -> Found:
    """Return the key from the database; raises InvalidApiKey and counts the miss if there is none."""
    try:
        return look_up(shown, now=now)
    except InvalidApiKey:
        guesses.note_missed(shown, address)
        raise


def _admit(miss: Unknown, found: Found, *, now: datetime) -> Window | None:
    is_use, left = found.is_valid(now), found.milliseconds_left(now)
    return admission.admit(miss, key_id=found.key.pk, record=to_record(found), milliseconds=left, is_use=is_use)
