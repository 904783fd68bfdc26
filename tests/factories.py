"""Rows for tests: valid by default, anything can be said otherwise."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from functools import cache
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.platforms.shapes import Tokens
from adminapi.models import Session
from adminapi.sessions import jwts
from adminapi.sessions.logins import LIVES
from ouipost.events import signing
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, Event, Message, Webhook
from posts.models import Media, Post, Schedule, Slot, Target, TargetStatus
from posts.status import sync
from workspaces.keys.services import create_key
from workspaces.models import ApiKey, Role, User, Workspace

MORNINGS = [(0, "09:00", ["facebook", "twitter"]), (2, "09:00", ["facebook", "linkedin"])]
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def make_workspace(**values: Any) -> Workspace:
    return Workspace.objects.create(**{"name": "Bakery", "mode": "sandbox"} | values)


def make_key(**values: Any) -> tuple[ApiKey, str]:
    named: dict[str, Any] = {"name": "Test", "tier": "enterprise", "actor": SYSTEM} | values
    return create_key(**named)


def make_user(**values: Any) -> User:
    named: dict[str, Any] = {"email": "admin@example.com", "password": "a long pass phrase", "role": Role.ADMIN}
    named |= values
    return User.objects.create(**named | {"password": hashed(named["password"])})


class QuickHasher(Argon2PasswordHasher):
    """The product's hash without what makes it dear, a fifth of a second for each."""

    time_cost, memory_cost, parallelism = 1, 8, 1


@cache
def hashed(password: str | None) -> str:
    """Return the hash of a password that many tests use."""
    return make_password(password)


def make_token(user: User, **values: Any) -> str:
    """Return the token of a new session of this user, as a login gives it."""
    now = timezone.now()
    times = {"created_at": now, "expires_at": now + LIVES, "signed_out_at": user.signed_out_at}
    return jwts.encode(Session.objects.create(user=user, **times | values))


def make_account(workspace: Workspace, **values: Any) -> SocialAccount:
    """Connect an account by hand; the first of a platform is the default."""
    tokens = values.pop("tokens", Tokens(access_token="token"))
    platform = values.setdefault("platform", "facebook")
    account = SocialAccount(
        workspace=workspace,
        **{
            "type": "page",
            "remote_id": "1001",
            "name": "Company Page",
            "username": "companypage",
            "connected_at": NOW,
            "default_of": platform,
        }
        | values,
    )
    account.seal(tokens)
    account.save()
    return account


def make_post(workspace: Workspace, *, accounts: list[SocialAccount] | None = None, **values: Any) -> Post:
    """Write a post with one target per account; `status` and times of the targets follow from the post's."""
    status = values.pop("status", TargetStatus.DRAFT)
    at = values.get("scheduled_at")
    values = {"content": "Fresh bread", "created_at": NOW, "moment": NOW} | values
    names = [account.platform for account in accounts or []]
    post = Post.objects.create(workspace=workspace, destinations=names, platforms=names, **values)
    for account in accounts or []:
        Target.objects.create(
            post=post,
            account=account,
            platform=account.platform,
            status=status,
            scheduled_at=at,
            due_at=at if status in (TargetStatus.SCHEDULED, TargetStatus.PUBLISHING) else None,
        )
    sync(post)
    return post


def tell_failed(posts: Iterable[Post], *, at: datetime) -> None:
    """Have the journal say when these posts failed."""
    told = {"type": "post.failed", "resource_type": "post", "created_at": at}
    Event.objects.bulk_create(Event(**told, resource_id=post.pk) for post in posts)


def make_media(post: Post, **values: Any) -> Media:
    media = Media.objects.create(
        post=post,
        **{
            "type": "image",
            "filename": "image.jpg",
            "size": 245678,
            "mime_type": "image/jpeg",
            "width": 1200,
            "height": 800,
            "stored_name": "media/aa/" + "a" * 32 + ".jpg",
            "thumbnail_name": "thumbs/aa/" + "a" * 32 + ".jpg",
            "alt_text": "Product showcase image",
        }
        | values,
    )
    post.media = [
        *post.media,
        {"id": media.pk, "type": media.type, "name": media.stored_name, "thumbnail": media.thumbnail_name},
    ]
    post.save()
    return media


def make_schedule(
    workspace: Workspace, *, slots: Iterable[tuple[int, str, list[str]]] = MORNINGS, **values: Any
) -> Schedule:
    """Make a schedule with slots at (day, "HH:MM", platforms)."""
    given = {"name": "Mornings", "timezone": "Europe/Paris"} | values
    schedule = Schedule.objects.create(workspace=workspace, **given)
    for day, at, platforms in slots:
        Slot.objects.create(schedule=schedule, day=day, time=time.fromisoformat(at), platforms=platforms)
    return schedule


def make_webhook(**values: Any) -> Webhook:
    webhook = Webhook(**{"url": "https://1.1.1.1/hook", "events": ["post.published"]} | values)
    webhook.seal(signing.normal_secret("a secret of sixteen"))
    webhook.save()
    return webhook


def make_delivery(
    webhook: Webhook, *, type: str = "post.published", at: datetime = NOW, workspace_id: str = "", **values: Any
) -> Delivery:
    """Write an event of this type that a webhook has got, unless said otherwise."""
    body = f'{{"type":"{type}"}}'
    message = Message.objects.create(type=type, body=body, created_at=at, workspace_id=workspace_id)
    given = {"status": "delivered", "created_at": at, "finished_at": at} | values
    return Delivery.objects.create(webhook=webhook, message=message, **given)
