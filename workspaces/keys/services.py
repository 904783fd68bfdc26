"""API keys: making them, and finding one by its secret."""

import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import models, transaction
from django.shortcuts import get_object_or_404

from ouipost.crypto import digest
from ouipost.db.rows import assign
from ouipost.errors import DomainError, SecretReplaced
from ouipost.events.journal import Actor, record, save_update
from ouipost.ids import new_id
from ouipost.phrases import Phrase
from workspaces.models import ApiKey, KeyMode, Tier
from workspaces.permissions import KEY_PERMISSIONS

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_LENGTH = 32
PREFIXES = {KeyMode.LIVE: "pk_live_", KeyMode.TEST: "pk_test_"}
COLUMNS = [field for field in ApiKey._meta.concrete_fields if field.name not in ("digest", "previous_digest")]
RECORDED = [field.attname for field in COLUMNS]
MOMENTS = {field.attname for field in COLUMNS if isinstance(field, models.DateTimeField)}
DAY = timedelta(days=1)
GRACE = DAY
MILLISECOND = timedelta(milliseconds=1)


class InvalidApiKey(DomainError):
    code = "INVALID_API_KEY"
    status = 401
    message = Phrase("The API key is not valid.")


class NoApiKey(InvalidApiKey):
    message = Phrase(
        "X-API-Key is not an API key: send the whole key and nothing else, without Bearer, quotes or spaces."
    )


class KeyRevoked(DomainError):
    message = Phrase("The key is not active: activate it first, or make a new one.")


class KeyExpired(KeyRevoked):
    message = Phrase("The key has expired: give it a later end first, or make a new one.")


class ApiKeyExpired(DomainError):
    code = "API_KEY_EXPIRED"
    status = 401
    message = Phrase("The API key has expired.")


