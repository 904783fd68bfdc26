"""What the admin API looks at beside the published posts of `analytics_data`: who works there and with which keys, the
journal, posts that are not out, some of them due and late, files, calls to networks, pauses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from accounts import calls, registry
from accounts.models import CallCount, Pause, PauseScope
from adminapi.models import Heartbeat, Session
from adminapi.processes.heartbeats import WORKER
from bench.analytics_data import ACCOUNTS, DAYS, SCATTERED, Data, execute, insert, loaded, truncate
from ouipost.claims import database_now
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Delivery, DeliveryAttempt, Event, Message, Replay, Webhook
from posts import pausing
from posts.models import Media, MediaBytes, Post, PostCount, PostStatus, Target, TargetStatus
from tests.factories import make_token, make_user, make_webhook
from workspaces.models import ApiKey, KeyUsage, Membership, Role, User, Workspace

PEOPLE, KEYS, ADMINISTRATORS = 1_000, 1_000, 10
MEMBERS = 500
"""Of the largest workspace; everybody is in three others."""
MEMBER_OF = 20
"""Workspaces of the member whose answers are measured beside the administrator's."""
BUSY_PERSON, BUSY_KEY = 501, 500
"""Each is in a twentieth of the journal."""
STATUSES = (
    *[(PostStatus.DRAFT, TargetStatus.DRAFT)] * 10,
    *[(PostStatus.SCHEDULED, TargetStatus.SCHEDULED)] * 6,
    *[(PostStatus.FAILED, TargetStatus.FAILED)] * 2,
    (PostStatus.MISSED, TargetStatus.MISSED),
    (PostStatus.NEEDS_REVIEW, TargetStatus.NEEDS_REVIEW),
)
"""Of twenty posts that are not out, and of their targets."""
CHANGES = ("post.created", "post.updated", "post.scheduled", "media.uploaded", "api_key.updated", "user.logged_in")
OUTCOMES = ((calls.REQUEST, calls.OK), (calls.REQUEST, calls.FAILED), (calls.PUBLISH, calls.PUBLISHED))
SPANS = calls.KEPT // calls.SPAN
TABLES = (
    *(Media, MediaBytes, PostCount, Event, CallCount, KeyUsage, ApiKey, Membership, Session, User, Pause, Heartbeat),
    *(Webhook, Message, Delivery, DeliveryAttempt, Replay),
)
OWNER = f"owners ON place = MOD(seq * {SCATTERED}, {ACCOUNTS})"
UUID = "CONCAT('0190aaaa-0000-7000-8000-', LPAD(LOWER(HEX({})), 12, '0'))"


@dataclass(frozen=True, kw_only=True)
class World:
    """An installation, and who asks for what in it."""

    token: str
    """An administrator's."""
    member_token: str
    """Of somebody who may see all numbers and the journal of some workspaces."""
    ids: dict[str, str]
    """One of each collection, of those in which much happened, and of something in the journal."""


