"""What is lost by disconnecting accounts or deleting a workspace, as the question before it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from accounts.models import SocialAccount
from adminapi.console.columns import moment
from adminapi.console.pages import member_of_staff
from posts import removal
from posts.models import Post, PostStatus
from workspaces.models import Workspace

NAMED = 5
RETURNED = ngettext_lazy(
    "%(shown)s post goes to no other account: it returns to draft and loses its time.",
    "%(shown)s posts go to no other account: they return to draft and lose their times.",
    "count",
)
KEPT = ngettext_lazy(
    "%(shown)s post goes to its other accounts only.", "%(shown)s posts go to their other accounts only.", "count"
)
DRAFTS = ngettext_lazy(
    "%(shown)s draft does not go there any more.", "%(shown)s drafts do not go there any more.", "count"
)
REMOVED_SLOTS = ngettext_lazy(
    "%(shown)s time of a schedule is for nobody else: it is removed.",
    "%(shown)s times of schedules are for nobody else: they are removed.",
    "count",
)
KEPT_SLOTS = ngettext_lazy(
    "%(shown)s time of a schedule stays for the others.", "%(shown)s times of schedules stay for the others.", "count"
)
UNSENT = ngettext_lazy(
    "%(shown)s post waits for its time, and is never sent.",
    "%(shown)s posts wait for their times, and are never sent.",
    "count",
)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A sentence about posts or times of schedules, and the first of the posts."""

    says: str
    count: int
    posts: Sequence[tuple[Post, str]] = ()
    """Posts, each with its time by its workspace's clock."""

    @property
    def more(self) -> int:
        """The number of posts that are not named."""
        return self.count - len(self.posts) if self.posts else 0


def with_accounts(request: HttpRequest, accounts: "QuerySet[SocialAccount]") -> list[Loss]:
    """Say what becomes of posts and schedules if these accounts are disconnected, and what comes back with them."""
    lost = removal.losses_with(accounts)
    found = [
        _posts(request, RETURNED, lost.returned),
        _posts(request, KEPT, lost.kept),
        _counted(DRAFTS, lost.drafts.count()),
        _counted(REMOVED_SLOTS, lost.removed_slots),
        _counted(KEPT_SLOTS, lost.kept_slots),
    ]
    losses = [loss for loss in found if loss.count]
    if not losses:
        return [Loss(says=_("No post and no schedule loses anything."), count=0)]
    again = _(
        "Connected again, an account gets back the drafts that name it, without a time: schedule them anew. Posts that "
        "stay scheduled and times of schedules do not get it back by themselves."
    )
    return [*losses, Loss(says=again, count=0)]


def with_workspace(request: HttpRequest, workspace: Workspace) -> list[Loss]:
    """Name the posts that are never sent if this workspace is deleted."""
    waiting = _posts(request, UNSENT, Post.objects.filter(workspace=workspace, status=PostStatus.SCHEDULED))
    return [waiting] if waiting.count else []


def _posts(request: HttpRequest, says: Any, posts: "QuerySet[Post]") -> Loss:
    """Count posts, and name the first to go out, to those who may see them."""
    may_see = "posts.manage" in member_of_staff(request).granted
    first = posts.select_related("workspace").order_by("moment", "pk")[:NAMED] if may_see else ()
    named = [(post, moment(post.scheduled_at, post.workspace.timezone)) for post in first]
    return _counted(says, posts.count(), named)


def _counted(says: Any, count: int, posts: Sequence[tuple[Post, str]] = ()) -> Loss:
    return Loss(says=says % {"count": count, "shown": number_format(count)}, count=count, posts=posts)