@transaction.atomic
def create_key(
    *,
    name: str,
    actor: Actor,
    mode: str = KeyMode.LIVE,
    tier: str = Tier.STARTER,
    permissions: list[str] | None = None,
    workspace_ids: list[str] | None = None,
    expires_at: datetime | None = None,
    is_active: bool = True,
    pk: str | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is not kept and cannot be shown again.

    `pk` is an id that the console gave to the form, so that sending the form twice creates no second key.
    """
    secret = _new_secret(mode)
    key = ApiKey.objects.create(
        pk=pk or new_id("key"),
        name=name,
        prefix=secret[:11],
        digest=digest(secret),
        mode=mode,
        tier=tier,
        permissions=list(KEY_PERMISSIONS if permissions is None else dict.fromkeys(permissions)),
        workspace_ids=list(dict.fromkeys(workspace_ids or [])),
        expires_at=expires_at,
        is_active=is_active,
    )
    record("created", key, actor=actor, key_name=name, tier=tier)
    return key, secret


def _new_secret(mode: str) -> str:
    return PREFIXES[KeyMode(mode)] + "".join(secrets.choice(BASE62) for _ in range(SECRET_LENGTH))


def lock(key: ApiKey) -> ApiKey:
    """Return the locked row of a key; raises Http404 if another call revoked it first."""
    return get_object_or_404(ApiKey.objects.present().select_for_update(), pk=key.pk)


@transaction.atomic
def update_key(key: ApiKey, *, values: dict[str, Any], actor: Actor) -> ApiKey:
    """Change the given fields; every process applies them from its next request on."""
    locked = lock(key)
    before = assign(locked, values)
    save_update(locked, before, actor=actor, key_name=locked.name)
    return locked


@transaction.atomic
def rotate_key(key: ApiKey, *, actor: Actor, now: datetime, instead_of: str = "") -> tuple[ApiKey, str]:
    """Give a key a new secret and return both; the old secret is valid for another day, any earlier one ends at once.

    Raises SecretReplaced if `instead_of` is given and is no longer the key's prefix.
    """
    locked = lock(key)
    if instead_of not in ("", locked.prefix):
        raise SecretReplaced
    require_working(locked, now=now)
    secret = _new_secret(locked.mode)
    until = grace_ends(locked, now=now)
    locked.previous_digest, locked.previous_expires_at = locked.digest, until
    locked.digest, locked.prefix = digest(secret), secret[:11]
    locked.save()
    record("rotated", locked, actor=actor, key_name=locked.name, old_key_expires_at=until)
    return locked, secret


def require_working(key: ApiKey, *, now: datetime) -> None:
    """Raise KeyRevoked for an inactive key and KeyExpired for an expired one: a new secret would not work."""
    if not key.is_active:
        raise KeyRevoked
    if key.has_ended(now):
        raise KeyExpired


def grace_ends(key: ApiKey, *, now: datetime) -> datetime:
    """Return when the old secret ends if the key is rotated now: after a day, or with the key if that is sooner."""
    return min(now + GRACE, key.expires_at or now + GRACE)


@transaction.atomic
def revoke_key(key: ApiKey, *, actor: Actor, now: datetime) -> None:
    """Revoke a key for good, from its next request on; its row stays for its usage counts."""
    locked = lock(key)
    locked.is_active, locked.revoked_at = False, now
    locked.previous_digest, locked.previous_expires_at = None, None
    locked.save()
    record("revoked", locked, actor=actor, key_name=locked.name)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A key found by one of its secrets; whether it is valid now is not checked yet."""

    key: ApiKey
    grace_until: datetime | None
    """The end of this secret, if it is the one from before a rotation."""

    def is_replaced(self, now: datetime) -> bool:
        """Whether this secret has ended because a rotation replaced it."""
        return self.grace_until is not None and self.grace_until <= now

    def is_valid(self, now: datetime) -> bool:
        """Whether the key lets requests in now."""
        return self.key.is_active and not self.is_replaced(now) and not self.key.has_ended(now)

    def valid_key(self, now: datetime) -> ApiKey:
        """Return the key; raises InvalidApiKey or ApiKeyExpired if it is not valid now."""
        if not self.key.is_active or self.is_replaced(now):
            raise InvalidApiKey
        if self.key.has_ended(now):
            raise ApiKeyExpired
        return self.key

    def milliseconds_left(self, now: datetime) -> int:
        """Return for how long the key's validity stays as it is now if nobody changes the key, at most a day."""
        ends = [moment for moment in (self.grace_until, self.key.expires_at) if moment is not None and moment > now]
        return max(1, int(min((moment - now for moment in ends), default=DAY) / MILLISECOND))


def look_up(shown: str, *, now: datetime) -> Found:
    """Return the key with this digest from the database, also one that is not active or has expired.

    Raises InvalidApiKey for a key that was revoked, and for a secret that was replaced a day ago.
    """
    key = ApiKey.objects.present().holding(shown).first()
    if key is None:
        raise InvalidApiKey
    found = Found(key=key, grace_until=None if key.digest == shown else key.previous_expires_at)
    if found.is_replaced(now):
        raise InvalidApiKey
    return found


def to_record(found: Found) -> bytes:
    """Serialize the columns that requests with this key need, without a secret or the digest of one."""
    values = {name: getattr(found.key, name) for name in RECORDED}
    return orjson.dumps({"key": values, "grace_until": found.grace_until})


def from_record(record: bytes) -> Found:
    """Rebuild a serialized key without a query; fields that were left out are read when they are accessed."""
    stored = orjson.loads(record)
    names = [name for name in RECORDED if name in stored["key"]]
    values = [_moment(stored["key"][name]) if name in MOMENTS else stored["key"][name] for name in names]
    return Found(key=ApiKey.from_db("default", names, values), grace_until=_moment(stored["grace_until"]))


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def looks_like_a_key(secret: str) -> bool:
    """Whether the secret has the form of a key: a known prefix and 32 characters of base62."""
    body = next((secret.removeprefix(prefix) for prefix in PREFIXES.values() if secret.startswith(prefix)), "")
    return len(body) == SECRET_LENGTH and body.isascii() and body.isalnum()
