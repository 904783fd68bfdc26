"""The kinds of jobs: something is done to each row by itself, or old rows are removed in steps."""

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
        """What whoever began it must still be granted at each row."""

    def work(self, row: JobRow, *, user: User, actor: Actor, settle: Settle) -> None:
        """Do a row, or a part of one, and settle it in the same transaction where there is one.

        Raises DomainError where a rule refuses it.
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
    perform: Callable[[Any, Actor], Any]
    rows: "Callable[[User], QuerySet[Any]] | None" = None
    """Those of a user, where that is not told by their workspaces."""
    tell: Callable[[Any], str] = nothing
    """Says what came of a row, by what `perform` returned, where there is more to say than that it is done."""
    perform_and: Callable[[Any, Actor, Callable[[Any], None]], object] | None = None
    """The same for what takes long before its transaction: it calls at its end what settles the row."""
    perform_once: Callable[[Any, Actor, str], Any] | None = None
    """The same where it makes a row, given the key of the form that confirms it: sent twice, it makes no second one."""
    asks_network: bool = False
    look: str = ""
    """The class of its button."""

    @property
    def permission(self) -> str:
        return CONSOLE_PERMISSIONS[self.model._meta.label_lower]

    def perform_for(self, form: str, row: Any, actor: Actor) -> Any:
        """Do it to a row at once, for the form with this key, if it has one."""
        return self.perform_once(row, actor, form) if self.perform_once and form else self.perform(row, actor)

    def rows_of(self, user: User) -> "QuerySet[Any]":
        """Match the rows that a user may do it to: those of their list."""
        return self.rows(user) if self.rows else limited_to(self.model._default_manager.all(), user)

    def work(self, row: JobRow, *, user: User, actor: Actor, settle: Settle) -> None:
        """Do it and settle it in one transaction: a process that dies meanwhile has done nothing."""
        subject = self.rows_of(user).filter(pk=row.subject_id).first()
        if subject is None:
            raise Gone

        def settled(made: Any) -> None:
            settle(note=self.tell(made))

        if self.perform_and is not None:
            self.perform_and(subject, actor, settled)
        else:
            in_transaction(lambda: settled(self.perform(subject, actor)))
