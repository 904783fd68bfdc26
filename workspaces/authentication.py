"""Who calls the API: the key in `X-API-Key`."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from workspaces.keys import find_key
from workspaces.models import ApiKey

USE_IS_NOTED_EVERY = timedelta(minutes=1)


class KeyAuthentication(BaseAuthentication):
    """Accepts an API key; no header is no caller, a wrong one is refused."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        secret = request.headers.get("X-API-Key")
        if secret is None:
            return None
        now = timezone.now()
        key = find_key(secret, now=now)
        note_use(key, now=now)
        return AnonymousUser(), key

    def authenticate_header(self, request: Request) -> str:
        return "X-API-Key"


def note_use(key: ApiKey, *, now: datetime) -> None:
    """Keep `last_used_at` true to a minute, with a write a minute at most."""
    if key.last_used_at is not None and now - key.last_used_at < USE_IS_NOTED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_IS_NOTED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
