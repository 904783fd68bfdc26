"""Progress of removing the rows of deleted workspaces, shown to administrators and to the user who deleted one."""

from typing import Any

from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from adminapi.console.pages import member_of_staff, page
from adminapi.console.progress import Progress, percent, show_progress
from analytics.models import PlatformTotal, TargetNumbers
from ouipost.events.models import Event
from posts import counts
from posts.models import Post
from workspaces.models import Role, User, Workspace

PERMISSION = "workspaces.manage"


def open_to(user: User) -> list[Workspace]:
    """Return the workspaces being removed that a user may see, the last deleted first."""
    if PERMISSION not in user.granted:
        return []
    going = Workspace.objects.exclude(deleted_at=None).order_by("-deleted_at", "-pk")
    if user.role != Role.ADMIN:
        going = going.filter(pk__in=list(_deletions(user).values_list("resource_id", flat=True)))
    return list(going)


def _deletions(user: User) -> Any:
    deletions = Event.objects.filter(type="workspace.deleted")
    return deletions if user.role == Role.ADMIN else deletions.filter(user_id=user.pk)


@page(PERMISSION)
def removal(request: HttpRequest, workspace: str) -> HttpResponse:
    """Show the progress of removing a workspace."""
    deletion = _deletions(member_of_staff(request)).filter(resource_id=workspace).first()
    if deletion is None:
        raise Http404
    name = str(deletion.details.get("name", workspace))
    links = [
        (_("To the workspaces"), reverse("admin:workspaces_workspace_changelist")),
        (_("All background work"), reverse("console_jobs")),
    ]
    title = _("Removal of %(name)s") % {"name": name}
    return show_progress(request, _progress(workspace), title=title, about=deletion.user_email, links=links)


def page_of(pk: str) -> str:
    """Return the address of the page with the progress of removing a workspace."""
    return reverse("console_removal", args=[pk])


def _progress(pk: str) -> Progress:
    """Return the progress: removing the numbers is the first half, then the posts with their files."""
    if not Workspace.objects.filter(pk=pk).exists():
        says = _("Nothing of it is left here. What was published stays at the networks.")
        return Progress(heading=_("The workspace is removed"), says=says, percent=100, is_over=True)
    numbers, posts = _left_of_numbers(pk), _left_of_posts(pk)
    first = percent(numbers[1] - numbers[0], numbers[1])
    second = percent(posts[1] - posts[0], posts[1]) if not numbers[0] else 0
    says = _("Left of its posts: %(posts)s of %(all)s. Left of what was read of them: %(numbers)s of %(read)s.")
    values = {"posts": posts[0], "all": posts[1], "numbers": numbers[0], "read": numbers[1]}
    return Progress(
        heading=_("The workspace is being removed"),
        says=says % {name: number_format(each, force_grouping=True) for name, each in values.items()},
        percent=min(99, (first + second) // 2),
        is_over=False,
        note=_("It is gone for everybody already. You can leave this page: it goes on without you."),
    )


def _left_of_numbers(pk: str) -> tuple[int, int]:
    """Return how many posts at networks still have their numbers, and how many had."""
    left = TargetNumbers.objects.filter(workspace=pk).count()
    had = PlatformTotal.objects.filter(workspace=pk).aggregate(posts=Sum("posts"))["posts"] or 0
    return left, max(left, had)


def _left_of_posts(pk: str) -> tuple[int, int]:
    """Return the number of remaining posts, and of all before: the stored count does not go down during the removal."""
    left = Post.objects.filter(workspace=pk).count()
    return left, max(left, counts.posts_of(pk))
