"""Models that staff edit in the console through the services: a form is valid only if the service accepted it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.serializers import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from adminapi.console.base import ConsoleAdmin, M
from adminapi.console.pages import own_page, show
from adminapi.console.shown import as_stored, as_told
from ouipost.errors import DomainError, InvalidInput
from ouipost.events.journal import SYSTEM, Actor
from ouipost.ids import new_id, told_id
from ouipost.translating import about, translated, words
from workspaces.hashtags import is_hashtag, not_a_hashtag

INSTEAD_OF = "instead_of"
"""The confirmation's field with the secret to replace, so that sending it twice does not replace the new one."""
MADE_AS = "made_as"
"""The field of an adding form with the new row's id, so that sending it twice adds no second row."""
ADDED = gettext_lazy(
    "It was added already, so nothing was done. To add one more as it stands here, press the button again."
)
SECRET_ADDED = gettext_lazy(
    "It was added already, so nothing was done. If its secret was lost, give it another one; to add one more as it "
    "stands here, press the button again."
)


class AsShown(forms.HiddenInput):
    """A hidden input with a field's value when its page was made, as JSON; present for empty values, too."""

    def format_value(self, value: Any) -> str:
        return json.dumps(value)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        value = as_told(data.get(name, ""))
        return as_stored(value).replace("\n", "\r\n") if isinstance(value, str) else value  # as a browser sends it


class MomentAsShown(AsShown):
    """The same for a moment."""

    def format_value(self, value: Any) -> str:
        return value.isoformat() if isinstance(value, datetime) else ""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        try:
            return datetime.fromisoformat(data.get(name, ""))
        except ValueError:
            return None


class EditForm(forms.ModelForm[Any]):
    """Remembers the values that its page showed, so that others' changes since then are not undone by sending it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        is_told = not self.is_bound or any(name.startswith("initial-") for name in self.data)
        for field in self.fields.values():
            field.show_hidden_initial = is_told and not self.instance._state.adding
            field.hidden_widget = MomentAsShown if isinstance(field, forms.SplitDateTimeField) else AsShown

    def add_error(self, field: str | None, error: Any) -> None:
        """Note the error, which each input of its field names: Django lets a field's only input do that."""
        super().add_error(field, error)
        for name in self.errors.keys() & self.fields.keys():
            if (widget := self.fields[name].widget).use_fieldset:
                widget.attrs["aria-describedby"] = f"{self[name].auto_id}_error"

    def shown(self, name: str) -> Any:
        """Return a field's value when the page was made; its present value if the page does not have it."""
        field, present = self.fields[name], self.initial.get(name)
        if not field.show_hidden_initial:
            return present
        told = field.hidden_widget().value_from_datadict(self.data, self.files, self.add_initial_prefix(name))
        try:
            return field.to_python(told)
        except forms.ValidationError:
            return present


