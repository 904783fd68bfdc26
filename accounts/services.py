"""Changes to connected accounts; each function is one transaction and one line in the journal."""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts import grants, hooks, profiles, registry, tokens
from accounts.family import lock_family
from accounts.models import AccountStatus, Connection, SocialAccount
from accounts.platforms.errors import AuthExpired, PlatformError, Unavailable
from accounts.platforms.shapes import Account, Profile
from accounts.webhook_payloads import MOST_POSTS
from ouipost.crypto import CannotDecrypt
from ouipost.db.locks import in_transaction
from ouipost.errors import InvalidInput
from ouipost.events.journal import SYSTEM, Actor, changes, entry, record, record_all, save_update
from ouipost.phrases import Phrase
from ouipost.runtime import waiting
from workspaces.models import Workspace
from workspaces.settings import merged

logger = logging.getLogger(__name__)
SHOWN = ["name", "username", "profile_image", "metadata", "followers", "following", "last_sync", "last_error"]
"""The columns that a reading of the account changes."""
Read = Profile | dict[str, str]
"""An account's profile, or the error in reading it."""
REFRESHED = ("name", "username", "profile_image", "status", "expires_at", "access_expires_at", "last_error")


@transaction.atomic
def update_account(account: SocialAccount, *, values: dict[str, Any], actor: Actor) -> tuple[SocialAccount, list[str]]:
    """Change name, default or settings, and return the account with warnings.

    `settings` are merged key by key, and null removes one. Raises Http404.
    """
    family = lock_family(account.workspace_id, account.platform)
    locked = next((each for each in family if each.pk == account.pk), None)
    if locked is None or not locked.is_connected:
        raise Http404  # deleted with its workspace, or disconnected: another account is the default now
    before = {"name": locked.name, "is_default": locked.is_default, "settings": locked.settings}
    if values.get("name", locked.name) != locked.name:  # a client may send back the name from a GET
        locked.name, locked.name_is_ours = values["name"], True
    if "settings" in values:
        locked.settings = merged(locked.settings, values["settings"])
    if "is_default" in values:
        _set_default(locked, values["is_default"], family, actor=actor)
    save_update(locked, before, actor=actor)
    if locked.is_default != before["is_default"]:
        hooks.tell_of_standing(locked)
    return locked, [warning for hook in hooks.on_settings for warning in hook(locked, before["settings"])]


def _set_default(account: SocialAccount, is_default: bool, family: list[SocialAccount], *, actor: Actor) -> None:
    require_default(account, is_default)
    if not is_default:
        return
    for other in family:
        if other.is_default and other != account:
            _give_default(other, None, actor=actor)
    account.default_of = account.platform


def require_default(account: SocialAccount, is_default: bool) -> None:
    """Raise InvalidInput if this would leave the account's platform without a default."""
    if not is_default and account.is_default:
        raise InvalidInput(is_default=[Phrase("Make another account of this platform the default instead.")])


def _give_default(account: SocialAccount, platform: str | None, *, actor: Actor) -> None:
    """Make an account the default of its platform, or no longer, as a consequence of another account's change."""
    before = {"is_default": account.is_default}
    account.default_of = platform
    save_update(account, before, actor=actor)


@dataclass(frozen=True, kw_only=True)
class Disconnected:
    """The number of posts cancelled with their account, and the targets still under way."""

    cancelled: int
    in_flight: list[dict[str, str]]


@transaction.atomic
def disconnect(account: SocialAccount, *, actor: Actor, now: datetime) -> Disconnected:
    """Cancel the account's unsent posts, delete its tokens and revoke them; raises Http404 if it is gone.

    The revocation at the network follows the commit, and its failure changes nothing.
    """
    for hook in hooks.before_disconnect:
        hook(account)
    locked = get_object_or_404(SocialAccount.objects.connected().select_for_update(), pk=account.pk)
    revocable, was_default = _revocable(locked), locked.is_default
    about = {"platform": locked.platform, "account_name": locked.name}
    event = entry("disconnected", locked, actor=actor, **about)  # the cause stands before what it brings about
    for tell in hooks.on_disconnect:
        tell(locked, actor, now)
    cancelled = [cancel(locked, actor, now) for cancel in hooks.cancels]
    posts = [pk for each in cancelled for pk in each.posts]
    in_flight = [each for find in hooks.in_flight for each in find(locked)]
    locked.disconnected_at, locked.due_at, locked.expires_at, locked.default_of = now, None, None, None
    locked.access_token = locked.refresh_token = ""
    locked.fence += 1  # a running refresh loses its claim, and must not bring tokens back
    locked.save()
    if was_default:
        _pass_default_on(locked, actor=actor)
    hooks.tell_of_standing(locked)
    for each in cancelled:
        each.record()
    event.details |= {"cancelled": len(posts), "posts": posts[:MOST_POSTS], "in_flight": in_flight}
    record_all([event])
    workspace = locked.workspace
    if revocable is not None:
        transaction.on_commit(lambda: grants.revoke_unless_shared(workspace, locked, revocable, now=now), robust=True)
    return Disconnected(cancelled=len(posts), in_flight=in_flight)


