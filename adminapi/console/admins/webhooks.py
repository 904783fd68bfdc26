"""Webhooks in the console; part of this app because their pages need workspaces."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from adminapi.console import bulk, replay_pages
from adminapi.console.columns import column
from adminapi.console.filters import YES_NO, one_of
from adminapi.console.pages import member_of_staff, own_page
from adminapi.console.service_forms import INSTEAD_OF, SECRET_ADDED, ServiceAdmin, ServiceForm, show_once
from adminapi.console.workspaces import ask_for
from adminapi.jobs import catalogue
from adminapi.templatetags.charts import DASH, number
from adminapi.templatetags.console import state
from ouipost.claims import database_now
from ouipost.events import signing, webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.journal import Actor
from ouipost.events.models import Delivery, Replay, Webhook, WebhookQuerySet
from ouipost.outbound import Blocked, check_url
from ouipost.translating import about, translated
from workspaces.reach import about_theirs, lock_webhook, webhook_columns, webhooks_of

WRITTEN = ("url", "events", "workspaces", "is_active")
BESIDE = 10
SHOWN = gettext_lazy("Give this secret to the receiver, which uses it to verify that calls come from us.")


class Workspaces(forms.MultipleChoiceField):
    """Ids of workspaces. The form itself refuses wrong ones, as some may have been valid when it was opened."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def valid_value(self, value: Any) -> bool:
        return True


def _offered() -> list[tuple[str, str]]:
    """Return the events that a webhook can get, each with its meaning in the reader's language."""
    return [(name, about(name, translated(says))) for name, says in EVENTS.items()]


