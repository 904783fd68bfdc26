"""Webhooks, what was sent to them, and the journal, in the console: here because they have to know workspaces."""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from adminapi.audit import visible_to
from adminapi.console.pages import member_of_staff
from adminapi.webhooks import unknown_workspaces
from ouipost.errors import DomainError
from ouipost.events import replays, signing, webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.journal import Actor
from ouipost.events.models import Delivery, DeliveryAttempt, Event, ReplayScope, Webhook
from ouipost.events.operator import OperatorAdmin, ReadOnlyAdmin, ReadOnlyInline, words
from ouipost.ids import new_id
from ouipost.outbound import Blocked, check_url

WRITTEN = ("url", "events", "workspace_ids", "is_active")
DAY = timedelta(days=1)


class Ids(forms.Field):
    """Ids, one a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        return list(dict.fromkeys((value or "").split()))


class WebhookForm(forms.ModelForm[Webhook]):
    """What staff write of a webhook."""

    refusal = ""
    """Why its address may not be called."""
    events = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {says}") for name, says in EVENTS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    workspace_ids = Ids(
        required=False, label="Workspaces", help_text="Their ids, one a line; without any it hears of every workspace."
    )
    given_secret = forms.CharField(
        required=False,
        min_length=signing.LEAST_CHARACTERS,
        max_length=signing.MOST_CHARACTERS,
        strip=False,
        label="Secret",
        help_text="Empty: we make one. It is shown once, after it was saved.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def clean_url(self) -> str:
        if self.refusal and "url" in self.changed_data:
            raise forms.ValidationError(self.refusal)
        return str(self.cleaned_data["url"])

    def clean_workspace_ids(self) -> list[str]:
        given: list[str] = self.cleaned_data["workspace_ids"]
        places = unknown_workspaces(given, present=self.instance.workspace_ids)
        if places:
            raise forms.ValidationError(f"There is no such workspace: {', '.join(given[place] for place in places)}.")
        return given

    def clean_given_secret(self) -> str:
        given: str = self.cleaned_data["given_secret"]
        try:
            signing.normal_secret(given)
        except signing.BadSecret as error:
            raise forms.ValidationError(str(error)) from error
        return given


@admin.register(Webhook)
class WebhookAdmin(OperatorAdmin[Webhook]):
    form = WebhookForm
    list_display = ("url", "is_active", "stats", "last_triggered_at", "failing_since")
    list_filter = ("is_active",)
    search_fields = ("url", "id")
    ordering = ("created_at", "id")
    readonly_fields = (
        *("id", "disabled_reason", "stats", "last_triggered_at", "failing_since", "failures", "held_until"),
        *("previous_secret_until", "created_at"),
    )
    actions = ("send_test", "rotate_secret", "replay_last_day")

    def get_queryset(self, request: HttpRequest) -> Any:
        return Webhook.objects.present()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("id", *WRITTEN, *self.readonly_fields[1:]) if obj else (*WRITTEN, "given_secret")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Deliveries")
    def stats(self, webhook: Webhook) -> str:
        return f"{webhook.successful_deliveries} arrived, {webhook.failed_deliveries} failed"

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        """Ask a name server before Django begins its transaction."""
        asked: Any = request
        if request.method == "POST" and self.has_change_permission(request):
            asked.refusal = _refusal(request.POST.get("url", "").strip())
        return super().changeform_view(request, *args, **options)

    def get_form(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        form: Any = super().get_form(request, *args, **options)  # a class of this request alone
        form.refusal = getattr(request, "refusal", "")
        return form

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        """Go through the services, as the API does."""
        actor = Actor.from_request(request)
        values = {name: form.cleaned_data[name] for name in WRITTEN if not change or name in form.changed_data}
        if not change:
            made, secret = webhooks.create_webhook(values=values, secret=form.cleaned_data["given_secret"], actor=actor)
            obj.pk = made.pk
            self._show_once(request, made, secret)
        elif values:
            webhooks.update_webhook(obj, values=values, actor=actor)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service has told the journal."""

    log_change = log_addition

    @admin.action(description="Send a test", permissions=["change"])
    def send_test(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        actor = Actor.from_request(request)
        for webhook in rows:
            webhooks.send_test(webhook, actor=actor)
        self.message_user(request, "A test is on its way: its delivery tells what came of it.")

    @admin.action(description="Give another secret", permissions=["change"])
    def rotate_secret(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        chosen = list(rows[:2])
        if len(chosen) > 1:
            self.message_user(request, "Choose one webhook: its secret is shown once.", messages.ERROR)
            return
        changed, secret = webhooks.rotate_secret(chosen[0], actor=Actor.from_request(request), now=timezone.now())
        self._show_once(request, changed, secret)

    @admin.action(description="Replay the last 24 hours", permissions=["change"])
    def replay_last_day(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        actor, now = Actor.from_request(request), timezone.now()
        for webhook in rows:
            try:
                replays.replay(webhook, since=now - DAY, key=new_id("rpl"), scope=ReplayScope.ALL, actor=actor, now=now)
            except DomainError as error:
                self.message_user(request, f"{webhook}: {words(error)}", messages.ERROR)
            else:
                self.message_user(request, f"{webhook}: the last 24 hours are sent again.")

    def _show_once(self, request: HttpRequest, webhook: Webhook, secret: str) -> None:
        """Show a secret on the next page; until then the browser has it, in a cookie, and nothing of ours."""
        self.message_user(request, f"The secret of {webhook.pk}, shown this once: {secret}", messages.WARNING)


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    ordering = ("number", "id")
    fields = ("number", "at", "milliseconds", "http_status", "error", "answer", "address")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    list_display = ("event_id", "event", "webhook", "status", "attempts", "created_at", "due_at")
    list_filter = ("status", "webhook")
    list_select_related = ()  # with a join the database sorts all rows to find a page
    search_fields = ("message__id__exact", "id__exact")
    search_help_text = "The id of an event or of a delivery."
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (AttemptInline,)
    actions = ("redeliver",)
    fields = readonly_fields = (
        *("id", "webhook", "event", "event_id", "status", "attempts", "created_at", "due_at", "finished_at", "body"),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        gone = Webhook.objects.exclude(deleted_at=None)
        return Delivery.objects.exclude(webhook__in=gone).prefetch_related("webhook", "message")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.strip().removeprefix("evt_"))

    @admin.display(description="Event id")
    def event_id(self, delivery: Delivery) -> str:
        return delivery.message.public_id

    @admin.display(description="Event")
    def event(self, delivery: Delivery) -> str:
        return delivery.message.type

    @admin.display(description="What is sent")
    def body(self, delivery: Delivery) -> str:
        return format_html("<pre>{}</pre>", json.dumps(json.loads(delivery.message.body), indent=2, ensure_ascii=False))

    @admin.action(description="Send again", permissions=["view"])
    def redeliver(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        actor = Actor.from_request(request)
        for delivery in rows:
            try:
                webhooks.redeliver(delivery, actor=actor)
            except DomainError as error:
                self.message_user(request, f"{delivery}: {words(error)}", messages.ERROR)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ("created_at", "type", "resource_id", "user_email", "key_id", "ip_address")
    list_filter = ("resource_type",)
    search_fields = ("resource_id", "user_email", "key_id", "workspace_id")
    ordering = ("-created_at", "-id")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return visible_to(member_of_staff(request), super().get_queryset(request))


def _refusal(url: str) -> str:
    try:
        check_url(url)
    except Blocked as error:
        return str(error)
    return ""
