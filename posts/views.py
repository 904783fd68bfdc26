"""/api/posts and /api/media."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from ouipost.api import idempotency
from ouipost.api.pagination import asks_for_a_page_only, read_page
from ouipost.api.viewsets import Lists, Retrieves, once
from ouipost.api.vocabulary import WARNINGS
from ouipost.claims import database_now
from ouipost.phrases import Phrase
from posts import destinations, listing, previews, reviewing, rules, services
from posts.addresses import address_warnings
from posts.filters import PostFilter
from posts.inputs import NewPostInput, PostInput, ResolveInput, ScheduleInput
from posts.long_polling import preferred_seconds, wait_until_settled
from posts.media import files, uploads
from posts.media.serializers import MediaInput, MediaSerializer, sign_anew
from posts.models import Media, Post, PostStatus, Target
from posts.schedules import services as schedules
from posts.serializers import (
    OutcomeSerializer,
    PostDetailSerializer,
    PostSerializer,
    PreviewsSerializer,
    TimelineSerializer,
    ValidationSerializer,
)
from posts.timeline.timeline import timeline
from workspaces.scoping import WorkspaceScopedViewSet

TARGETS = Prefetch("targets", queryset=Target.objects.order_by("pk"))
READ_THEIR_OWN = ("list", "preview", "timeline")
"""Actions that need no targets, or need them with their accounts."""
GOING_OUT = (PostStatus.PUBLISHING, PostStatus.SCHEDULED)
"""Posts of which results are still to come after `publish`: it is sent, or waits for its account's pace."""


