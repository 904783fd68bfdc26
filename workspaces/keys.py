"""API keys: making them, and finding one by its secret."""

import hashlib
import secrets
import string
from datetime import datetime

from django.db import transaction

from ouipost.errors import DomainError
from ouipost.events.journal import Actor, record
from workspaces.models import ApiKey, KeyMode, Tier
from workspaces.permissions import KEY_PERMISSIONS

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_LENGTH = 32
PREFIXES = {KeyMode.LIVE: "pk_live_", KeyMode.TEST: "pk_test_"}


class InvalidApiKey(DomainError):
    code = "INVALID_API_KEY"
    status = 401
    message = "The API key is not valid."


class ApiKeyExpired(DomainError):
    code = "API_KEY_EXPIRED"
    status = 401
    message = "The API key has expired."


@transaction.atomic
def create_key(
    *,
    name: str,
    actor: Actor,
    mode: str = KeyMode.LIVE,
    tier: str = Tier.STARTER,
    permissions: list[str] | None = None,
    workspace_ids: list[str] | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is not kept and cannot be shown again."""
    secret = PREFIXES[KeyMode(mode)] + "".join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))
    key = ApiKey.objects.create(
        name=name,
        prefix=secret[:11],
        digest=digest(secret),
        mode=mode,
        tier=tier,
        permissions=list(KEY_PERMISSIONS) if permissions is None else permissions,
        workspace_ids=workspace_ids or [],
    )
    record("created", key, actor=actor, key_name=name, tier=tier)
    return key, secret


def find_key(secret: str, *, now: datetime) -> ApiKey:
    """Return the key with this secret; raises InvalidApiKey, without asking the database where the form is wrong."""
    if not looks_like_a_key(secret):
        raise InvalidApiKey
    key = ApiKey.objects.holding(digest(secret), now=now).first()
    if key is None or not key.is_active:
        raise InvalidApiKey
    if key.expires_at is not None and key.expires_at <= now:
        raise ApiKeyExpired
    return key


def looks_like_a_key(secret: str) -> bool:
    """Whether the secret has the form of a key: a known prefix and 32 characters of base62."""
    body = next((secret.removeprefix(prefix) for prefix in PREFIXES.values() if secret.startswith(prefix)), "")
    return len(body) == SECRET_LENGTH and body.isascii() and body.isalnum()


def digest(secret: str) -> str:
    """Return the SHA-256 that is stored: 190 random bits need no slower hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
