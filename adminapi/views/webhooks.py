"""/admin/webhooks, and the deliveries of each."""

from datetime import timedelta
from typing import Any

import orjson
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from adminapi.inputs import ReplayInput
from adminapi.viewsets import AdminViewSet
from ouipost.api.filters import BoundedFilterSet
from ouipost.api.inputs import Boolean, Choices, Integer, StrictInput, StringList, Text
from ouipost.api.pagination import BoundedPages
from ouipost.api.showing import TextOrNull, shown
from ouipost.api.viewsets import Lists, Retrieves, once
from ouipost.claims import database_now
from ouipost.errors import problems_in
from ouipost.events import replays, signing, trials, webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.models import (
    TEST,
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    Replay,
    ReplayScope,
    ReplayStatus,
    Webhook,
)
from ouipost.ids import new_id
from ouipost.outbound.errors import Blocked
from ouipost.outbound.guard import check_url
from workspaces.reach import about_theirs, lock_webhook, require_delivery, webhook_columns, webhooks_of

MOST_GRACE_HOURS = 7 * 24
DELIVERIES = Delivery.objects.select_related("message").prefetch_related(
    Prefetch("log", DeliveryAttempt.objects.order_by("number", "pk"))
)


class DeliveriesSerializer(serializers.Serializer[Webhook]):
    """The numbers of ended deliveries: delivered, or given up. One that is sent again counts only after its end."""

    total_deliveries = serializers.SerializerMethodField()
    successful_deliveries = serializers.IntegerField()
    failed_deliveries = serializers.IntegerField()

    def get_total_deliveries(self, webhook: Webhook) -> int:
        return webhook.successful_deliveries + webhook.failed_deliveries


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook, without its secret."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=list(EVENTS)))
    workspaces = serializers.ListField(child=serializers.CharField(), source="workspace_ids")
    disabled_reason = TextOrNull()
    old_secret_signs_until = serializers.DateTimeField(allow_null=True)
    stats = DeliveriesSerializer(source="*")

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id",
            "url",
            "events",
            "workspaces",
            "is_active",
            "disabled_reason",
            "failing_since",
            "created_at",
            "last_triggered_at",
            "old_secret_signs_until",
            "stats",
        )


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its secret: shown only this once, and null in a replay that comes too late."""

    secret = serializers.CharField(allow_null=True)

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")


class AttemptSerializer(serializers.ModelSerializer[DeliveryAttempt]):
    """One call: the answer, or a word for why there was none."""

    error = TextOrNull()

    class Meta:
        model = DeliveryAttempt
        fields = ("number", "at", "milliseconds", "http_status", "error", "answer", "address")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """An event for a webhook: the body, and each attempt."""

    resource = "delivery"
    event_id = serializers.CharField(source="message.public_id")
    event = serializers.CharField(source="message.type")
    next_attempt_at = serializers.DateTimeField(source="due_at", allow_null=True)
    body = serializers.SerializerMethodField()
    log = AttemptSerializer(many=True)

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event_id",
            "event",
            "status",
            "attempts",
            "created_at",
            "next_attempt_at",
            "finished_at",
            "body",
            "log",
        )

    def get_body(self, delivery: Delivery) -> dict[str, Any]:
        try:
            body = orjson.loads(delivery.message.body)
        except orjson.JSONDecodeError:  # a broken row must not hide the rest of the list
            body = {}
        return body if isinstance(body, dict) else {}


class ReplaySerializer(serializers.ModelSerializer[Replay]):
    """A replay and its progress: `total` events were found, `done` were made due so far."""

    resource = "replay"
    replay_id = serializers.CharField(source="key")
    status = serializers.ChoiceField(choices=ReplayStatus.choices)

    class Meta:
        model = Replay
        fields = ("id", "replay_id", "status", "scope", "since", "until", "total", "done", "created_at", "finished_at")


class Secret(Text):
    """A secret that the caller chose; it is stored unchanged, byte for byte."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=signing.LEAST_CHARACTERS, max_length=signing.MOST_CHARACTERS, **options)

    def to_internal_value(self, data: Any) -> str:
        super().to_internal_value(data)
        try:
            signing.normal_secret(data)
        except signing.BadSecret as error:
            raise serializers.ValidationError(str(error)) from error
        return str(data)


class WebhookInput(StrictInput):
    """The body that changes a webhook; no `workspaces` means all. Read outside transactions: it asks a name server."""

    shown = WebhookSerializer.Meta.fields
    guarded = {"secret": "POST /admin/webhooks/{id}/rotate-secret"}
    url = Text(max_length=2000)
    events = Choices(choices=list(EVENTS), min_length=1)
    workspaces = StringList(required=False)
    is_active = Boolean(required=False)

    def validate_url(self, url: str) -> str:
        present = self.context["instance"]
        try:
            if present is None or url != present.url:
                check_url(url)
        except Blocked as error:
            raise serializers.ValidationError(str(error)) from error
        return url

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        webhook, user = self.context["instance"], self.context["request"].user
        if webhook:
            return problems_in(lambda: webhook_columns(values, user=user, present=webhook.workspace_ids))
        return problems_in(lambda: webhook_columns({"workspaces": []} | values, user=user))


class SecretInput(StrictInput):
    """The body that sets a new secret; for `grace_hours` the old one signs as well."""

    secret = Secret(required=False)
    grace_hours = Integer(min_value=0, max_value=MOST_GRACE_HOURS, required=False)


class NewWebhookInput(WebhookInput):
    """The body that creates a webhook; without `secret` we make one, without `workspaces` it takes an administrator."""

    secret = Secret(required=False)


