"""Files of posts as the API shows and takes them."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ouipost.api.inputs import Integer, StrictInput, Text
from posts.media.signing import signed_anew, signed_url
from posts.models import LAST_POSITION, Media, MediaType


class DimensionsSerializer(serializers.Serializer[Any]):
    """How large a picture or a video is, in pixels."""

    width = serializers.IntegerField()
    height = serializers.IntegerField()


class VideoSerializer(serializers.Serializer[Any]):
    """How a video is made."""

    codec = serializers.CharField(allow_null=True)
    audio_codec = serializers.CharField(allow_null=True)
    fps = serializers.FloatField(allow_null=True)
    bitrate = serializers.IntegerField(allow_null=True)


class MediaSerializer(serializers.ModelSerializer[Media]):
    """A file of a post."""

    resource = "media"
    dimensions = serializers.SerializerMethodField()
    duration_seconds = serializers.SerializerMethodField()
    video = serializers.SerializerMethodField()
    pages = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()

    class Meta:
        model = Media
        fields = (
            "id",
            "post_id",
            "type",
            "filename",
            "size",
            "mime_type",
            "dimensions",
            "duration_seconds",
            "video",
            "pages",
            "url",
            "thumbnail_url",
            "alt_text",
            "position",
            "created_at",
        )

    @extend_schema_field(DimensionsSerializer(allow_null=True))
    def get_dimensions(self, media: Media) -> dict[str, int | None] | None:
        return {"width": media.width, "height": media.height} if media.width else None

    def get_duration_seconds(self, media: Media) -> float | None:
        seconds: float | None = media.facts.get("seconds")
        return seconds

    @extend_schema_field(VideoSerializer(allow_null=True))
    def get_video(self, media: Media) -> dict[str, Any] | None:
        if media.type != MediaType.VIDEO:
            return None
        facts = media.facts
        return {
            "codec": facts.get("video_codec"),
            "audio_codec": facts.get("audio_codec") or None,
            "fps": facts.get("fps"),
            "bitrate": facts.get("bit_rate"),
        }

    def get_pages(self, media: Media) -> int | None:
        return media.facts.get("pages") or None

    def get_url(self, media: Media) -> str:
        return signed_url(media.stored_name, seconds=settings.MEDIA_URL_SECONDS, download_name=media.filename)

    def get_thumbnail_url(self, media: Media) -> str | None:
        return signed_url(media.thumbnail_name, seconds=settings.MEDIA_URL_SECONDS) if media.thumbnail_name else None


def sign_anew(data: Mapping[str, Any]) -> None:
    """Give the files in a response, that of a post or of a file, addresses that are good from now on."""
    shown = data.get("post", data).get("media", [])
    for each in shown if isinstance(shown, list) else [shown]:
        for name in ("url", "thumbnail_url"):
            each[name] = each[name] and signed_anew(each[name], seconds=settings.MEDIA_URL_SECONDS)


class MediaInput(StrictInput):
    """The body that changes a file."""

    shown = MediaSerializer.Meta.fields
    alt_text = Text(required=False, allow_blank=True, max_length=2000)
    position = Integer(required=False, min_value=0, max_value=LAST_POSITION)
