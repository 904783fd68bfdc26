"""Posts in the console: the list, the page of each, and their actions."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from adminapi.console import bulk, post_page
from adminapi.console.base import MOST_CHARACTERS, ReadOnlyWorkspaceScopedAdmin
from adminapi.console.columns import column
from adminapi.console.filters import OneWorkspace, PostAccount, PostDays, PostNetwork, PostState, newest
from adminapi.console.pages import by_field, member_of_staff, own_page, show_row
from adminapi.jobs.post_actions import ACTIONS, BY_WORD, Action, HasChanged, lock_as_read
from adminapi.templatetags.console import network_name, state
from ouipost.claims import database_now
from ouipost.errors import problems_in
from ouipost.events.journal import Actor
from ouipost.translating import translated
from posts import reviewing
from posts.addresses import address_warnings, found_at
from posts.inputs import ResolveInput
from posts.models import Post, Target

TEMPLATE = "admin/posts/post/change_form.html"
SEARCHED = 10_000
UNTITLED = gettext_lazy("(no text)")
NOT_THERE = gettext_lazy(
    "It is sent to %(account)s again at once. Make sure that this account does not show it; otherwise it will be there"
    " twice."
)
NOT_SENT = gettext_lazy("Nothing more is sent: the account is disconnected.")
ELSEWHERE: dict[str, Any] = {
    "duplicate": lambda made: own_page(Post, made.pk),
    "delete_posts": lambda _: reverse("admin:posts_post_changelist"),
}
"""The pages to go to after actions that do not return to the post: the copy, and the list."""


def _meaning(target: Target, word: Mapping[str, Any]) -> dict[str, str]:
    """Return what a person's word on a target comes to, to be asked before it is taken."""
    if word["published"]:
        title, says = _("It is published"), _("It counts as published at %(account)s, at %(url)s.")
    elif target.account.is_connected:
        title, says = _("It is not there: send it again"), str(NOT_THERE)
    else:
        title, says = _("It is not there"), str(NOT_SENT)
    told = [
        says % {"account": target.account.introduced, **word},
        *map(translated, address_warnings(target, word["url"])),
    ]
    return {"title": title, "says": " ".join(told)}


def wrong_in(given: ResolveInput, target: Target) -> Mapping[str, Iterable[str]]:
    """Return, by field, what is wrong with a person's word on a target."""
    if not given.is_valid():
        return given.errors
    return problems_in(lambda: found_at(target, given.validated_data.get("url", "")))


def _lock_as_read(post: Post, target: Target) -> Target:
    """Lock a post, and return its target; raises HasChanged if one of them is not as it was read."""
    lock_as_read(post)
    if not Target.objects.filter(pk=target.pk, fence=target.fence).exists():
        raise HasChanged
    return target


def in_the_list(action: Action) -> Any:
    """Return the same action for posts that were chosen in the list."""

    @admin.action(description=action.title, permissions=["view"])
    def perform(self: "PostAdmin", request: HttpRequest, posts: QuerySet[Post]) -> HttpResponse | None:
        return self.do(request, posts, action)

    perform.__name__ = action.word
    return perform


