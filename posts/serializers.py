"""Posts and their files as the API shows them."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import registry
from accounts.platforms.errors import WhoActs
from accounts.platforms.shapes import Media
from ouipost.api.showing import TextOrNull, shown
from ouipost.api.vocabulary import MOMENT, TEXT, or_null
from posts.inputs import OverrideInput
from posts.media.signing import signed_url
from posts.models import NUMBERS, MediaType, Post, Target, TargetStatus
from posts.previews import Preview
from posts.timeline import waiting
from posts.timeline.entries import Cause, Entry
from posts.timeline.timeline import KINDS

RESULTS = {
    TargetStatus.PUBLISHED: "success",
    TargetStatus.FAILED: "failed",
    TargetStatus.MISSED: "failed",
    TargetStatus.NEEDS_REVIEW: "failed",
}


class CountsSerializer(serializers.Serializer[Any]):
    """A post's numbers, in short; null: not known."""

    impressions = serializers.IntegerField(allow_null=True)
    engagement = serializers.IntegerField(allow_null=True)
    clicks = serializers.IntegerField(allow_null=True)


class TotalsSerializer(serializers.Serializer[Any]):
    """A post's numbers, in all and at each network; null: not known."""

    total_impressions = serializers.IntegerField(allow_null=True)
    total_engagement = serializers.IntegerField(allow_null=True)
    total_clicks = serializers.IntegerField(allow_null=True)
    by_platform = serializers.DictField(child=CountsSerializer())
    as_of = serializers.DateTimeField(allow_null=True)


class PartSerializer(serializers.Serializer[Any]):
    """One of the posts of a thread."""

    post_id = serializers.CharField()
    url = serializers.CharField()


class PostMediaSerializer(serializers.Serializer[dict[str, str]]):
    """A file in a list of posts, from the copy that the post keeps."""

    id = serializers.CharField()
    type = serializers.ChoiceField(choices=MediaType.choices)
    url = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()

    def get_url(self, media: dict[str, str]) -> str:
        return signed_url(media["name"], seconds=settings.MEDIA_URL_SECONDS)

    def get_thumbnail_url(self, media: dict[str, str]) -> str | None:
        return signed_url(media["thumbnail"], seconds=settings.MEDIA_URL_SECONDS) if media["thumbnail"] else None


class PostSerializer(serializers.ModelSerializer[Post]):
    """A post in a list: everything is on its own row."""

    platforms = serializers.ListField(child=serializers.ChoiceField(choices=registry.IDS))
    media = PostMediaSerializer(many=True, read_only=True)
    schedule_id = TextOrNull(help_text="The schedule that has given it its time, whose queue it takes a place in.")
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
            "schedule_id",
            "published_at",
            "created_at",
            "updated_at",
            "analytics",
        )

    @extend_schema_field(CountsSerializer(allow_null=True))
    def get_analytics(self, post: Post) -> dict[str, int | None] | None:
        if post.published_at is None:
            return None
        return {name: getattr(post, name) for name in NUMBERS}


class TargetErrorSerializer(serializers.Serializer[Any]):
    """Why a target is not out, or not all of it, and who can mend it."""

    code = serializers.CharField()
    message = serializers.CharField()
    retryable = serializers.BooleanField(
        help_text="Whether the same send may succeed later without anybody acting. Whether `retry` is allowed is told"
        " by the status, and whether it is safe by the timeline's `retry_safe`."
    )
    who_acts = serializers.ChoiceField(choices=[str(each) for each in WhoActs])
    network_code = serializers.CharField()


@extend_schema_field(TargetErrorSerializer)
class ErrorField(serializers.DictField):
    """Why a target is not out, or not all of it."""


