"""The kinds of jobs: an action on each row by itself, or the removal of old rows in steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from adminapi.jobs.models import JobRow
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from workspaces.models import User
from workspaces.permissions import CONSOLE_PERMISSIONS
from workspaces.reach import limited_to


class Settle(Protocol):
    """Notes that a row is done, or a part of it, in the caller's transaction; raises LostClaim."""

    def __call__(self, *, done: int = 1, is_over: bool = True, note: str = "") -> None: ...


Then = Callable[[Any], object]
"""Called with the result of what was done to a row: in the same transaction, if that was one."""
Perform = Callable[[Any, Actor, str, Then], object]
"""Does something to a row. A service that creates a row also needs the key of what was confirmed: the same key creates
no second row."""


def atomically(service: Callable[[Any, Actor], Any]) -> Perform:
    """Make a service and what is done with its result one transaction."""
    return lambda row, actor, _key, then: in_transaction(lambda: then(service(row, actor)))


class Gone(DomainError):
    status = 404

    def __init__(self) -> None:
        super().__init__(_("It is gone, or not yours any more."))


class Kind(Protocol):
    """Something that a job does to each of its rows."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> Any: ...

    @property
    def permission(self) -> str:
        """The permission that the job's owner must still have at each row."""

    def work(self, row: JobRow, *, user: User, actor: Actor, settle: Settle) -> None:
        """Do a row, or a part of one, and settle it in the same transaction, if there is one.

        Raises DomainError if a rule forbids it.
        """


def nothing(_made: Any) -> str:
    """Say nothing about the result."""
    return ""


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """Something that people do to selected rows of a list, by a service."""

    name: str
    title: Any
    model: type[Model]
    perform: Perform
    rows: "Callable[[User], QuerySet[Any]] | None" = None
    """Gives the rows of a user, if their workspaces do not determine them."""
    tell: Callable[[Any], str] = nothing
    """Describes the result of a row by what `perform` passes on, if there is more to say than that it is done."""
    asks_network: bool = False
    look: str = ""
    """The class of its button."""

    @property
    def permission(self) -> str:
        return CONSOLE_PERMISSIONS[self.model._meta.label_lower]

    def rows_of(self, user: User) -> "QuerySet[Any]":
        """Match the rows that a user may do it to: those in their list."""
        return self.rows(user) if self.rows else limited_to(self.model._default_manager.all(), user)

    def work(self, row: JobRow, *, user: User, actor: Actor, settle: Settle) -> None:
        """Do it and settle it, in one transaction if there is one: a process that dies meanwhile has done nothing."""
        subject = self.rows_of(user).filter(pk=row.subject_id).first()
        if subject is None:
            raise Gone
        self.perform(subject, actor, row.job_id, lambda made: settle(note=self.tell(made)))
