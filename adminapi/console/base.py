"""The base classes of the console's model pages, on which services make and journal the changes of staff."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2s
from itertools import islice
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst, smart_split
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin, checkbox

from adminapi.console.losses import Loss
from adminapi.console.paging import BoundedPaginator
from adminapi.console.workspaces import limited
from adminapi.jobs.kinds import Gone
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.ids import new_id
from ouipost.translating import about, about_row, words

M = TypeVar("M", bound=Model)
NAMED = 20
ASKED_OF = "asked_of"
"""The confirmation's field with the rows that it showed and their states; actions on other rows are not done."""
MOST = 10_000
"""The most rows at a time: their ids and states take half of a form's allowed length."""
MOST_WORDS, MOST_CHARACTERS = 30, 1_000
"""The limits of a search: each word is a condition on every column, and databases limit their number and length."""


class ConsoleAdmin(ModelAdmin[M]):
    """A model's pages in the console; subclasses declare the editable parts."""

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    state_fields: ClassVar[Sequence[str]] = ()
    """The columns whose change makes a row differ from the one that a confirmation showed."""

    @admin.display(description=vars(ModelAdmin.action_checkbox)["short_description"])
    def action_checkbox(self, obj: M) -> SafeString:
        """Label each row's checkbox with the row's name: the theme gives all the same label."""
        return checkbox.render(ACTION_CHECKBOX_NAME, obj.pk, {"aria-label": _("Choose: %(row)s") % {"row": obj}})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow only the exact lookups of filters. Django takes any lookup from an address, even the start of a secret,
        or a regular expression, over which SQLite blocks the whole process."""
        asks_equality = "__" not in lookup or lookup.endswith("__exact")
        related = {each.name for each in self.opts.related_objects}
        filters = {getattr(each, "parameter_name", "") for each in self.get_list_filter(request)}
        is_of_others = lookup.split("__")[0] in related - filters
        return asks_equality and not is_of_others and super().lookup_allowed(lookup, value, request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Find nothing for terms longer than any name."""
        if len(search_term) > MOST_CHARACTERS or any(islice(smart_split(search_term), MOST_WORDS, None)):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Use the plural name as the title, instead of Django's request to select one."""
        context = {"title": capfirst(self.opts.verbose_name_plural)} | (extra_context or {})
        return super().changelist_view(request, context)

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **options: Any) -> Any:
        """Unquote the id: Django's lists link to `key_5F…`, and URLs of actions are built from it.

        A POST is one transaction, repeated if it loses a race for a lock.
        """
        view = partial(super().changeform_view, request, unquote(object_id) if object_id else None, *args, **options)
        return in_transaction(view) if request.method == "POST" else view()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        """Name the form's subject, and offer the history only to readers of the audit log, to which it leads.

        A refused form has written its values to its row, so its heading is that of the stored row.
        """
        named, row = self.opts.verbose_name, options.get("obj")
        if request.method == "POST" and row is not None:
            stored = self.get_object(request, str(row.pk)) or row
            context |= {"original": stored, "subtitle": str(stored)}
        context["title"] = f"{_('Add')} · {named}" if options.get("add") else capfirst(named)
        may_read = request.user.has_perm("events.view_event")
        context["show_history"] = context.get("show_history", True) and may_read
        return super().render_change_form(request, context, *args, **options)

    def operate(
        self,
        request: HttpRequest,
        rows: "QuerySet[M]",
        perform: Callable[[M], Any],
        *,
        title: str,
        says: str,
        losses: Callable[[], Sequence[Loss]] = tuple,
        look: str = "",
        back: str = "",
        carries: Mapping[str, str] | None = None,
        opens_its_own: bool = False,
        depends_on: object = "",
    ) -> HttpResponse | None:
        """Ask for confirmation with `says`; once confirmed, perform the action on each row that was shown and report
        the results.

        `losses` returns what else the question says. `look` is the class of the button that confirms it, `back` the URL
        to go to afterwards; without it Django returns to the list. `carries` are form values that the confirmation
        sends again. `depends_on` is a further value that must not have changed since the question. A row that a service
        refuses is reported with the reason, and the others are done.
        Each row is one transaction, repeated if it loses a race for a lock, unless the action opens its own.
        """
        if "confirmed" not in request.POST:
            marks = self._marks(rows, depends_on)
            texts = {"title": title, "says": says, "look": look, "back": back, "carries": carries or {}}
            return self._ask(request, rows, marks, texts | {"losses": losses()})
        act = perform if opens_its_own else lambda row: in_transaction(lambda: perform(row))
        kept = self.as_shown(request, rows, depends_on)
        done = [self._perform(request, row, act) for row in kept if self._is_shown(request, row, depends_on)]
        self.tell_left_out(request, len(done))
        if any(done):
            self.message_user(request, about(title, _result_message(done)))
        return HttpResponseRedirect(back) if back else None

    def as_shown(self, request: HttpRequest, rows: "QuerySet[M]", depends_on: object = "") -> "QuerySet[M]":
        """Keep the rows that are still as the confirmation showed them: nobody has agreed to anything else.

        Without the list of shown rows in the form, all rows are kept.
        """
        shown = _shown(request)
        if shown is None:
            return rows
        marks = self._marks(rows.filter(pk__in=[mark.partition(".")[0] for mark in shown]), depends_on)
        return rows.filter(pk__in=[pk for pk, mark in marks.items() if mark in shown])

    def _marks(self, rows: "QuerySet[M]", depends_on: object) -> dict[Any, str]:
        """Return the mark of each row in its present state, for a confirmation."""
        found = rows.values_list("pk", *self.state_fields)
        return {pk: _mark(pk, state, depends_on) for pk, *state in found}

    def _is_shown(self, request: HttpRequest, row: M, depends_on: object) -> bool:
        """Whether this very row, as it was read, is one that the confirmation showed; services compare it again."""
        shown, state = _shown(request), [getattr(row, name) for name in self.state_fields]
        return shown is None or _mark(row.pk, state, depends_on) in shown

    def _ask(
        self, request: HttpRequest, rows: "QuerySet[M]", marks: Mapping[Any, str], texts: Mapping[str, Any]
    ) -> HttpResponse:
        context: dict[str, Any] = {
            "opts": self.model._meta,
            "action": request.POST.get("action", ""),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across", "0"),
            "heading": _heading(texts["title"], len(marks), self.opts.verbose_name_plural),
            "names": [str(row) for row in rows[:NAMED]],
            "key": new_id("form"),
            "more": max(len(marks) - NAMED, 0),
            ASKED_OF: " ".join(marks.values()),
        }
        around = self.admin_site.each_context(request)
        return TemplateResponse(request, "console/confirm.html", around | context | dict(texts))

    def tell_left_out(self, request: HttpRequest, acted_on: int) -> None:
        """Report the number of shown rows that the action leaves out."""
        left_out = len(_shown(request) or ()) - acted_on
        if left_out > 0:
            message = ngettext(
                "%(count)s row that you were shown has changed meanwhile, and was left out.",
                "%(count)s rows that you were shown have changed meanwhile, and were left out.",
                left_out,
            )
            self.message_user(request, message % {"count": number_format(left_out)}, messages.WARNING)

    def _perform(self, request: HttpRequest, row: M, perform: Callable[[M], Any]) -> bool:
        try:
            perform(row)
        except (DomainError, Http404) as error:
            refused = error if isinstance(error, DomainError) else Gone()
            self.message_user(request, about_row(row, words(refused)), messages.ERROR)
            return False
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: Django's own delete would skip the steps of the services."""
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Redirect to the audit log of the row, in place of Django's history."""
        lines = reverse("admin:events_event_changelist")
        return HttpResponseRedirect(f"{lines}?{urlencode({'resource_id': unquote(object_id)})}")


