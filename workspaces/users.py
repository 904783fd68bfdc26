"""Changes to users; each function is one transaction and one line in the journal.

Passwords arrive already hashed: hashing one takes longer than a transaction may last.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.shortcuts import get_object_or_404

from ouipost.db.rows import assign
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import Actor, changes, record
from ouipost.phrases import Phrase
from workspaces.models import Membership, Role, User, Workspace

RULED = frozenset({"role", "permissions", "is_active"})
"""Fields that may remove the last administrator: they are changed with all administrators locked."""


class EmailTaken(DomainError):
    code = "EMAIL_TAKEN"
    status = 409
    message = Phrase("Another user has this e-mail address.")


class LastAdmin(DomainError):
    code = "LAST_ADMIN"
    status = 409
    message = Phrase("The last active administrator cannot be removed, deactivated or given another role.")


class NotYourself(DomainError):
    message = Phrase("Nobody can delete themselves.")


@transaction.atomic
def create_user(
    *,
    email: str,
    name: str,
    password_hash: str,
    role: str,
    permissions: list[str] | None = None,
    is_active: bool = True,
    actor: Actor,
) -> User:
    """Create a user; raises EmailTaken."""
    user = User(email=email, name=name, role=role, permissions=permissions, is_active=is_active)
    user.password = password_hash
    with _unique():
        user.save()
    record("created", user, actor=actor, email=user.email, role=user.role, permissions=user.permissions)
    return user


@contextmanager
def _unique() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise EmailTaken from error


@transaction.atomic
def update_user(user: User, *, values: dict[str, Any], actor: Actor, now: datetime) -> User:
    """Change the given fields; a new password, role or state ends all of the user's sessions.

    A new role without `permissions` removes the user's own list. Raises EmailTaken, or LastAdmin.
    """
    locked, administrators = _lock(user) if RULED & set(values) else (user, [])
    if values.get("role", locked.role) != locked.role:
        values = {"permissions": None} | values
    before = assign(locked, values)
    before.pop("password", None)
    if not _is_administrator(locked):
        _require_another(administrators, locked)
    changed = changes(before, locked)
    written = [*values]
    if {"role", "is_active"} & set(changed["after"]) or "password" in values:
        locked.signed_out_at = now
        written.append("signed_out_at")
    _write(locked, written)
    record("updated", locked, actor=actor, **changed, password_changed="password" in values)
    return locked


def _write(user: User, names: Collection[str]) -> None:
    """Write only these columns of a user, if any; raises EmailTaken, and Http404 if the user is gone."""
    rows, values = User.objects.filter(pk=user.pk), {name: getattr(user, name) for name in names}
    with _unique():
        is_there = rows.update(**values) if values else rows.exists()  # an update of no column matches no row
    if not is_there:
        raise Http404


def as_meant(user: User, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values without a list that only repeats the role's, as a GET shows it: no list is meant by it.

    So a new role beside it brings its own permissions, more or fewer.
    """
    if user.permissions is None and set(values.get("permissions") or ()) == set(user.granted_in_order):
        return {name: value for name, value in values.items() if name != "permissions"}
    return values


@transaction.atomic
def delete_user(user: User, *, actor: Actor) -> None:
    """Delete a user; raises NotYourself, or LastAdmin."""
    if user.pk == actor.user_id:
        raise NotYourself
    locked, administrators = _lock(user)
    _require_another(administrators, locked)
    record("deleted", locked, actor=actor, email=locked.email, role=locked.role)
    locked.delete()


def lock(user: User) -> User:
    """Return the user as they are now, locked until the transaction ends; raises Http404 if the user is gone."""
    return _lock(user)[0]


def _lock(user: User) -> tuple[User, list[str]]:
    """Return the locked row of a user, and the administrators; raises Http404 if the user is gone.

    All of them are locked, so that the last two administrators cannot be removed at the same time.
    """
    rows = User.objects.select_for_update().filter(Q(pk=user.pk) | Q(role=Role.ADMIN, is_active=True))
    found = {each.pk: each for each in rows.order_by("pk")}
    if user.pk not in found:
        raise Http404
    return found[user.pk], [each.pk for each in found.values() if _is_administrator(each)]


def _is_administrator(user: User) -> bool:
    """Whether this user can manage the others: an administrator whose own list lacks that permission cannot."""
    return user.role == Role.ADMIN and "users.manage" in user.granted


def _require_another(administrators: Collection[str], user: User) -> None:
    if set(administrators) == {user.pk}:
        raise LastAdmin


@transaction.atomic
def set_members(workspace: Workspace, *, user_ids: Collection[str], actor: Actor) -> list[User]:
    """Make these users, and no others, the members of a workspace, and return them by address.

    Raises InvalidInput for users that do not exist, and Http404 if there is no such workspace.
    """
    before, members = members_of(workspace), _lock_members(user_ids)
    Membership.objects.filter(workspace=workspace).exclude(user__in=user_ids).delete()
    missing = set(user_ids) - set(before)
    Membership.objects.bulk_create([Membership(workspace=workspace, user_id=pk) for pk in sorted(missing)])
    after = sorted(set(user_ids))
    difference = {"before": {"members": before}, "after": {"members": after}}
    record("members_changed", workspace, actor=actor, workspace_id=workspace.pk, **difference)
    return members


def members_of(workspace: Workspace) -> list[str]:
    """Lock a workspace and return its members, who stay the same until the transaction ends, except by `set_members`.

    Raises Http404 if there is no such workspace.
    """
    get_object_or_404(Workspace.objects.present().select_for_update(), pk=workspace.pk)
    return sorted(Membership.objects.filter(workspace=workspace).values_list("user", flat=True))


def _lock_members(user_ids: Collection[str]) -> list[User]:
    """Lock these users, so that none of them is deleted meanwhile; raises InvalidInput if one does not exist."""
    members = list(User.objects.select_for_update().filter(pk__in=user_ids).order_by("email"))
    _require_all(user_ids, {member.pk for member in members})
    return members


def require_present(user_ids: Collection[str]) -> None:
    """Raise InvalidInput if one of these users does not exist."""
    _require_all(user_ids, set(User.objects.filter(pk__in=user_ids).values_list("pk", flat=True)))


def _require_all(user_ids: Collection[str], known: Collection[str]) -> None:
    problems = {
        f"members.{place}": [Phrase("There is no such user.")] for place, pk in enumerate(user_ids) if pk not in known
    }
    if problems:
        raise InvalidInput(**problems)