@contextmanager
def installation(posts: int) -> Iterator[World]:
    """Fill the database for the block: so many published posts, a fifth of that not out, a journal as long as that."""
    with loaded(posts) as data:
        truncate(TABLES)
        world = _populate(data)
        _fill_posts(posts // 5)
        _fill_files(posts // 4)
        _fill_journal(posts // 5, world)
        _fill_deliveries(posts // 10, world)
        _fill_calls()
        _pause()
        Heartbeat.objects.beat(f"{WORKER}:bench:1")
        execute(f"ANALYZE TABLE {', '.join(model._meta.db_table for model in (Post, Target, *TABLES))}")
        yield world
        truncate(TABLES)


def _populate(data: Data) -> World:
    workspaces = [data.big, *Workspace.objects.exclude(pk=data.big.pk).order_by("pk")]
    people = User.objects.bulk_create(_person(number) for number in range(PEOPLE))
    keys = ApiKey.objects.bulk_create(_key(number, workspaces) for number in range(KEYS))
    member = make_user(
        email="member@example.com", password=None, role=Role.VIEWER, permissions=["analytics.view", "audit.view"]
    )
    others = workspaces[1:]
    Membership.objects.bulk_create(
        [
            *(Membership(workspace=data.big, user=user) for user in people[:MEMBERS]),
            *(Membership(workspace=others[n % len(others)], user=user) for n, user in enumerate(people * 3)),
            *(Membership(workspace=workspace, user=member) for workspace in workspaces[:MEMBER_OF]),
        ]
    )
    used = f"workspaces_apikey, seq_0_to_{DAYS - 1} ORDER BY seq, workspaces_apikey.id"
    days = {"day": "UTC_DATE() - INTERVAL seq DAY", "requests": "100 + seq"}
    insert(KeyUsage, used, key_id="workspaces_apikey.id", **days)
    ids = {"users": people[BUSY_PERSON].pk, "keys": keys[BUSY_KEY].pk, "workspaces": data.big.pk}
    return World(token=make_token(people[0]), member_token=make_token(member), ids=ids)


def _person(number: int) -> User:
    role = Role.ADMIN if number < ADMINISTRATORS else (Role.EDITOR, Role.VIEWER)[number % 2]
    user = User(email=f"person-{number}@example.com", name=f"Person {number}", role=role)
    user.set_unusable_password()
    return user


def _key(number: int, workspaces: list[Workspace]) -> ApiKey:
    """Return a key that opens nothing: every second one would open one workspace alone."""
    limited = [workspaces[number % len(workspaces)].pk] if number % 2 else []
    return ApiKey(name=f"Key {number}", prefix="pk_live_000", digest=f"{number:064x}", workspace_ids=limited)


def _fill_posts(count: int) -> None:
    """Write posts that are not out, each with a target; a third of the scheduled are an hour late."""
    status, of_target = (f"ELT(1 + MOD(seq, 20), {_listed(each)})" for each in zip(*STATUSES, strict=True))
    due = f"IF({status} = 'scheduled', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR + INTERVAL MOD(seq, 3) * 7 HOUR, NULL)"
    created, post_id = _spread(count), f"CONCAT('post_', {UUID.format('seq')})"
    moments = {"scheduled_at": due, "moment": f"COALESCE({due}, {created})"}
    moments |= dict.fromkeys(("created_at", "updated_at"), created)
    networks = dict.fromkeys(("platforms", "destinations"), "CONCAT('[\"', platform, '\"]')")
    own = {"workspace_id": "workspace_id", "content": "CONCAT('Bread ', seq)", "status": status}
    source = f"seq_0_to_{count - 1} JOIN {OWNER}"
    insert(Post, source, id=post_id, **own, **networks, **moments)
    links = {"post_id": post_id, "account_id": "owners.id", "platform": "platform"}
    waits = {"status": of_target, "scheduled_at": due, "due_at": due}
    insert(Target, source, id=f"CONCAT('tgt_', {UUID.format('seq')})", **links, **waits)
    insert(PostCount, "posts_post GROUP BY workspace_id", workspace_id="workspace_id", total="COUNT(*)")


def _spread(count: int, *, days: int = DAYS) -> str:
    """Return an expression for the moment of each of so many rows: evenly over so many days, until now."""
    return f"UTC_TIMESTAMP(6) - INTERVAL ({days * 86_400} * (1 - seq / {count})) SECOND"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _fill_files(count: int) -> None:
    """Write a file of each of so many posts, and how many bytes each workspace has."""
    own = {"type": "'image'", "filename": "'bread.jpg'", "size": "245678", "mime_type": "'image/jpeg'"}
    kept = {"stored_name": "CONCAT('media/', id)", "created_at": "created_at"}
    insert(Media, f"posts_post LIMIT {count}", id="CONCAT('media_', MID(id, 6))", post_id="id", **own, **kept)
    files = "posts_media JOIN posts_post ON posts_post.id = post_id GROUP BY workspace_id"
    insert(MediaBytes, files, workspace_id="workspace_id", total="SUM(size)")


def _fill_journal(count: int, world: World) -> None:
    """Write who changed what over the year: half by people, half with keys, a tenth in the largest workspace."""
    change = f"ELT(1 + MOD(seq DIV 20, {len(CHANGES)}), {_listed(CHANGES)})"
    kind = f"SUBSTRING_INDEX({change}, '.', 1)"
    by_person, by_key = "MOD(seq, 2) = 1", "MOD(seq, 2) = 0"
    people, keys = _numbered("workspaces_user", "email"), _numbered("workspaces_apikey", "prefix")
    busy = f"CASE MOD(seq, 20) WHEN 1 THEN {BUSY_PERSON} WHEN 2 THEN {BUSY_KEY} ELSE MOD(seq, {PEOPLE}) END"
    insert(
        Event,
        f"seq_0_to_{count - 1} JOIN {OWNER} JOIN {people} AS person ON person.number = {busy}"
        f" JOIN {keys} AS used ON used.number = {busy}",
        id=UUID.format("seq"),
        type=change,
        resource_type=kind,
        resource_id=f"CONCAT({kind}, '_', {UUID.format('seq DIV 5')})",
        workspace_id=f"IF(MOD(seq, 20) < 2, '{world.ids['workspaces']}', workspace_id)",
        user_id=f"IF({by_person}, person.id, '')",
        user_email=f"IF({by_person}, person.email, '')",
        key_id=f"IF({by_key}, used.id, '')",
        details="""'{"before": {"title": "Bread"}, "after": {"title": "Fresh bread"}}'""",
        created_at=_spread(count),
    )
    world.ids["resource"] = Event.objects.filter(type=CHANGES[0]).order_by("-created_at")[0].resource_id


def _numbered(table: str, column: str) -> str:
    return f"(SELECT id, {column}, ROW_NUMBER() OVER (ORDER BY created_at, id) - 1 AS number FROM {table})"  # noqa: S608


def _fill_deliveries(count: int, world: World) -> None:
    """Write what two webhooks were told in a month, nearly all at the first attempt."""
    hooks = [make_webhook(events=["post.published", "post.failed"]) for _ in range(2)]
    at, message = _spread(count, days=30), UUID.format("seq")
    told = {"type": "IF(MOD(seq, 50), 'post.published', 'post.failed')", "body": """'{"type": "post.published"}'"""}
    source = f"seq_0_to_{count - 1} JOIN {OWNER}"
    insert(Message, source, id=message, workspace_id="workspace_id", created_at=at, **told)
    for number, hook in enumerate(hooks):
        delivery, status = f"CONCAT('dlv_{number}', MID({message}, 2))", "IF(MOD(seq, 30), 'delivered', 'failed')"
        own = {"webhook_id": f"'{hook.pk}'", "message_id": message, "status": status, "attempts": "1"}
        insert(Delivery, f"seq_0_to_{count - 1}", id=delivery, created_at=at, finished_at=at, **own)
    answered = {"milliseconds": "40", "http_status": "200", "answer": "'ok'"}
    insert(DeliveryAttempt, "events_delivery", delivery_id="id", number="1", at="created_at", **answered)
    world.ids["webhooks"] = hooks[0].pk
    world.ids["deliveries"] = Delivery.objects.filter(webhook=hooks[0])[0].pk


def _fill_calls() -> None:
    """Write what became of the calls of two days, by five minutes, and of all times."""
    networks = " UNION ALL ".join(f"SELECT '{name}' AS network" for name in registry.IDS)
    outcomes = " UNION ALL ".join(f"SELECT '{kind}' AS kind, '{outcome}' AS outcome" for kind, outcome in OUTCOMES)
    source = f"seq_0_to_{SPANS - 1}, ({networks}) AS networks, ({outcomes}) AS outcomes"
    key = {name: name for name in ("network", "kind", "outcome")}
    made = {"calls": "100 + MOD(seq, 20)", "milliseconds": "30000 + MOD(seq, 5000)"}
    insert(CallCount, source, at="UTC_TIMESTAMP() - INTERVAL seq * 5 MINUTE", **key, **made)
    sums = {name: f"SUM({name})" for name in made}
    insert(CallCount, f"accounts_callcount GROUP BY {', '.join(key)}", at="'1970-01-01'", **key, **sums)


def _pause() -> None:
    """Let nothing go out to one network, nor from one workspace and one account."""
    first, second, *_ = Workspace.objects.order_by("-pk")
    now = database_now()
    for scope, subject in (
        (PauseScope.NETWORK, registry.IDS[4]),
        (PauseScope.WORKSPACE, first.pk),
        (PauseScope.ACCOUNT, second.accounts.all()[0].pk),
    ):
        pausing.pause(scope, subject, reason="Maintenance", actor=SYSTEM, now=now)
