"""Posts as ModelSerializer shows them, from the tables themselves: targets, accounts and files are joined by Django."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from accounts.models import SocialAccount
from ouipost.events.models import Event
from posts.media.signing import signed_url
from posts.models import Media, Post, Target


class FileSerializer(serializers.ModelSerializer[Media]):
    url = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()

    class Meta:
        model = Media
        fields = ("id", "type", "url", "thumbnail_url")

    def get_url(self, media: Media) -> str:
        return signed_url(media.stored_name, seconds=settings.MEDIA_URL_SECONDS)

    def get_thumbnail_url(self, media: Media) -> str:
        return signed_url(media.thumbnail_name, seconds=settings.MEDIA_URL_SECONDS)


class NaivePostSerializer(serializers.ModelSerializer[Post]):
    platforms = serializers.SerializerMethodField()
    media = FileSerializer(source="files", many=True)
    analytics = serializers.SerializerMethodField()

    class Meta:
        model = Post
        fields: tuple[str, ...] = (
            "id",
            "content",
            "title",
            "link",
            "hashtags",
            "status",
            "platforms",
            "media",
            "scheduled_at",
            "published_at",
            "created_at",
            "updated_at",
            "analytics",
        )

    def get_platforms(self, post: Post) -> list[str]:
        return [target.platform for target in post.targets.all()]

    def get_analytics(self, post: Post) -> dict[str, Any] | None:
        if post.published_at is None:
            return None
        return {"impressions": post.impressions, "engagement": post.engagement, "clicks": post.clicks}


class NaiveTargetSerializer(serializers.ModelSerializer[Target]):
    post_id = serializers.CharField(source="remote_id")

    class Meta:
        model = Target
        fields = ("id", "account_id", "platform", "status", "post_id", "url", "published_at", "attempts", "error")


class NaiveDetailSerializer(NaivePostSerializer):
    targets = NaiveTargetSerializer(many=True)

    class Meta(NaivePostSerializer.Meta):
        fields = (*NaivePostSerializer.Meta.fields, "platform_content", "scheduled_timezone", "targets")


class NaiveInput(serializers.ModelSerializer[Post]):
    """Creates a post with a target per platform and a line in the journal, each with a `save` of its own."""

    platforms = serializers.ListField(child=serializers.CharField(), source="destinations")

    class Meta:
        model = Post
        fields = ("content", "title", "link", "hashtags", "platforms")

    def create(self, validated_data: dict[str, Any]) -> Post:
        names, workspace, now = validated_data["destinations"], validated_data["workspace"], timezone.now()
        post = Post.objects.create(**validated_data, platforms=names, created_at=now, moment=now)
        for name in names:
            account = SocialAccount.objects.get(workspace=workspace, default_of=name, disconnected_at=None)
            Target.objects.create(post=post, account=account, platform=name)
        about = {"type": "post.created", "resource_type": "post", "resource_id": post.pk, "workspace_id": workspace.pk}
        Event.objects.create(**about, details={"platforms": names}, created_at=now)
        return post