def _revocable(account: SocialAccount) -> Account | None:
    """Return the account with tokens that the network can revoke; None if it has none."""
    if not account.access_token:
        return None
    try:
        return account.unseal()
    except CannotDecrypt as error:
        logger.warning("The tokens of %s cannot be revoked: %s", account.pk, error)
        return None


def _pass_default_on(account: SocialAccount, *, actor: Actor) -> None:
    """Make the oldest remaining account the default; accounts are locked after posts, as in publishing."""
    family = lock_family(account.workspace_id, account.platform)
    remaining = [each for each in family if each.is_connected]
    if remaining:
        heir = min(remaining, key=lambda each: (each.connected_at, each.pk))
        _give_default(heir, account.platform, actor=actor)


def refresh_account(account: SocialAccount, *, actor: Actor, now: datetime) -> SocialAccount:
    """Renew tokens and profile now; a refusal by the network shows in the account's health.

    The profile is left out if renewing the tokens took all the time of the web request.
    """
    before = {name: getattr(account, name) for name in REFRESHED}
    renewed = _renew(account)
    account = get_object_or_404(SocialAccount.objects.select_related("workspace"), pk=account.pk)
    seen = account.last_error, account.access_token  # a change meanwhile, such as another sign-in, is kept
    is_last = bool(renewed) or not account.refresh_token
    may_read = account.is_connected and account.access_token and time.monotonic() < waiting.ends_by()
    read = _read_profile(account, is_last=is_last) if may_read else None

    def write() -> SocialAccount:
        locked = get_object_or_404(SocialAccount.objects.select_for_update(), pk=account.pk)
        if read is not None and locked.is_connected:
            is_new = (locked.last_error, locked.access_token) != seen
            # A readable profile does not clear an error of renewing tokens or reading numbers.
            is_of_another = isinstance(read, Profile) and (renewed is None or locked.status != AccountStatus.ACTIVE)
            _take_over(locked, read, keep_error=is_new or is_of_another, now=now)
        record("refreshed", locked, actor=actor, platform=locked.platform, **changes(before, locked))
        return locked

    return in_transaction(write)


def _take_over(locked: SocialAccount, read: Read, *, keep_error: bool, now: datetime) -> None:
    """Write the result into the account's present row, whose name may have been set by hand meanwhile."""
    if isinstance(read, Profile):
        profiles.take(locked, read, now=now)
    if not keep_error:
        locked.last_error = None if isinstance(read, Profile) else read
    locked.save(update_fields=SHOWN)


def _renew(account: SocialAccount) -> bool | None:
    """Return whether the tokens were renewed; None if that failed, now or less than half a minute ago.

    A failure shows in the account's health.
    """
    try:
        renewed = tokens.refresh_now(account)
    except Unavailable:
        return None
    return None if tokens.failed_just_now(account) else renewed


def _read_profile(account: SocialAccount, *, is_last: bool) -> Read:
    """Read the account's profile at the network; returns a failure in the form of the account's health.

    An account whose last token is refused expires, since nothing can be renewed any more.
    """
    try:
        connector = registry.connector(account.platform, account.workspace)
        return connector.profile(registry.session(account.platform, account.workspace), account.unseal())
    except (PlatformError, registry.PlatformNotConfigured, CannotDecrypt) as trouble:
        logger.warning("The profile of %s was not read: %s", account.pk, trouble)
        if is_last and isinstance(trouble, AuthExpired) and tokens.is_owners(trouble):
            tokens.expire(account, trouble)
        return tokens.shown(tokens.obstacle(trouble))


def purge(workspace: Workspace) -> bool:
    """Disconnect the accounts of a deleted workspace, one after the other; returns True when none is left."""
    for account in SocialAccount.objects.connected().filter(workspace=workspace):
        with suppress(Http404):  # disconnected by another call meanwhile
            disconnect(account, actor=SYSTEM, now=timezone.now())
    Connection.objects.filter(workspace=workspace).delete()
    return True
