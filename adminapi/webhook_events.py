"""The events for webhooks in the descriptions of both APIs; `docs/webhooks.md` explains and shows each."""

from typing import Any, ClassVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

from accounts.webhook_payloads import AccountEventDataSerializer
from ouipost.events.catalogue import EVENTS
from ouipost.events.models import TEST
from posts.webhook_payloads import MediaEventDataSerializer, PostEventDataSerializer, ReferenceSerializer
from workspaces.models import Mode

ABOUT = "It may come more than once, and after what happened later: keep what has the highest `sequence`."
ANSWERS = {
    "2XX": OpenApiResponse(description="Taken."),
    "410": OpenApiResponse(description="Not wanted any more: the webhook is disabled at once."),
    "default": OpenApiResponse(description="Not taken: it comes again, up to nine times in three days."),
}


def _types(resource: str) -> list[str]:
    return [event for event in EVENTS if event.startswith(f"{resource}.")]


class EventSerializer(serializers.Serializer[Any]):
    """The fields of every event; `sequence` is its place among those of its post, account or file, from 1."""

    told: ClassVar[type[serializers.Serializer[Any]]]
    """The serializer of its `data`; a field cannot be declared under that name, which serializers use themselves."""
    timestamp = serializers.DateTimeField()
    id = serializers.CharField()
    workspace_id = serializers.CharField(allow_null=True)
    mode = serializers.ChoiceField(choices=Mode.choices, allow_null=True)
    sequence = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"data": self.told()}


class PostEventSerializer(EventSerializer):
    """An event of a post."""

    told = PostEventDataSerializer
    type = serializers.ChoiceField(choices=_types("post"))


class AccountEventSerializer(EventSerializer):
    """An event of an account."""

    told = AccountEventDataSerializer
    type = serializers.ChoiceField(choices=_types("account"))


class MediaEventSerializer(EventSerializer):
    """An event of a post's files."""

    told = MediaEventDataSerializer
    type = serializers.ChoiceField(choices=_types("media"))


class TestEventDataSerializer(serializers.Serializer[Any]):
    """The webhook that is tested."""

    webhook = ReferenceSerializer()
    message = serializers.CharField()


class TestEventSerializer(EventSerializer):
    """The event of a test."""

    told = TestEventDataSerializer
    type = serializers.ChoiceField(choices=[TEST])


SERIALIZERS: dict[str, type[EventSerializer]] = {
    "post": PostEventSerializer,
    "account": AccountEventSerializer,
    "media": MediaEventSerializer,
    "webhook": TestEventSerializer,
}


def _webhook(event: str, told: str) -> OpenApiWebhook:
    sent = SERIALIZERS[event.partition(".")[0]]

    def received(view: Any) -> Any:
        view.schema = AutoSchema()  # not our own schema: receivers answer without an envelope
        return extend_schema(request=sent, responses=ANSWERS, summary=told.rstrip("."), description=ABOUT, tags=[])(
            view
        )

    return OpenApiWebhook(event, received)


WEBHOOKS = [_webhook(event, told) for event, told in {**EVENTS, TEST: "A webhook is tested."}.items()]
