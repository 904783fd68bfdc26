"""A product in use: 200 workspaces, 100,000 posts, a quarter of a million targets, 100,000 files, 500 keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import SocialAccount
from ouipost.ids import new_id
from posts import counts
from posts.models import Media, Post, Target
from tests.factories import make_account, make_key, make_workspace
from workspaces.models import Workspace

NETWORKS = ("facebook", "twitter", "bluesky")
WORKSPACES = 200
KEYS = 500
POSTS = 100_000
QUERIED_POSTS = 5_000
BATCH = 2_500
WORDS = "Fresh bread from the oven, every morning from seven; come by and take a loaf home while it is warm. "
NOW = datetime.now(UTC).replace(microsecond=0)
STATUSES = ("published",) * 8 + ("scheduled", "draft")


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a client of the loaded product knows."""

    secret: str
    queried: Workspace
    """Has 5,000 posts; nothing is written to it."""
    written: Workspace
    """Takes the posts that a bench creates."""
    post_id: str


def load() -> Data:
    """Fill the empty database."""
    workspaces = [make_workspace(name=f"Workspace {number}", mode="live") for number in range(WORKSPACES)]
    accounts = {workspace.pk: connect(workspace) for workspace in workspaces}
    secrets = [make_key(name=f"Key {number}")[1] for number in range(KEYS)]
    _without_checks(True)
    fill(workspaces[0], accounts[workspaces[0].pk], QUERIED_POSTS)
    fill(workspaces[1], accounts[workspaces[1].pk], (POSTS - QUERIED_POSTS) // (WORKSPACES - 1))
    for number, workspace in enumerate(workspaces[2:], start=1):
        _copy(workspaces[1], workspace, number)
    _without_checks(False)
    for workspace in workspaces[:2]:
        counts.add_posts(workspace.pk, 0)  # the first post that the product itself writes would count them
    _analyze()
    newest = Post.objects.filter(workspace=workspaces[0], status="published").order_by("-moment", "-pk")
    return Data(secret=secrets[0], queried=workspaces[0], written=workspaces[1], post_id=newest[0].pk)


def connect(workspace: Workspace) -> list[SocialAccount]:
    """Connect an account of each network."""
    return [
        make_account(workspace, platform=name, remote_id=f"at-{name}", name=f"Bakery on {name}") for name in NETWORKS
    ]


def fill(workspace: Workspace, accounts: Sequence[SocialAccount], count: int) -> None:
    """Write so many posts with their targets and files, most of them published."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        posts = [_post(workspace, accounts[: 2 + number % 2], number) for number in numbers]
        Post.objects.bulk_create(posts)
        Target.objects.bulk_create(
            _target(post, account) for post in posts for account in accounts[: len(post.platforms)]
        )
        Media.objects.bulk_create(_file(post) for post in posts)


def _copy(source: Workspace, workspace: Workspace, number: int) -> None:
    """Let the database write this workspace's rows after the source's, with ids that begin with the number."""
    own = (
        "(SELECT id FROM accounts_socialaccount AS own WHERE own.workspace_id = %s AND own.platform = copied.platform)"
    )
    _copy_rows(Post, "copied.workspace_id = %s", source, number, workspace_id=("%s", workspace.pk))
    of_source = "copied.post_id IN (SELECT id FROM posts_post WHERE workspace_id = %s)"
    _copy_rows(Target, of_source, source, number, account_id=(own, workspace.pk))
    _copy_rows(Media, of_source, source, number)


def _copy_rows(model: type[Model], which: str, source: Workspace, number: int, **changed: tuple[str, str]) -> None:
    columns = [str(field.column) for field in model._meta.concrete_fields]
    ids = {name: (f"INSERT({name}, LOCATE('_', {name}) + 1, 8, %s)", f"{number:08x}") for name in ("id", "post_id")}
    replaced = ids | changed
    expressions = [replaced[name][0] if name in replaced else f"copied.{name}" for name in columns]
    parameters = [replaced[name][1] for name in columns if name in replaced]
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608 (names of our own models)
            f" SELECT {', '.join(expressions)} FROM {table} AS copied WHERE {which}",
            [*parameters, source.pk],
        )


def _post(workspace: Workspace, accounts: Sequence[SocialAccount], number: int) -> Post:
    status = STATUSES[number % len(STATUSES)]
    created_at = NOW - timedelta(minutes=30 * number)
    networks = [account.platform for account in accounts]
    values: dict[str, Any] = {"created_at": created_at, "moment": created_at, "status": status}
    if status == "published":
        moment = created_at + timedelta(minutes=5)
        values |= {"published_at": moment, "moment": moment, "scheduled_at": moment}
        values |= {"impressions": 1200 + number, "engagement": 80 + number % 40, "clicks": number % 90}
    if status == "scheduled":
        moment = NOW + timedelta(days=1, minutes=number)
        values |= {"moment": moment, "scheduled_at": moment}
    post = Post(workspace=workspace, content=f"{WORDS}{number}", title=f"Bread {number}", hashtags=["#bread", "#warm"])
    post.link, post.destinations, post.platforms = "https://bakery.example/bread", networks, networks
    post.media = [{"id": new_id("media"), "type": "image", "name": _name(number), "thumbnail": _name(number, "thumbs")}]
    for name, value in values.items():
        setattr(post, name, value)
    return post


def _target(post: Post, account: SocialAccount) -> Target:
    is_out = post.status == "published"
    return Target(
        post=post,
        account=account,
        platform=account.platform,
        status=post.status,
        scheduled_at=post.scheduled_at,
        due_at=post.scheduled_at if post.status == "scheduled" else None,
        published_at=post.published_at,
        remote_id=f"{post.pk[-12:]}-{account.platform}" if is_out else "",
        url=f"https://{account.platform}.example/{post.pk[-12:]}" if is_out else "",
        metrics={"impressions": 500, "engagement": 35, "clicks": 20} if is_out else None,
    )


def _file(post: Post) -> Media:
    kept = post.media[0]
    values: dict[str, Any] = {"size": 245_678, "mime_type": "image/jpeg", "width": 1200, "height": 800}
    names = {"stored_name": kept["name"], "thumbnail_name": kept["thumbnail"]}
    return Media(pk=kept["id"], post=post, type="image", filename="bread.jpg", alt_text="Bread", **names, **values)


def _name(number: int, folder: str = "media") -> str:
    digits = f"{number:032x}"
    return f"{folder}/{digits[-2:]}/{digits}.jpg"


def _without_checks(off: bool) -> None:
    """Rows that we made ourselves need no second look while they are loaded."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION foreign_key_checks = {int(not off)}, unique_checks = {int(not off)}")


def _analyze() -> None:
    tables = ", ".join(model._meta.db_table for model in (Post, Target, Media))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {tables}")
        cursor.fetchall()
