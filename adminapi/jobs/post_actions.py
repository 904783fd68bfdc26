"""The actions of staff on a post: the API's own services, each offered only while the post's state allows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from adminapi.jobs.kinds import Bulk, Perform, atomically
from ouipost.claims import database_now
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.ids import derived_id
from ouipost.phrases import Phrase
from posts import duplicating, services
from posts.models import Post, PostStatus

EVERY = frozenset(PostStatus)


class HasChanged(DomainError):
    message = Phrase("Somebody has changed it since you were asked: look at it first.")


def lock_as_read(post: Post) -> Post:
    """Lock a post that nobody has changed since it was read; raises HasChanged, or Http404 if it was deleted."""
    locked = services.lock(post)
    if locked.updated_at != post.updated_at:
        raise HasChanged
    return locked


def as_read(service: Callable[[Post, Actor], Any]) -> Perform:
    """Make a service on a post that is as it was read, and what is done with its result, one transaction."""
    return atomically(lambda post, actor: service(lock_as_read(post), actor))


@dataclass(frozen=True, kw_only=True)
class Action(Bulk):
    """An action on one or many posts; `says` describes its effect."""

    model: type[Model] = Post
    says: Any
    states: frozenset[PostStatus]
    icon: str = ""

    @property
    def word(self) -> str:
        """The name without its prefix."""
        return self.name.removeprefix("posts.")


ACTIONS = (
    Action(
        name="posts.publish_now",
        title=_("Publish now"),
        says=_("It is sent to its networks at once. What was sent already is not sent twice."),
        states=services.SCHEDULABLE,
        perform=as_read(lambda post, actor: services.publish_post(post, actor=actor, now=database_now())),
        look="op-primary",
        icon="send",
    ),
    Action(
        name="posts.retry_failed",
        title=_("Retry what failed"),
        says=_("What failed or was missed is sent again at once, and only that: what is out stays as it is."),
        states=services.RETRYABLE,
        perform=as_read(lambda post, actor: services.retry_post(post, actor=actor, now=database_now())),
        look="op-primary",
        icon="replay",
    ),
    Action(
        name="posts.unschedule",
        title=_("Back to draft"),
        says=_("It loses its time and its place in a schedule, and is a draft again. Nothing is sent."),
        states=services.UNSCHEDULABLE,
        perform=as_read(lambda post, actor: services.unschedule_post(post, actor=actor)),
        icon="event_busy",
    ),
    Action(
        name="posts.duplicate",
        title=_("Duplicate"),
        says=_("A new draft is made with the same text, networks and copies of the files. Nothing is sent."),
        states=EVERY,
        perform=lambda post, actor, key, then: duplicating.duplicate_once(
            post, pk=derived_id("post", key, post.pk), actor=actor, now=database_now(), and_then=then
        ),
        icon="content_copy",
    ),
    Action(
        name="posts.delete_posts",
        title=_("Delete"),
        says=_(
            "It is removed from here with its files, for good. What is published stays at the networks: "
            "delete it there if you do not want it."
        ),
        states=EVERY - {PostStatus.PUBLISHING},
        perform=as_read(lambda post, actor: services.delete_post(post, actor=actor)),
        look="op-danger",
        icon="delete",
    ),
)
BY_WORD = {action.word: action for action in ACTIONS}


def offered(post: Post) -> list[Action]:
    """Return the actions that a post's present state allows."""
    return [action for action in ACTIONS if post.status in action.states]
