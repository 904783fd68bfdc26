"""Writing the journal: a change calls `record` once, in its own transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.http import HttpRequest
from django.utils import timezone
from structlog.contextvars import bind_contextvars, get_contextvars

from ouipost.db.rows import insert_each
from ouipost.events import outbox
from ouipost.events.models import Event
from ouipost.masking import masked, masked_text


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The author of a change: a person, a key, or the product itself."""

    user_id: str = ""
    user_email: str = ""
    key_id: str = ""
    ip_address: str = ""
    user_agent: str = ""

    @classmethod
    def from_request(cls, request: HttpRequest) -> "Actor":
        """Return the person or key behind a request, with its address and agent."""
        agent = request.META.get("HTTP_USER_AGENT", "")[:300]
        actor = cls(ip_address=request.META.get("REMOTE_ADDR", ""), user_agent=agent)
        if request.user is not None and request.user.is_authenticated:
            return replace(actor, user_id=str(request.user.pk), user_email=request.user.email)
        key = getattr(request, "auth", None)
        return actor if key is None else replace(actor, key_id=key.pk)

    @classmethod
    def of_command(cls, name: str) -> "Actor":
        """Return the actor of a management command, with the command as its user agent."""
        return cls(user_agent=f"manage.py {name}")


SYSTEM = Actor()
"""The product itself."""


class Recordable(Protocol):
    """A row that events can be about: `journal_name` is its resource type, as in `post.created`."""

    pk: Any
    journal_name: str


class Changeable(Recordable, Protocol):
    """A row that is saved."""

    def save(self) -> None: ...


def record(verb: str, subject: Recordable, *, actor: Actor, workspace_id: str = "", **details: Any) -> Event:
    """Write `<resource>.<verb>` into the journal, in the caller's transaction."""
    event = entry(verb, subject, actor=actor, workspace_id=workspace_id, **details)
    record_all([event])
    return event


def save_update(
    subject: Changeable, before: dict[str, Any], *, actor: Actor, workspace_id: str = "", **details: Any
) -> bool:
    """Save a row and record the fields of `before` whose values have changed; returns whether any has."""
    changed = changes(before, subject)
    if changed["after"]:
        subject.save()
    record_update(subject, changed, actor=actor, workspace_id=workspace_id, **details)
    return bool(changed["after"])


def record_update(
    subject: Recordable, changed: Mapping[str, Any], *, actor: Actor, workspace_id: str = "", **details: Any
) -> None:
    """Write `<resource>.updated` with these changes, or `<resource>.unchanged` if there are none.

    The latter appears only in the audit log: no webhook receives it.
    """
    verb = "updated" if changed["after"] else "unchanged"
    record(verb, subject, actor=actor, workspace_id=workspace_id, **details, **changed)


def record_all(events: Sequence[Event]) -> None:
    """Write journal entries, and messages for webhooks that subscribe to them, in the caller's transaction."""
    insert_each(events)
    outbox.put(events)


def entry(verb: str, subject: Recordable, *, actor: Actor, workspace_id: str = "", **details: Any) -> Event:
    """Return the entry `<resource>.<verb>`, unsaved and with secrets masked."""
    if "request_id" in get_contextvars():
        bind_contextvars(**{f"{subject.journal_name}_id": subject.pk})  # the request's log line names the changed row
    return Event(
        type=f"{subject.journal_name}.{verb}",
        resource_type=subject.journal_name,
        resource_id=subject.pk,
        workspace_id=workspace_id or _workspace_of(subject, details),
        user_id=actor.user_id,
        user_email=actor.user_email,
        key_id=actor.key_id,
        ip_address=actor.ip_address,
        user_agent=masked_text(actor.user_agent),
        details=masked(details),
        created_at=timezone.now(),
    )


def _workspace_of(subject: Recordable, details: Mapping[str, Any]) -> str:
    """Return the workspace of a row, or the only one that it is limited to; empty for a change of these limits.

    Such a change names workspaces, and people of one must not learn of the others.
    """
    if "workspace_ids" in details.get("before", ()):
        return ""
    limits: Sequence[str] = getattr(subject, "workspace_ids", ())
    return getattr(subject, "workspace_id", "") or (limits[0] if len(limits) == 1 else "")


def changes(before: dict[str, Any], subject: Recordable) -> dict[str, Any]:
    """Return `{"before": …, "after": …}` with the fields of `before` whose values have changed."""
    after = {name: getattr(subject, name) for name in before}
    changed = [name for name in before if before[name] != after[name]]
    return {side: {name: values[name] for name in changed} for side, values in (("before", before), ("after", after))}