class WebhookViewSet(Lists[Webhook], Retrieves[Webhook], AdminViewSet[Webhook]):
    """/admin/webhooks."""

    queryset = Webhook.objects.all()
    resource, resources = "webhook", "webhooks"
    required_permission = "webhooks.manage"
    secrets = {"create": [("webhook", "secret")], "rotate_secret": [("webhook", "secret")]}
    serializer_class, input_class = WebhookSerializer, WebhookInput
    paging_optional = True

    def get_queryset(self) -> QuerySet[Webhook]:
        return webhooks_of(self.user).order_by("created_at", "pk")

    @extend_schema(request=NewWebhookInput, responses={201: NewWebhookSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a webhook; only this response has its secret."""
        values = {"workspaces": []} | self.read(NewWebhookInput)
        secret = values.pop("secret", "")

        def work() -> Response:
            stored = webhook_columns(values, user=self.user)
            made, shown_once = webhooks.create_webhook(values=stored, secret=secret, actor=self.actor)
            return self.created(_with_secret(made, shown_once))

        return self.once(work)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the given fields; events from the time while it was inactive are only sent by a replay."""
        webhook = self.get_object()
        values = self.read(WebhookInput, instance=webhook, partial=True)

        def work() -> Response:
            present = lock_webhook(webhook, self.user)  # widened, maybe, while its new address was looked up
            kept = webhook_columns(values, user=self.user, present=present.workspace_ids)
            return self.answered(webhooks.update_webhook(present, values=kept, actor=self.actor))

        return self.once(work)

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete a webhook: nothing is sent to it any more."""
        webhooks.delete_webhook(self._lock(), actor=self.actor, now=timezone.now())
        return self.done("Webhook deleted successfully")

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Send an event of the type `webhook.test`, whether the webhook is active or not, and wait for the first call.

        The delivery says what came of it, in `status` and `log`. It is `pending` if that call failed and another one
        follows, and without `log` if too many requests wait at the moment: then a worker makes the call.
        """

        def work() -> Response:
            pk = trials.test_now(self._lock, actor=self.actor)
            return self.answered({"delivery": shown(DeliverySerializer, DELIVERIES.get(pk=pk))})

        return self.once_outside(work)

    @extend_schema(request=SecretInput, responses=NewWebhookSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, **kwargs: Any) -> Response:
        """Give a webhook a new secret, shown only this once; both sign for 24 hours, or for `grace_hours`."""
        values = self.read(SecretInput)
        grace = timedelta(hours=values["grace_hours"]) if "grace_hours" in values else webhooks.GRACE

        def work() -> Response:
            changed, shown_once = webhooks.rotate_secret(
                self._lock(),
                secret=values.get("secret", ""),
                grace=grace,
                actor=self.actor,
                now=database_now(),
            )
            return self.answered(_with_secret(changed, shown_once))

        return self.once(work)

    @extend_schema(request=ReplayInput, responses=ReplaySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Send the events since a given time again, in the background: up to 14 days and 10,000 events."""
        values = self.read(ReplayInput)

        def work() -> Response:
            begun, _ = replays.replay(
                self._lock(),
                since=values["since"],
                scope=values.get("scope", ReplayScope.ALL),
                key=values.get("replay_id") or new_id("rpl"),
                actor=self.actor,
                now=timezone.now(),
            )
            return self.answered({"replay": shown(ReplaySerializer, begun)})

        return self.once(work)

    def _lock(self) -> Webhook:
        return lock_webhook(Webhook(pk=self.kwargs["pk"]), self.user)


class OfWebhook(AdminViewSet[Any]):
    """The base of the resources of one webhook."""

    required_permission = "webhooks.manage"

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset()
        return rows.filter(webhook=self.kwargs["webhook"])

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Report errors of the query before a 404 for an unknown webhook."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        get_object_or_404(webhooks_of(self.user).only("pk"), pk=self.kwargs["webhook"])
        return rows


class DeliveryFilter(BoundedFilterSet):
    """Filters deliveries by status and by the type of their event."""

    status = filters.ChoiceFilter(choices=DeliveryStatus.choices)
    event = filters.ChoiceFilter(field_name="message__type", choices=[(name, name) for name in (*EVENTS, TEST)])

    class Meta:
        model = Delivery
        fields = ("status", "event")


class DeliveryViewSet(Lists[Delivery], Retrieves[Delivery], OfWebhook):
    """/admin/webhooks/{id}/deliveries."""

    queryset = DELIVERIES.order_by("-message", "-pk")  # the events' order, by an index
    resource, resources = "delivery", "deliveries"
    serializer_class, filterset_class, pagination_class = DeliverySerializer, DeliveryFilter, BoundedPages

    def get_queryset(self) -> QuerySet[Delivery]:
        return about_theirs(super().get_queryset(), self.user)

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"])
    @once
    def redeliver(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send a delivery that has ended once more, under the same event id."""
        named = Delivery(pk=self.kwargs["pk"], webhook_id=self.kwargs["webhook"])
        require_delivery(named, self.user)
        return self.answered(webhooks.redeliver(named, actor=self.actor))


class ReplayViewSet(Lists[Replay], OfWebhook):
    """/admin/webhooks/{id}/replays: those of the last 30 days, the newest first."""

    queryset = Replay.objects.order_by("-created_at", "-pk")
    resource, resources = "replay", "replays"
    serializer_class = ReplaySerializer


def _with_secret(webhook: Webhook, secret: str) -> dict[str, Any]:
    """Return a webhook as it is shown with its secret."""
    given: Any = webhook
    given.secret = secret
    return {"webhook": NewWebhookSerializer(given).data}
