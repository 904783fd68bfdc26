"""What webhooks are sent, for the descriptions of both APIs; `docs/webhooks.md` says when, and shows each."""

from typing import Any, ClassVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

from accounts import registry
from accounts.models import AccountStatus
from accounts.platforms.base import WhoActs
from ouipost.events.catalogue import EVENTS, TEST
from posts.models import MediaType, PostStatus, TargetStatus
from workspaces.models import Mode

ABOUT = "It may come more than once, and after what happened later: keep what has the highest `sequence`."
ANSWERS = {
    "2XX": OpenApiResponse(description="Taken."),
    "410": OpenApiResponse(description="Not wanted any more: the webhook is disabled at once."),
    "default": OpenApiResponse(description="Not taken: it comes again, ten times in three days."),
}


def _types(resource: str) -> list[str]:
    return [event for event in EVENTS if event.startswith(f"{resource}.")]


class EventSerializer(serializers.Serializer[Any]):
    """What every event has; `sequence` is its place among those of its post, account or file, from 1."""

    told: ClassVar[type[serializers.Serializer[Any]]]
    """The serializer of its `data`; a field cannot be declared under that name, which serializers use themselves."""
    timestamp = serializers.DateTimeField()
    id = serializers.CharField()
    workspace_id = serializers.CharField(allow_null=True)
    mode = serializers.ChoiceField(choices=Mode.choices, allow_null=True)
    sequence = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {"data": self.told()}


class EventErrorSerializer(serializers.Serializer[Any]):
    """Why a post is not out, in short."""

    code = serializers.CharField()
    message = serializers.CharField()
    who_acts = serializers.ChoiceField(choices=[str(each) for each in WhoActs])


class EventPostSerializer(serializers.Serializer[Any]):
    """How a post stood."""

    id = serializers.CharField()
    workspace_id = serializers.CharField()
    status = serializers.ChoiceField(choices=PostStatus.choices)
    platforms = serializers.ListField(child=serializers.ChoiceField(choices=registry.IDS))
    created_at = serializers.DateTimeField()
    scheduled_at = serializers.DateTimeField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)


class EventTargetSerializer(serializers.Serializer[Any]):
    """How it stood at one account."""

    id = serializers.CharField()
    account_id = serializers.CharField()
    platform = serializers.ChoiceField(choices=registry.IDS)
    status = serializers.ChoiceField(choices=TargetStatus.choices)
    url = serializers.CharField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    post_id = serializers.CharField(allow_null=True)
    error = EventErrorSerializer(allow_null=True)


class PostEventDataSerializer(serializers.Serializer[Any]):
    """A post; `changed` are its fields that got other values."""

    post = EventPostSerializer()
    targets = EventTargetSerializer(many=True)
    changed = serializers.ListField(child=serializers.CharField(), required=False)
    targets_left_out = serializers.IntegerField(required=False, help_text="How many targets did not fit into 20 kB.")


class PostEventSerializer(EventSerializer):
    """An event of a post."""

    told = PostEventDataSerializer
    type = serializers.ChoiceField(choices=_types("post"))


class AccountTroubleSerializer(serializers.Serializer[Any]):
    """Why an account cannot be used or read, in short."""

    code = serializers.CharField()
    message = serializers.CharField()


class EventAccountSerializer(serializers.Serializer[Any]):
    """How an account stood."""

    id = serializers.CharField()
    workspace_id = serializers.CharField()
    platform = serializers.ChoiceField(choices=registry.IDS)
    username = serializers.CharField()
    status = serializers.ChoiceField(choices=[*AccountStatus.values, "disconnected"])
    connected_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    account_name = serializers.CharField()
    error = AccountTroubleSerializer(allow_null=True)


class AccountEventDataSerializer(serializers.Serializer[Any]):
    """An account; `posts` are up to 50 of those at risk where it ends soon, or of the `cancelled` ones that it took."""

    account = EventAccountSerializer()
    posts = serializers.ListField(child=serializers.CharField(), required=False)
    cancelled = serializers.IntegerField(required=False)


class AccountEventSerializer(EventSerializer):
    """An event of an account."""

    told = AccountEventDataSerializer
    type = serializers.ChoiceField(choices=_types("account"))


class EventMediaSerializer(serializers.Serializer[Any]):
    """A file."""

    id = serializers.CharField()
    type = serializers.ChoiceField(choices=MediaType.choices)
    filename = serializers.CharField()
    mime_type = serializers.CharField()


class ReferenceSerializer(serializers.Serializer[Any]):
    """What is meant, by its id."""

    id = serializers.CharField()


class RefusingTargetSerializer(ReferenceSerializer):
    """The account that a file was for."""

    platform = serializers.ChoiceField(choices=registry.IDS)
    account_id = serializers.CharField()


class MediaEventDataSerializer(serializers.Serializer[Any]):
    """The first of the files, and what they were for."""

    media = EventMediaSerializer()
    post = ReferenceSerializer()
    target = RefusingTargetSerializer()
    error = EventErrorSerializer(allow_null=True)


class MediaEventSerializer(EventSerializer):
    """An event of a post's files."""

    told = MediaEventDataSerializer
    type = serializers.ChoiceField(choices=_types("media"))


class TestEventDataSerializer(serializers.Serializer[Any]):
    """The webhook that is tested."""

    webhook = ReferenceSerializer()
    message = serializers.CharField()


class TestEventSerializer(EventSerializer):
    """What a test sends."""

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
        view.schema = AutoSchema()  # not ours: whoever receives it answers without an envelope
        return extend_schema(request=sent, responses=ANSWERS, summary=told.rstrip("."), description=ABOUT, tags=[])(
            view
        )

    return OpenApiWebhook(event, received)


WEBHOOKS = [_webhook(event, told) for event, told in {**EVENTS, TEST: "A webhook is tested."}.items()]