class TargetSerializer(serializers.ModelSerializer[Target]):
    """One account that a post goes to."""

    platform = serializers.ChoiceField(choices=registry.IDS)
    post_id, url = TextOrNull(source="remote_id"), TextOrNull()
    attempts = serializers.IntegerField(
        help_text="How often the network was called since it was last scheduled, published or retried. Searches are"
        " included; waits for its limits are not."
    )
    next_attempt_at = serializers.DateTimeField(
        allow_null=True,
        help_text="While it is `publishing`, or has to wait although its time has come: when it continues. Null while a"
        " worker is on it, while it is paused, and while another post tries whether its network takes any again.",
    )
    waits_for = TextOrNull(help_text="Why it waits, in words.")
    parts = serializers.SerializerMethodField(
        help_text="For a thread or a first comment: the post and the parts after it that are out."
    )
    removed_at = serializers.SerializerMethodField(help_text="Since when the post is no longer at its network.")
    error = ErrorField(read_only=True, allow_null=True)

    class Meta:
        model = Target
        fields = (
            "id",
            "account_id",
            "platform",
            "status",
            "post_id",
            "url",
            "published_at",
            "attempts",
            "next_attempt_at",
            "waits_for",
            "parts",
            "removed_at",
            "error",
        )

    @extend_schema_field(PartSerializer(many=True))
    def get_parts(self, target: Target) -> list[dict[str, str]]:
        return [{"post_id": part["remote_id"], "url": part["url"]} for part in target.parts]

    @extend_schema_field(or_null(MOMENT))
    def get_removed_at(self, target: Target) -> str | None:
        return (target.metrics or {}).get("removed_at")


class AtNetworkSerializer(serializers.Serializer[Target]):
    """A post's id and address at one network."""

    platform = serializers.ChoiceField(choices=registry.IDS)
    post_id, url = TextOrNull(source="remote_id"), TextOrNull()


class PlatformPostSerializer(AtNetworkSerializer):
    """A post's state at one network."""

    status = serializers.ChoiceField(choices=TargetStatus.choices)


class PlatformResultSerializer(AtNetworkSerializer):
    """The outcome of publishing at one network."""

    status = serializers.SerializerMethodField()
    account_id = serializers.CharField()
    target_id = serializers.CharField(source="id")
    error = ErrorField(required=False, allow_null=True)

    @extend_schema_field({**TEXT, "enum": ["success", "failed", "pending"]})
    def get_status(self, target: Target) -> str:
        return RESULTS.get(TargetStatus(target.status), "pending")

    def to_representation(self, instance: Target) -> dict[str, Any]:
        result = super().to_representation(instance)
        if result["status"] == "pending" or (result["status"] == "success" and not instance.error):
            del result["error"]
        return result


@extend_schema_field(serializers.DictField(child=OverrideInput()))
class OverridesField(serializers.JSONField):
    """Overrides of the post's fields, by the id of a network or account."""


class PostDetailSerializer(PostSerializer):
    """A post's own page."""

    platform_content = OverridesField()
    platform_posts = serializers.SerializerMethodField()
    targets = serializers.SerializerMethodField()

    class Meta(PostSerializer.Meta):
        fields = (
            *PostSerializer.Meta.fields,
            "platform_content",
            "scheduled_timezone",
            "platform_posts",
            "targets",
        )

    @extend_schema_field(PlatformPostSerializer(many=True))
    def get_platform_posts(self, post: Post) -> Any:
        return [shown(PlatformPostSerializer, target) for target in counted_targets(post)]

    @extend_schema_field(TargetSerializer(many=True))
    def get_targets(self, post: Post) -> Any:
        """Show each target; one that is held up or put off shows the reason in `waits_for`."""
        targets = [target for target in post.targets.all() if not target.is_taken_out]
        held_up = waiting.shown(targets, workspace_id=post.workspace_id, now=timezone.now())
        return [shown(TargetSerializer, target) | held_up.get(target.pk, {}) for target in targets]

    @extend_schema_field(TotalsSerializer(allow_null=True))
    def get_analytics(self, post: Post) -> dict[str, Any] | None:
        if post.published_at is None:
            return None
        totals = {f"total_{name}": getattr(post, name) for name in NUMBERS}
        return totals | {"by_platform": _by_platform(post), "as_of": _as_of(post)}


def _as_of(post: Post) -> str | None:
    """Return when the last of its numbers were read."""
    read = [(target.metrics or {}).get("read_at") for target in counted_targets(post)]
    return max(filter(None, read), default=None)


def _by_platform(post: Post) -> dict[str, dict[str, int | None]]:
    """Return the published targets' numbers, summed where a network has several accounts; unknown stays null."""
    totals: dict[str, dict[str, int | None]] = {}
    for target in counted_targets(post):
        if target.status != TargetStatus.PUBLISHED:
            continue
        sums = totals.setdefault(target.platform, dict.fromkeys(NUMBERS))
        for name in sums:
            value = (target.metrics or {}).get(name)
            if value is not None:
                sums[name] = (sums[name] or 0) + value
    return totals