class ReadOnlyAdmin(ConsoleAdmin[M]):
    """A model that the console shows but never changes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WorkspaceScopedAdmin(ConsoleAdmin[M]):
    """Admin of a model whose rows belong to workspaces, by the lookup `workspace_lookup`."""

    workspace_lookup: ClassVar[str] = "workspace"

    def get_queryset(self, request: HttpRequest) -> Any:
        return limited(super().get_queryset(request), request, lookup=self.workspace_lookup)


class ReadOnlyWorkspaceScopedAdmin(WorkspaceScopedAdmin[M], ReadOnlyAdmin[M]):
    """The same, read-only."""


def _mark(pk: Any, state: list[Any], depends_on: object) -> str:
    return f"{pk}.{blake2s(repr((state, depends_on)).encode(), digest_size=4).hexdigest()}"


def _shown(request: HttpRequest) -> set[str] | None:
    marks = request.POST.get(ASKED_OF)
    return None if marks is None else set(marks.split()[:MOST])


def _heading(title: str, count: int, named: Any) -> str:
    """Return what a confirmation is about, with the number of rows where there are several."""
    return about(title, f"{number_format(count, force_grouping=True)} {named}") if count > 1 else title


def _result_message(done: Sequence[bool]) -> str:
    """Return the result of an action on the chosen rows; their number is named only if there are several."""
    if len(done) == 1:
        return _("done.")
    return ngettext("%(done)s done.", "%(done)s done.", sum(done)) % {"done": number_format(sum(done))}