class WebhookForm(ServiceForm):
    """The fields of a webhook that staff can set."""

    added = SECRET_ADDED
    refusal = ""
    """The reason if its address may not be called."""
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=_offered,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    workspaces = Workspaces(required=False, label=gettext_lazy("Workspaces"))
    given_secret = forms.CharField(
        required=False,
        min_length=signing.LEAST_CHARACTERS,
        max_length=signing.MOST_CHARACTERS,
        strip=False,
        label=gettext_lazy("Secret"),
        help_text=gettext_lazy("Empty: we make one. It is shown once, after it was saved."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    class Meta:
        model = Webhook
        fields = ("url", "events", "is_active")
        labels: ClassVar[dict[str, Any]] = {"url": gettext_lazy("Address"), "is_active": gettext_lazy("Active")}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        present, of_none = self.instance.workspace_ids, _("None chosen: it covers every workspace.")
        ask_for(self.fields["workspaces"], self.request, present, of_none=of_none)
        self.initial["workspaces"] = present

    def clean_url(self) -> str:
        if self.refusal and "url" in self.changed_data:
            raise forms.ValidationError(self.refusal)
        return str(self.cleaned_data["url"])

    def clean_given_secret(self) -> str:
        given: str = self.cleaned_data["given_secret"]
        try:
            signing.normal_secret(given)
        except signing.BadSecret as error:
            raise forms.ValidationError(translated(*error.args)) from error
        return given

    def check_right_values(self) -> None:
        if self.is_right("workspaces"):
            given, present = {"workspaces": self.cleaned_data["workspaces"]}, self.instance.workspace_ids
            webhook_columns(given, user=member_of_staff(self.request), present=present)

    def call_service(self) -> Webhook:
        user = member_of_staff(self.request)
        webhook: Webhook = self.instance
        if not webhook._state.adding:
            if not (changed := self.changed_values(*WRITTEN)):
                return webhook
            present = lock_webhook(webhook, user)
            values = webhook_columns(changed, user=user, present=present.workspace_ids)
            return webhooks.update_webhook(present, values=values, actor=self.actor)
        values = webhook_columns({name: self.cleaned_data[name] for name in WRITTEN}, user=user) | {"id": webhook.pk}
        secret = self.cleaned_data["given_secret"]
        made, self.shown_once = webhooks.create_webhook(values=values, secret=secret, actor=self.actor)
        return made


@admin.register(Webhook)
class WebhookAdmin(ServiceAdmin[Webhook]):
    form = WebhookForm
    list_display = ("address", "shown_state", "stats", "last_at", "failing")
    list_filter = (one_of("is_active", gettext_lazy("active"), YES_NO),)
    search_fields = ("url", "id")
    ordering = ("created_at", "id")
    change_form_before_template = "console/made_as.html"
    change_form_outer_before_template = "console/webhook/beside.html"
    readonly_fields = (
        *("its_id", "why_off", "stats", "last_at", "failing", "failed_in_a_row", "held", "old_secret_until", "made_at"),
    )
    its_id, address = column("id", gettext_lazy("Id")), column("url", gettext_lazy("Address"))
    made_at, last_at = (
        column("created_at", gettext_lazy("Made")),
        column("last_triggered_at", gettext_lazy("Last sent")),
    )
    failing = column("failing_since", gettext_lazy("Failing since"))
    failed_in_a_row = column("failures", gettext_lazy("Failures in a row"))
    held = column("held_until", gettext_lazy("Nothing is sent until"))
    old_secret_until = column("previous_secret_until", gettext_lazy("The old secret signs until"))
    actions = ("send_test", "rotate_secret", "delete_webhooks")

    def get_queryset(self, request: HttpRequest) -> WebhookQuerySet:
        return webhooks_of(member_of_staff(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("its_id", *WRITTEN, *self.readonly_fields[1:]) if obj else (*WRITTEN, "given_secret")

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view
        own = [
            path("<str:pk>/replay/", view(self.replay), name="events_webhook_replay"),
            path("<str:pk>/replays/<str:replay>/", view(self.progress), name="events_webhook_progress"),
        ]
        return own + super().get_urls()

    @admin.display(description=gettext_lazy("Deliveries"))
    def stats(self, webhook: Webhook) -> str:
        counted = {"arrived": number(webhook.successful_deliveries), "failed": number(webhook.failed_deliveries)}
        return _("%(arrived)s arrived, %(failed)s failed") % counted

    @admin.display(description=gettext_lazy("Why it is off"))
    def why_off(self, webhook: Webhook) -> str:
        return translated(webhook.disabled_reason) or DASH

    @admin.display(description=gettext_lazy("State"))
    def shown_state(self, webhook: Webhook) -> SafeString:
        if webhook.is_active:
            return state("error" if webhook.failing_since else "active")
        return format_html('<span class="op-badge op-calm">{}</span>', _("off"))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> Any:
        """Show recent deliveries beside the form."""
        sent = about_theirs(Delivery.objects.filter(webhook=unquote(object_id)), member_of_staff(request))
        recent = sent.select_related("message").order_by("-message", "-pk")[:BESIDE]
        replays = Replay.objects.filter(webhook=unquote(object_id)).order_by("-created_at", "-pk")[:BESIDE]
        options["extra_context"] = {"recent": recent, "replays": replays}
        return super().change_view(request, object_id, *args, **options)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """Ask a name server before Django begins its transaction."""
        asked: Any = request
        if request.method == "POST" and self.has_change_permission(request):
            asked.refusal = _refusal(request.POST.get("url", "").strip())
        return super().changeform_view(request, *args, **options)

    def get_form(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        form: Any = super().get_form(request, *args, **options)
        form.refusal = getattr(request, "refusal", "")
        return form

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **options: Any) -> HttpResponse:
        """Show the secret, on this page only."""
        return _secret_page(request, obj, obj.shown_once)

    @admin.action(description=gettext_lazy("Send a test"), permissions=["change"])
    def send_test(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        says = _(
            "An event of the type webhook.test is sent at once. The receiver has 15 seconds to answer. Then its "
            "delivery shows the result: load the page anew."
        )
        return bulk.operate(self, request, rows, catalogue.TEST_WEBHOOKS, says=says, **bulk.origin(self, request))

    @admin.action(description=gettext_lazy("Give another secret"), permissions=["change"])
    def rotate_secret(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        if rows[:2].count() != 1:
            self.message_user(request, _("Choose one webhook: its secret is shown once."), messages.ERROR)
            return None
        actor, instead_of = Actor.from_request(request), request.POST.get(INSTEAD_OF, "")
        given, where = list[tuple[Webhook, str]](), bulk.origin(self, request)
        shown, user = {INSTEAD_OF: rows.get().secret_mark}, member_of_staff(request)

        def perform(webhook: Webhook) -> None:
            present = lock_webhook(webhook, user)
            given.append(webhooks.rotate_secret(present, actor=actor, now=database_now(), instead_of=instead_of))

        hours = int(webhooks.GRACE / timedelta(hours=1))
        says = _("It gets a new secret, which is shown once. The old one signs too for %(hours)d hours.")
        answer = self.operate(
            request,
            rows,
            perform,
            title=_("Give another secret"),
            says=says % {"hours": hours},
            **where | {"carries": where.get("carries", {}) | shown},
        )
        return _secret_page(request, *given[-1]) if given else answer

    @admin.action(description=gettext_lazy("Delete"), permissions=["change"])
    def delete_webhooks(self, request: HttpRequest, rows: QuerySet[Webhook]) -> HttpResponse | None:
        says = _("Nothing more is sent there, not even what waits. Its deliveries are removed in the background.")
        return bulk.operate(self, request, rows, catalogue.DELETE_WEBHOOKS, says=says)

    def _find(self, request: HttpRequest, pk: str) -> Webhook:
        if not self.has_change_permission(request):
            raise PermissionDenied
        found: Webhook = get_object_or_404(self.get_queryset(request), pk=pk)
        return found

    def replay(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Ask for the start time, show the number of events, and begin."""
        return replay_pages.begin(request, self._find(request, pk))

    def progress(self, request: HttpRequest, pk: str, replay: str) -> HttpResponse:
        """Show the progress of a replay."""
        return replay_pages.progress(request, self._find(request, pk), replay)


def _secret_page(request: HttpRequest, webhook: Webhook, secret: str) -> HttpResponse:
    title, back = _("The secret of %(url)s") % {"url": webhook.url}, own_page(Webhook, webhook.pk)
    return show_once(request, title=title, says=str(SHOWN), secret=secret, back=back)


def _refusal(url: str) -> str:
    try:
        check_url(url)
    except Blocked as error:
        return translated(*error.args)
    return ""