@admin.register(Post)
class PostAdmin(ReadOnlyWorkspaceScopedAdmin[Post]):
    list_display = ("text", "shown_state", "networks", "of_workspace", "when", "seen")
    sortable_by = ()  # an index has the one order
    list_filter = (OneWorkspace, PostState, PostDays, PostNetwork, PostAccount)
    search_fields = ("id", "content")
    search_help_text = gettext_lazy(
        "The whole id of a post, or a part of its text. Text is looked for in the newest 10,000 posts of what the "
        "filters leave: choose a workspace or days to reach further back."
    )
    actions = tuple(map(in_the_list, ACTIONS))
    state_fields = ("updated_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("workspace")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return an order of an index: by moment within a workspace, else by creation."""
        return ("-moment", "-id") if request.GET.get("workspace") else ("-id",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("post_"):
            return queryset.filter(pk=term), False
        if len(term) > MOST_CHARACTERS:
            return queryset.none(), False
        return newest(queryset, SEARCHED).filter(content__icontains=term), False

    when, seen = column("moment", gettext_lazy("When")), column("impressions", gettext_lazy("Impressions"))
    shown_state = column("status", gettext_lazy("State"), tell=state)
    of_workspace = column("workspace.name", gettext_lazy("Workspace"))

    @admin.display(description=gettext_lazy("Text"))
    def text(self, post: Post) -> str:
        return str(post) or str(UNTITLED)

    @admin.display(description=gettext_lazy("Networks"))
    def networks(self, post: Post) -> str:
        return ", ".join(map(network_name, post.platforms))

    def get_urls(self) -> Any:
        own = [
            path("<str:pk>/do/<str:name>/", self.admin_site.admin_view(self.do_one), name="posts_post_do"),
            path("<str:pk>/targets/<str:target>/resolve/", self.admin_site.admin_view(self.resolve),
                 name="posts_post_resolve"),
            path("<str:pk>/targets/<str:target>/look/", self.admin_site.admin_view(self.look), name="posts_post_look"),
        ]  # fmt: skip
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def add_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Redirect to the page for composing a post."""
        return HttpResponseRedirect(reverse("console_compose"))

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> Any:
        """Show the page of a post; it is read-only."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return self._show(request, self._find(request, unquote(object_id)))

    def _find(self, request: HttpRequest, pk: str) -> Post:
        """Return a post of the request's user; raises Http404, and PermissionDenied without the permission."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: Post = get_object_or_404(self.get_queryset(request).select_related("schedule"), pk=pk)
        return found

    def _show(
        self, request: HttpRequest, post: Post, *, typed: dict[str, Any] | None = None, status: int = 200
    ) -> TemplateResponse:
        context = post_page.context(post, now=database_now(), typed=typed)
        context["may_resume"] = "system.manage" in member_of_staff(request).granted
        return show_row(request, TEMPLATE, post, title=str(post) or str(UNTITLED), status=status, **context)

    def do(self, request: HttpRequest, posts: QuerySet[Post], action: Action) -> HttpResponse | None:
        """Ask, and then do it to each of these posts."""
        return bulk.operate(self, request, posts, action, says=str(action.says))

    def do_one(self, request: HttpRequest, pk: str, name: str) -> HttpResponse:
        """Ask, and then do one thing to one post."""
        self._find(request, pk)
        action = BY_WORD.get(name)
        if action is None:
            raise Http404
        made: list[Any] = []
        key, actor = request.POST.get("key", ""), Actor.from_request(request)
        answer = self._operate_on(
            request,
            pk,
            lambda each: action.perform(each, actor, key, made.append),
            title=str(action.title),
            says=str(action.says),
            look=action.look,
            opens_its_own=True,
        )
        return HttpResponseRedirect(ELSEWHERE[name](made[-1])) if made and name in ELSEWHERE else answer

    def _operate_on(
        self, request: HttpRequest, pk: str, perform: Callable[[Post], object], **asked: Any
    ) -> HttpResponse:
        """Ask, do this to one post, and go back to its page."""
        here = own_page(Post, pk)
        if request.method != "POST":
            return HttpResponseRedirect(here)
        answer = self.operate(request, Post.objects.filter(pk=pk), perform, back=here, **asked)
        return answer or HttpResponseRedirect(here)

    def resolve(self, request: HttpRequest, pk: str, target: str) -> HttpResponse:
        """Settle a target by a person's word on whether it is at its network, checked as in the API and confirmed."""
        post, meant = self._meant(request, pk, target)
        if request.method != "POST":
            return HttpResponseRedirect(own_page(Post, pk))
        typed = {name: request.POST.get(name, "") for name in ("outcome", "url")}
        given = ResolveInput(data={name: value for name, value in typed.items() if value})
        if errors := wrong_in(given, meant):
            refused = {"target": meant.pk, "errors": by_field(errors), **typed}
            return self._show(request, post, typed=refused, status=400)
        is_out, actor = given.validated_data["outcome"] == "published", Actor.from_request(request)
        word = {"published": is_out, "url": given.validated_data.get("url", "")}
        return self._operate_on(
            request,
            pk,
            lambda read: reviewing.resolve_target(_lock_as_read(read, meant), **word, actor=actor, now=database_now()),
            **_meaning(meant, word),
            carries=typed,
            depends_on=meant.fence,
        )

    def look(self, request: HttpRequest, pk: str, target: str) -> HttpResponse:
        """Ask, and then have the network asked once more."""
        _post, meant = self._meant(request, pk, target)
        actor = Actor.from_request(request)
        return self._operate_on(
            request,
            pk,
            lambda read: reviewing.look_again(_lock_as_read(read, meant), actor=actor, now=database_now()),
            title=_("Look again"),
            says=_(
                "The network is asked once more whether it has the post, which is not sent again. If it is found, what "
                "is to follow it, such as the rest of a thread, goes out at once."
            ),
        )

    def _meant(self, request: HttpRequest, pk: str, target: str) -> tuple[Post, Target]:
        post = self._find(request, pk)
        targets = Target.objects.select_related("post__workspace", "account")
        return post, get_object_or_404(targets, pk=target, post=post)