class ServiceForm(EditForm):
    """Passes typed values to a service, and shows the service's errors at the fields that they name."""

    request: HttpRequest
    actor: Actor = SYSTEM
    saved: Any = None
    shown_once = ""
    """The secret, if the service returned one."""
    warnings: Sequence[str] = ()
    """The service's warnings about a change that it made."""
    added: Any = ADDED
    """The message if this form has added its row before."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance._state.adding:
            self.instance.pk = told_id(self._prefix, self.data.get(MADE_AS, ""))

    def check_right_values(self) -> None:
        """Raise InvalidInput for what a service would refuse of the values that the form itself finds right."""

    def call_service(self) -> Any:
        """Call the service with `cleaned_data`, and return the row that was written."""
        raise NotImplementedError

    def is_right(self, name: str) -> bool:
        """Whether this field has a value to write that the form itself finds right."""
        return name in self.cleaned_data and (self.instance._state.adding or name in self.changed_data)

    def changed_values(self, *names: str) -> dict[str, Any]:
        """Return the values of the changed ones of these fields."""
        return {name: self.cleaned_data[name] for name in names if name in self.changed_data}

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook
        try:
            self.check_right_values()
        except InvalidInput as error:
            self._refused(error)
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.saved = self.call_service()
        except Http404:
            self.add_error(None, _("It is gone: someone else removed it meanwhile."))
        except IntegrityError:
            if not self._was_added():
                raise
            self.instance.pk = new_id(self._prefix)
            self.add_error(None, self.added)
        except ValidationError as error:
            self._show(error.detail)
        except DomainError as error:
            self._refused(error)

    @property
    def _prefix(self) -> str:
        return str(self.instance.pk.partition("_")[0])

    def _was_added(self) -> bool:
        """Return whether this adding form has added its row before."""
        rows = type(self.instance)._base_manager.filter(pk=self.instance.pk)
        return bool(self.instance._state.adding and rows.exists())

    def _refused(self, error: DomainError) -> None:
        named = error.details.get("fields", {})
        self._show(named)
        if not named:
            self.add_error(None, words(error))

    def _show(self, named: Any) -> None:
        """Put each error beside its field."""
        for path, texts in named.items():
            field = path.partition(".")[0]
            for text in texts:
                self.add_error(field if field in self.fields else None, translated(text))


class HashtagsForm(ServiceForm):
    """A ServiceForm with default hashtags, which are checked with the other fields: all errors are told at once."""

    default_hashtags = forms.CharField(
        required=False, label=gettext_lazy("Hashtags"), widget=UnfoldAdminTextInputWidget
    )

    def clean_default_hashtags(self) -> list[str] | None:
        tags: list[str] = self.cleaned_data["default_hashtags"].split()
        if "default_hashtags" in self.changed_data and (wrong := [tag for tag in tags if not is_hashtag(tag)]):
            raise forms.ValidationError([translated(not_a_hashtag(tag)) for tag in wrong])
        return tags or None


class ServiceAdmin(ConsoleAdmin[M]):
    """A model with a ServiceForm; only actions that ask first delete its rows, if any do."""

    form: Any = ServiceForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        made: Any = super().get_form(request, obj, change, **options)  # a class of this request alone
        made.request, made.actor = request, Actor.from_request(request)
        return made

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do not save: the form has called the service."""
        obj.pk, obj.shown_once = form.saved.pk, form.shown_once
        for warning in form.warnings:
            messages.warning(request, translated(warning))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **options: Any) -> Any:
        """Offer to save, without Django's "add another", which is on the list's page; and name all that is refused."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": not options.get("add")}
        form = context["adminform"].form
        if refused := _refused(form):
            context |= {"refused": refused, "errors": None}
            form.errors.pop(NON_FIELD_ERRORS, None)  # the theme would tell them once more
        return super().render_change_form(request, context, *args, **options)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Do not log: the service has written to the journal."""

    log_change = log_addition

    def row(self, request: HttpRequest, object_id: str) -> "QuerySet[Any]":
        """Match the row of a page for an action; raises Http404 if it is gone, or not the user's."""
        rows: QuerySet[Any] = self.get_queryset(request).filter(pk=object_id)
        get_object_or_404(rows)
        return rows

    def operate_on(
        self, request: HttpRequest, object_id: str, perform: Callable[[Any], Any], **asked: Any
    ) -> HttpResponse | None:
        """Call `operate` for the row of a page, and go back to that page."""
        back = own_page(self.model, object_id)
        return self.operate(request, self.row(request, object_id), perform, back=back, **asked)


def _refused(form: Any) -> dict[str, str]:
    """Return all errors of a form, each with the name of its field, and the id of the element that mends it."""
    found: dict[str, str] = {}
    for name, texts in form.errors.items():
        field = form[name] if name in form.fields else None
        found |= {about(field.label, text) if field else text: _element(field) if field else "" for text in texts}
    return found


def _element(field: forms.BoundField) -> str:
    """Return the id of a field's input, or of what holds several; of a date and its time, the date's."""
    is_in_parts = isinstance(field.field.widget, forms.MultiWidget)
    return field.id_for_label or (f"{field.auto_id}_0" if is_in_parts else field.auto_id)


def show_once(request: HttpRequest, *, title: str, says: str, secret: str, back: str) -> HttpResponse:
    """Answer the request that made a secret with the only page that ever shows it."""
    answer = show(request, "console/secret_once.html", title=title, says=says, secret=secret, back=back)
    add_never_cache_headers(answer)
    return answer
