"""Deliveries to webhooks in the console: their bodies, their answers, and sending them again."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from adminapi.console import bulk
from adminapi.console.base import ReadOnlyAdmin
from adminapi.console.columns import column
from adminapi.console.filters import MOST_CHOICES, State
from adminapi.console.pages import member_of_staff, readable_row, show_row
from adminapi.jobs import catalogue
from adminapi.templatetags.console import state
from ouipost.events.models import Delivery, DeliveryAttempt, DeliveryStatus, Message, Webhook
from ouipost.phrases import Phrase
from ouipost.translating import translated
from posts.timeline.deliveries import ANSWERS
from workspaces.reach import deliveries_of, webhooks_of


class DeliveryState(State):
    """Deliveries in one state: by the index of webhook and state, except where most are anyway."""

    states = DeliveryStatus.values

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        found = super().queryset(request, queryset)
        if self.value() in (None, DeliveryStatus.DELIVERED):
            return found
        return found.filter(webhook__in=Webhook.objects.present().order_by().values("pk"))


class OneWebhook(admin.SimpleListFilter):
    """Deliveries of one webhook."""

    title = gettext_lazy("webhook")
    parameter_name = "webhook__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        offered = webhooks_of(member_of_staff(request)).order_by("created_at", "pk")
        return list(offered.values_list("pk", "url")[:MOST_CHOICES])

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(webhook=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    list_display = ("event_id", "event", "receiver", "shown_state", "times_tried", "made_at", "next_at")
    receiver, times_tried = column("webhook", gettext_lazy("Webhook")), column("attempts", gettext_lazy("Attempts"))
    made_at, next_at = column("created_at", gettext_lazy("Made")), column("due_at", gettext_lazy("Next attempt"))
    shown_state = column("status", gettext_lazy("State"), tell=state)
    sortable_by = ()  # an index has the one order
    list_filter = (DeliveryState, OneWebhook)
    list_select_related = ()  # with a join the database sorts all rows to find a page
    search_fields = ("message__id__exact", "id__exact")
    search_help_text = gettext_lazy("The id of an event or of a delivery.")
    ordering = ("-id",)
    actions = ("redeliver",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return deliveries_of(member_of_staff(request)).prefetch_related("webhook", "message")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, search_term.strip().removeprefix("evt_"))

    @admin.display(description=gettext_lazy("Event id"))
    def event_id(self, delivery: Delivery) -> str:
        return message_of(delivery).public_id

    @admin.display(description=gettext_lazy("Event"))
    def event(self, delivery: Delivery) -> str:
        return message_of(delivery).type

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> Any:
        """Show the body, and each answer; the page is read-only."""
        delivery = readable_row(self, request, object_id)
        message, attempts = message_of(delivery), DeliveryAttempt.objects.filter(delivery=delivery)
        return show_row(
            request,
            "console/webhook/delivery.html",
            delivery,
            title=f"{message.type} · {message.public_id}",
            delivery=delivery,
            body=readable(message.body),
            log=[
                {"attempt": each, "why": why(each), "answer": answer(each)}
                for each in attempts.order_by("number", "pk")
            ],
            can_be_sent=delivery.status != DeliveryStatus.PENDING and delivery.webhook.is_active,
        )

    @admin.action(description=gettext_lazy("Send again"), permissions=["view"])
    def redeliver(self, request: HttpRequest, rows: QuerySet[Delivery]) -> HttpResponse | None:
        says = _("Each is sent once more under the same event id, so that a receiver can recognise the repeat.")
        return bulk.operate(self, request, rows, catalogue.REDELIVER, says=says, **bulk.origin(self, request))


def message_of(delivery: Delivery) -> Message:
    """Return a delivery's message; an empty one if it is gone, as after an incomplete restore."""
    try:
        return delivery.message
    except Message.DoesNotExist:
        return Message(pk=delivery.message_id)


def why(attempt: DeliveryAttempt) -> str:
    """Return why an attempt failed, in the reader's language; empty if it succeeded."""
    reason = ANSWERS.get(attempt.error, attempt.error)
    return translated(Phrase(reason, status=attempt.http_status)) if reason else ""


def answer(attempt: DeliveryAttempt) -> str:
    """Return the receiver's answer unchanged, or else our own text in the reader's language."""
    return readable(attempt.answer) if attempt.http_status else translated(attempt.answer)


def readable(text: str) -> str:
    """Return JSON with a line for each value; other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
