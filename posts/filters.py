"""The filters of the list of posts."""

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from accounts import registry
from ouipost.api.filters import BoundedFilterSet
from posts.models import Post, PostStatus


class PostFilter(BoundedFilterSet):
    """`from` and `to` compare with the post's own moment; dates are days in the workspace's zone."""

    moment = "moment"
    status = filters.ChoiceFilter(choices=PostStatus.choices)
    platform = filters.ChoiceFilter(choices=[(name, name) for name in registry.IDS], method="filter_platform")

    class Meta:
        model = Post
        fields = ("status", "platform")

    def filter_platform(self, posts: QuerySet[Post], name: str, value: str) -> QuerySet[Post]:
        """Keep posts that are shown with this network among their `platforms`."""
        return posts.filter(platforms__icontains=f'"{value}"')

    def zone(self) -> tzinfo:
        request: Any = self.request
        return ZoneInfo(request.parser_context["view"].workspace.timezone)