class PostViewSet(Lists[Post], Retrieves[Post], WorkspaceScopedViewSet[Post]):
    """/api/posts: the posts of a workspace."""

    queryset = Post.objects.order_by("-moment", "-pk")
    resource, resources, scope = "post", "posts", "posts"
    serializer_class, detail_class, input_class = PostSerializer, PostDetailSerializer, PostInput
    extra_fields = {"create": WARNINGS, "update": WARNINGS, "schedule": WARNINGS, "resolve": WARNINGS}
    filterset_class = PostFilter
    answers_anew = ("publish", "retry")
    finds_workspace_with_rows = ("retrieve", "list")

    @property
    def required_permission(self) -> str:
        return "posts.read" if self.request.method in SAFE_METHODS or self.action == "validate" else "posts.write"

    def get_queryset(self) -> QuerySet[Post]:
        posts = super().get_queryset()
        return posts if self.action in READ_THEIR_OWN else posts.prefetch_related(TARGETS)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the posts, newest moment first, filtered and in pages."""
        found, parameters, workspace_id = None, request.query_params, self.workspace_id
        if asks_for_a_page_only(parameters):
            page, limit = read_page(parameters)
            found = listing.newest(self.key, workspace_id, page=page, limit=limit)
        if found is None:
            self.require_workspace()  # one that is not there comes before whatever is wrong with the query
            posts = self.filter_queryset(self.get_queryset())
            page, limit = read_page(parameters)
            found = listing.filtered(posts, page=page, limit=limit)
        return Response(found)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the post with its targets."""
        return self.answered(self._one())

    def _one(self) -> Post:
        found = listing.one(self.key, self.workspace_id, self.kwargs["pk"])
        if found is None:
            self.require_workspace()  # one that is not there comes before the post
            raise Http404
        return found

    @extend_schema(request=NewPostInput, responses={201: PostDetailSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a draft, or with `scheduled_at` a scheduled post: both in one transaction, or neither."""
        values, when = self._read_new()

        def work() -> Response:
            post, warnings = services.create_post(
                self.workspace, values=values, actor=self.actor, now=_now(when), **when
            )
            return self.created(self._present(post), warnings=warnings + _idle(request.data))

        return self.once(work)

    @extend_schema(request=NewPostInput, responses=ValidationSerializer)
    @action(detail=False, methods=["post"])
    def validate(self, request: Request, **kwargs: Any) -> Response:
        """List what networks would refuse of such a post; nothing is stored, and `posts.read` is enough."""
        values, when = self._read_new()

        def work() -> Response:
            issues, warnings = previews.validate(self.workspace, values=values, now=_now(when), **when)
            shown = ValidationSerializer({"valid": rules.passes(issues), "issues": issues}).data
            return self.answered(shown, warnings=warnings + _idle(request.data))

        return self.once_outside(work)

    def _read_new(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a new post says, and when it is to go out: `scheduled_at`, None for a draft, and `zone`."""
        values = self.read(NewPostInput)
        zone, moment = values.pop("timezone", self.workspace.timezone), values.pop("scheduled_at", None)
        return values, {"scheduled_at": moment, "zone": zone}

    @once
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the given fields of a draft or scheduled post."""
        post = self.get_object()
        values = self.read(PostInput, instance=post, partial=True)
        changed, warnings = services.update_post(post, values=values, actor=self.actor, now=database_now())
        unread = _unread_files(request.data, present=changed.media)
        return self.answered(self._present(changed), warnings=warnings + unread)

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove the post from here; what is published stays at the networks."""
        services.delete_post(self.get_object(), actor=self.actor)
        return self.done("Post deleted successfully")

    @extend_schema(request=ScheduleInput, responses=PostDetailSerializer)
    @action(detail=True, methods=["post"])
    def schedule(self, request: Request, **kwargs: Any) -> Response:
        """Set the time at which the post goes out, or put it into the next free slot of a schedule."""
        values = self.read(ScheduleInput)
        if "schedule_id" in values:
            return self._give_time(lambda post: self._queue(post, values["schedule_id"]))
        zone = values.get("timezone", self.workspace.timezone)
        when = {"scheduled_at": values["scheduled_at"], "zone": zone}
        return self._give_time(lambda post: services.schedule_post(post, **when, actor=self.actor, now=database_now()))

    @once
    def _give_time(self, change: Callable[[Post], Post]) -> Response:
        """Give the post its time, and warn of what would keep it from going out then."""
        post = change(self.get_object())
        warnings = destinations.of(post).warnings(post)
        return self.answered(self._present(post), warnings=warnings)

    def _queue(self, post: Post, schedule_id: str) -> Post:
        schedule = schedules.find(schedule_id, workspace_id=post.workspace_id)
        return schedules.queue_post(post, schedule, actor=self.actor, now=database_now())

    @extend_schema(request=None, responses=PostDetailSerializer)
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, **kwargs: Any) -> Response:
        """Return the post to draft."""
        return self._change(lambda post: services.unschedule_post(post, actor=self.actor))

    @extend_schema(request=None, responses={200: OutcomeSerializer, 202: OutcomeSerializer})
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, **kwargs: Any) -> Response:
        """Publish now and wait for the outcome, as long as `Prefer: wait=N` says; a repeat never sends again."""
        return self._send(lambda post: services.publish_post(post, actor=self.actor, now=database_now()))

    @extend_schema(request=None, responses={200: OutcomeSerializer, 202: OutcomeSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Send again what has failed, or was missed while others went out or failed, and nothing else."""
        return self._send(lambda post: services.retry_post(post, actor=self.actor, now=database_now()))

    @extend_schema(responses=PreviewsSerializer)
    @action(detail=True)
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """Show what each target gets: text, files, and what its network would refuse."""
        post = self.get_object()
        return self.answered(PreviewsSerializer({"targets": previews.preview(post)}, context={"post": post}).data)

    @extend_schema(responses=TimelineSerializer)
    @action(detail=True)
    def timeline(self, request: Request, **kwargs: Any) -> Response:
        """List every step of the post, oldest first, and what it waits for."""
        entries = timeline(self.get_object(), now=database_now())
        return self.answered(TimelineSerializer({"timeline": entries}).data)

    @extend_schema(request=ResolveInput, responses=PostDetailSerializer)
    @action(detail=True, methods=["post"], url_path="targets/(?P<target>[^/]+)/resolve")
    def resolve(self, request: Request, target: str, **kwargs: Any) -> Response:
        """Settle a target whose outcome is not known.

        One that was published gets the id that its URL holds, if that holds one. One that was not published is sent
        again, or cancelled where its account is disconnected.
        """
        values = self.read(ResolveInput)
        word = {"published": values["outcome"] == "published", "url": values.get("url", "")}

        def work() -> Response:
            meant = get_object_or_404(
                Target.objects.select_related("post__workspace"), pk=target, post=self.get_object()
            )
            settled = reviewing.resolve_target(meant, **word, actor=self.actor, now=database_now())
            return self.answered(self._present(settled), warnings=address_warnings(meant, word["url"]))

        return self.once(work)

    @extend_schema(request={"multipart/form-data": uploads.UploadInput}, responses={201: MediaSerializer})
    @action(detail=True, methods=["post"], parser_classes=[uploads.UploadParser])
    def media(self, request: Request, **kwargs: Any) -> Response:
        """Add a file to a draft or scheduled post; the bytes decide what it is.

        A large video takes minutes. Send an Idempotency-Key: if the response is lost, a repeat adds no second file.
        """
        values = self.read(uploads.UploadInput)

        def prepare() -> AbstractContextManager[files.Stored]:
            files.require_place(self.get_object())  # no file is looked into for a post that takes none
            return uploads.stored(values)

        return self.once_prepared(prepare, lambda stored: self._attach(stored, alt_text=values.get("alt_text", "")))

    def _attach(self, stored: files.Stored, *, alt_text: str) -> Response:
        media = files.attach(self.get_object(), stored, alt_text=alt_text, actor=self.actor)
        return self.created({"media": MediaSerializer(media).data})

    @once
    def _change(self, change: Callable[[Post], Post]) -> Response:
        return self.answered(self._present(change(self.get_object())))

    def _send(self, command: Callable[[Post], Post]) -> Response:
        """Take the command once, wait for what comes of it, and show the results as they stand."""

        def work() -> Response:
            command(self.get_object())
            return self.answered({"taken": True})

        taken = self.once(work)
        if taken.exception:
            return taken
        outcome = self._outcome()
        if idempotency.REPLAYED in taken.headers:
            outcome[idempotency.REPLAYED] = "true"
        return outcome

    def _outcome(self) -> Response:
        seconds = preferred_seconds(self.request.headers.get("Prefer", ""))
        wait_until_settled(self.kwargs["pk"], seconds=seconds)
        post = self._one()
        status = 202 if post.status in GOING_OUT else 200
        answer = Response({"post": OutcomeSerializer(post).data}, status=status)
        answer["Preference-Applied"] = f"wait={seconds}"
        if answer.status_code == 202:
            answer["Location"] = self.request.path.rpartition("/")[0]  # where to ask what came of it: the post
        return answer

    def renew(self, data: dict[str, Any]) -> None:
        sign_anew(data)

    def _present(self, post: Post) -> Post:
        """Return the post, which a service has just locked or made, with its targets as they are now."""
        prefetch_related_objects([post], TARGETS)
        return post


def _now(when: Mapping[str, Any]) -> datetime:
    """Return the time at which a new post is made: by the database's clock where its own time is compared with it."""
    return database_now() if when["scheduled_at"] else timezone.now()


def _idle(body: Any) -> list[str]:
    """Warn of fields without effect in the body of a new post: a zone without a time, targets, and files."""
    told: list[str] = []
    if "timezone" in body and body.get("scheduled_at") is None:
        told.append(Phrase("timezone has no effect without scheduled_at: the post is a draft."))
    if body.get("targets"):
        told.append(Phrase("targets is not read here: platforms takes the ids of accounts."))
    return told + _unread_files(body)


def _unread_files(body: Any, *, present: Sequence[Mapping[str, str]] = ()) -> list[str]:
    """Warn that files in a body have no effect, unless they are the post's own, in their order."""
    given, own = body.get("media"), [each["id"] for each in present]
    named = [_file_id(each) for each in given] if isinstance(given, list) else given
    if given is None or named == own:
        return []
    if isinstance(named, list) and all(each in own for each in named):
        moves, removes = 'PUT /api/media/{id} {"position"}', "DELETE /api/media/{id}"
        return [
            Phrase(
                "media is not read here: {moves} moves a file, and {removes} removes one.", moves=moves, removes=removes
            )
        ]
    return [Phrase("media is not read here: send each file to {place}.", place="POST /api/posts/{id}/media")]


def _file_id(entry: Any) -> Any:
    return entry.get("id") if isinstance(entry, dict) else entry


class MediaViewSet(Retrieves[Media], WorkspaceScopedViewSet[Media]):
    """/api/media: the files of a workspace's posts."""

    queryset = Media.objects.select_related("post")
    resource, resources, scope = "media", "media", "posts"
    serializer_class, input_class = MediaSerializer, MediaInput
    workspace_lookup = "post__workspace"

    @once
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change alt text or position."""
        media = self.get_object()
        values = self.read(MediaInput, instance=media, partial=True)
        return self.answered(files.update(media, values=values, actor=self.actor))

    @once
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove the file, its row and its bytes."""
        files.delete(self.get_object(), actor=self.actor)
        return self.done("Media deleted successfully")

    def renew(self, data: dict[str, Any]) -> None:
        sign_anew(data)
