"""How the list of posts can be narrowed."""

from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django_filters import rest_framework as filters

from accounts import registry
from ouipost.api.filters import BoundedFilterSet
from posts.models import Post, PostStatus, Target


class PostFilter(BoundedFilterSet):
    """`from` and `to` compare with the post's own moment; dates are days in the workspace's zone."""

    moment = "moment"
    status = filters.ChoiceFilter(choices=PostStatus.choices)
    platform = filters.ChoiceFilter(choices=[(name, name) for name in registry.IDS], method="filter_platform")

    class Meta:
        model = Post
        fields = ("status", "platform")

    def filter_platform(self, posts: QuerySet[Post], name: str, value: str) -> QuerySet[Post]:
        """Keep posts with a target there, and drafts that name the network before an account is connected.

        Each post's targets are looked up: to ask whether there `Exists` one MariaDB would read those of all workspaces.
        """
        targets = Target.objects.active().filter(post=OuterRef("pk"), platform=value).values("pk")
        named = Q(status=PostStatus.DRAFT, platforms__icontains=f'"{value}"')
        return posts.alias(there=Subquery(targets[:1])).filter(Q(there__isnull=False) | named)

    def zone(self) -> tzinfo:
        request: Any = self.request
        return ZoneInfo(request.parser_context["view"].workspace.timezone)
