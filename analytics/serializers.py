"""Reports as the API shows them; `null` means that no network has given the number."""

from typing import Any

from rest_framework import serializers

from accounts import registry


def number(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(allow_null=True, **options)


def percent() -> serializers.FloatField:
    return serializers.FloatField(allow_null=True)


class PeriodSerializer(serializers.Serializer[Any]):
    """The whole days that are reported: their first second and their last."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateTimeField(), "to": serializers.DateTimeField()}


class SummarySerializer(serializers.Serializer[Any]):
    """All networks together."""

    total_posts = serializers.IntegerField()
    total_impressions = number()
    total_reach = number()
    total_engagement = number()
    total_clicks = number()
    avg_engagement_rate = percent()
    best_performing_platform = serializers.ChoiceField(choices=registry.IDS, allow_null=True)


class PlatformGainsSerializer(serializers.Serializer[Any]):
    """One network."""

    posts = serializers.IntegerField()
    impressions = number()
    reach = number()
    engagement = number()
    clicks = number()
    engagement_rate = percent()


class BucketSerializer(serializers.Serializer[Any]):
    """One bucket: its first day, or for hours its instant, and the gains in it."""

    date = serializers.CharField()
    impressions = number()
    engagement = number()
    posts = serializers.IntegerField()


class TopPostSerializer(serializers.Serializer[Any]):
    """One of the posts that gained most engagement, at one network."""

    id = serializers.CharField()
    content = serializers.CharField()
    platform = serializers.ChoiceField(choices=registry.IDS)
    account_id = serializers.CharField()
    impressions = number()
    engagement = serializers.IntegerField()
    published_at = serializers.DateTimeField()


class LocationSerializer(serializers.Serializer[Any]):
    """A country, and the share of the followers there in percent."""

    country = serializers.CharField()
    percentage = serializers.IntegerField()


class DemographicsSerializer(serializers.Serializer[Any]):
    """The followers' demographics, in percent of those about whom something is known; empty if nothing is."""

    age_groups = serializers.DictField(child=serializers.IntegerField())
    top_locations = LocationSerializer(many=True)


class AudienceSerializer(serializers.Serializer[Any]):
    """The followers of all accounts together, and their growth in the period."""

    total_followers = number()
    follower_growth = number()
    growth_rate = percent()
    demographics = DemographicsSerializer()


class ReportSerializer(serializers.Serializer[Any]):
    """The gains of a workspace in a period."""

    resource = ""
    period = PeriodSerializer()
    summary = SummarySerializer()
    by_platform = serializers.DictField(child=PlatformGainsSerializer())
    timeline = BucketSerializer(many=True)
    top_posts = TopPostSerializer(many=True)
    audience = AudienceSerializer()
    as_of = serializers.DateTimeField(allow_null=True)


class PostSummarySerializer(serializers.Serializer[Any]):
    """All networks together."""

    total_impressions = number()
    total_reach = number()
    total_engagement = number()
    total_clicks = number()
    engagement_rate = percent()


class PostBucketSerializer(serializers.Serializer[Any]):
    """One bucket: its start, and the gains in it."""

    timestamp = serializers.DateTimeField()
    impressions = number()
    engagement = number()


class PostNumbersSerializer(serializers.Serializer[Any]):
    """A post's numbers so far; `by_platform` has each network's own names, too."""

    summary = PostSummarySerializer()
    by_platform = serializers.DictField(child=serializers.DictField(child=number()))
    timeline = PostBucketSerializer(many=True)
    as_of = serializers.DateTimeField(allow_null=True)


class PostAnalyticsSerializer(serializers.Serializer[Any]):
    """The numbers of one post."""

    resource = ""
    post_id = serializers.CharField()
    analytics = PostNumbersSerializer()