class OutcomeSerializer(PostDetailSerializer):
    """A post with the outcome of publishing it."""

    platform_results = serializers.SerializerMethodField()

    class Meta(PostDetailSerializer.Meta):
        fields = (*PostDetailSerializer.Meta.fields, "platform_results")

    @extend_schema_field(PlatformResultSerializer(many=True))
    def get_platform_results(self, post: Post) -> Any:
        return [shown(PlatformResultSerializer, target) for target in counted_targets(post)]


def counted_targets(post: Post) -> list[Target]:
    """Return the targets that are not cancelled, from what was prefetched."""
    return [target for target in post.targets.all() if target.status != TargetStatus.CANCELLED]


class IssueSerializer(serializers.Serializer[dict[str, Any]]):
    """An objection of a network: it would refuse (`severity` error) or change (warning) this; with how to fix it."""

    rule = serializers.CharField()
    platform = serializers.ChoiceField(choices=registry.IDS)
    account_id = serializers.CharField(allow_null=True)
    field = serializers.CharField()
    message = serializers.CharField()
    limit = serializers.JSONField()
    actual = serializers.JSONField()
    severity = serializers.ChoiceField(choices=["error", "warning"])
    fix = serializers.CharField()


class ValidationSerializer(serializers.Serializer[dict[str, Any]]):
    """Whether a post could be scheduled as it is."""

    resource = ""
    valid = serializers.BooleanField()
    issues = IssueSerializer(many=True)
    warnings = serializers.ListField(child=serializers.CharField(), required=False)


class PreviewMediaSerializer(serializers.Serializer[Media]):
    """A file as one network gets it; its address is that of the file as it was uploaded."""

    id = serializers.CharField()
    type = serializers.ChoiceField(choices=MediaType.choices)
    mime_type = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    size = serializers.IntegerField()
    alt_text = serializers.CharField()
    converted = serializers.CharField()
    url = serializers.SerializerMethodField()

    def get_url(self, media: Media) -> str | None:
        names = {each["id"]: each["name"] for each in self.context["post"].media}
        # A file that came just now, after the post was read, has an address the next time.
        return signed_url(names[media.id], seconds=settings.MEDIA_URL_SECONDS) if media.id in names else None


class PreviewSerializer(serializers.Serializer[Preview]):
    """The content for one target."""

    target_id = serializers.CharField(allow_null=True)
    account_id = serializers.CharField(allow_null=True)
    platform = serializers.ChoiceField(choices=registry.IDS, source="platform.id")
    text = serializers.CharField(source="content.text")
    length = serializers.IntegerField()
    max_length = serializers.IntegerField(source="limits.max_characters")
    title = serializers.CharField(allow_null=True)
    link = TextOrNull(source="content.link")
    options = serializers.DictField(source="content.options")
    media = PreviewMediaSerializer(source="content.media", many=True)
    issues = IssueSerializer(many=True)


class PreviewsSerializer(serializers.Serializer[dict[str, Any]]):
    """The content for each target."""

    resource = ""
    targets = PreviewSerializer(many=True)


class CauseSerializer(serializers.Serializer[Cause]):
    """Why something did not work; `network_code` and `message` are the network's own where it gave them."""

    code = serializers.CharField()
    message = serializers.CharField()
    network_code = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)


class TimelineEntrySerializer(serializers.Serializer[Entry]):
    """One step, attempt, wait, or delivery to a webhook."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=KINDS)
    target_id = serializers.CharField(allow_null=True)
    platform = serializers.ChoiceField(choices=registry.IDS, allow_null=True)
    message = serializers.CharField()
    cause = CauseSerializer(allow_null=True)
    who_acts = serializers.ChoiceField(choices=[str(each) for each in WhoActs], allow_null=True)
    retry_safe = serializers.BooleanField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)


class TimelineSerializer(serializers.Serializer[dict[str, Any]]):
    """The history of a post, oldest first, and what it waits for."""

    resource = ""
    timeline = TimelineEntrySerializer(many=True)
