"""Authentication of API calls by the key in `X-API-Key`."""

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars

from ouipost.api import limits
from ouipost.api.limits import Window
from ouipost.crypto import digest
from workspaces.keys import admission, guesses, usage
from workspaces.keys.admission import Known, Unknown
from workspaces.keys.services import Found, InvalidApiKey, NoApiKey, from_record, look_up, looks_like_a_key, to_record
from workspaces.models import ApiKey


class KeyAuthentication(BaseAuthentication):
    """Accepts an API key; a request without the header stays anonymous, a wrong key is refused."""

    wanted = "Send an API key in the X-API-Key header."

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        secret = request.headers.get("X-API-Key")
        if secret is None:
            return None
        now = timezone.now()
        key, window = identify(secret, address=request.META.get("REMOTE_ADDR", ""), now=now)
        bind_contextvars(key_id=key.pk)
        if window is None:
            usage.count_here(key.pk, now=now)
        else:
            limits.note(request._request, window)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


def identify(secret: str, *, address: str, now: datetime) -> tuple[ApiKey, Window | None]:
    """Return the key with this secret, and the minute that Redis counted the request in, where it did.

    Raises InvalidApiKey or ApiKeyExpired. One trip to Redis and no query for a key that Redis knows.
    """
    if not looks_like_a_key(secret):
        raise NoApiKey
    shown = digest(secret)
    if not guesses.may_look_up(shown, address):
        raise InvalidApiKey
    match admission.ask(shown):
        case Known(record=record, window=window):
            key = from_record(record).valid_key(now)
            guesses.note_held(shown)
            return key, window
        case Unknown() as miss:
            found = _look_up(shown, address=address, now=now)
            return found.key, _admit(miss, found, now=now)
    return _look_up(shown, address=address, now=now).key, None


def _look_up(shown: str, *, address: str, now: datetime) -> Found:
    """Return the key that the database says holds now; raises as `identify` does."""
    found = None
    try:
        found = look_up(shown)
        found.valid_key(now)
    except InvalidApiKey:
        if found is None or not found.is_paused:
            guesses.note_missed(shown, address)
        raise
    guesses.note_held(shown)
    return found


def _admit(miss: Unknown, found: Found, *, now: datetime) -> Window | None:
    left = found.milliseconds_left(now)
    return admission.admit(miss, key_id=found.key.pk, record=to_record(found), milliseconds=left)
