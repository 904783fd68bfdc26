"""Every list of both APIs, as somebody asks it, beside what must be in it."""

import csv
import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from accounts import registry
from accounts.models import AccountStatus, SocialAccount
from ouipost.events.models import DeliveryStatus, Webhook
from posts.models import PostStatus
from tests.conftest import AdminClient, ApiClient
from tests.contract.expected_lists import ExpectedList, Query, choice, draw_query, word
from tests.contract.random_installation import NETWORKS, Installation, Written
from tests.contract.world import data_of, error_of, fields_of
from tests.factories import make_token
from workspaces.models import ApiKey, User, Workspace


def shown(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class ListQueries:
    """An installation, and whoever asks it."""

    def __init__(self, chance: random.Random, installation: Installation) -> None:
        self.chance, self.made = chance, installation

    def api(self, workspace: str, secret: str = "") -> ApiClient:
        return ApiClient(secret or self.made.secrets[0][1], workspace)

    def staff(self, user: User) -> AdminClient:
        return AdminClient(make_token(user))

    def ask_something(self) -> None:
        client, listing = self.chance.choice([*[self.posts] * 3, self.log, *self.others])()
        query = draw_query(listing, self.chance)
        try:
            self.compare(client, query)
        except AssertionError as error:
            error.add_note(f"{unquote(query.address)} of {listing.zone}: {query.refused}")
            raise

    @property
    def others(self) -> list[Callable[[], tuple[ApiClient, ExpectedList]]]:
        of_programs = [self.accounts, self.schedules, self.workspaces]
        return [*of_programs, self.users, self.keys, self.hooks, self.sent, self.again, self.log]

    def compare(self, client: ApiClient, query: Query) -> None:
        """Hold an answer against what it must be."""
        answer, listing = client.get(query.address), query.listing
        if query.refused:
            assert set(fields_of(answer)) == query.refused
            return
        if query.is_csv:
            self.is_the_same_as_csv(client, query, answer)
            return
        data = data_of(answer)
        expected = [listing.told(row) for row in query.shown]
        assert [row["id"] for row in data[listing.name]] == [row["id"] for row in expected]
        assert [{name: row[name] for name in told} for row, told in zip(data[listing.name], expected, strict=True)] == (
            expected
        )
        assert data.get("pagination") == query.pagination
        if data[listing.name] and listing.has_singles:
            self.is_as_its_own_page(client, listing, self.chance.choice(data[listing.name]))
        if listing.others:
            assert error_of(client.get(f"{listing.path}/{self.chance.choice(listing.others)}")) == (404, "NOT_FOUND")

    def is_as_its_own_page(self, client: ApiClient, listing: ExpectedList, row: dict[str, Any]) -> None:
        """A row says of a thing what its own page says, which may say more."""
        page = next(iter(data_of(client.get(f"{listing.path}/{row['id']}")).values()))
        for name, value in row.items():
            if name == "analytics" and value:
                assert {f"total_{each}": count for each, count in value.items()}.items() <= page[name].items()
            elif name == "stats":
                assert value.items() <= page[name].items()
            elif name in page:
                assert page[name] == value, name
        assert {name for name in row if name not in page} <= {"accounts_count", "posts_count", "members_count"}

    def is_the_same_as_csv(self, client: ApiClient, query: Query, answer: Any) -> None:
        assert answer.status_code == 200, answer.content
        content = b"".join(answer.streaming_content).decode()
        cells = list(csv.DictReader(io.StringIO(content, newline="")))
        assert [cell["id"] for cell in cells] == [query.listing.told(row)["id"] for row in query.kept]
        plain = {name: text for name, text in query.pairs if name != "format"}
        first = data_of(client.get(f"{query.listing.path}?{'&'.join(f'{a}={b}' for a, b in plain.items())}"))
        for row, cell in zip(first[query.listing.name], cells, strict=False):
            assert {name: as_cell(value) for name, value in row.items()} == cell

    # The lists

    def _seen(self) -> tuple[str, Workspace]:
        """Return the secret of some key, and a workspace that it sees."""
        key, secret = self.chance.choice(self.made.secrets)
        places = self.places_of(key)
        return (secret, self.chance.choice(places)) if places else self._all_seen()

    def _all_seen(self) -> tuple[str, Workspace]:
        return self.made.secrets[0][1], self.made.workspaces[0]

    def places_of(self, key: ApiKey) -> list[Workspace]:
        """Return the workspaces that a key sees: those on its list, if it has one, and no live ones by a test key."""
        named = [each for each in self.made.workspaces if not key.workspace_ids or each.pk in key.workspace_ids]
        return [each for each in named if key.mode == "live" or each.mode == "sandbox"]

    def posts(self) -> tuple[ApiClient, ExpectedList]:
        secret, workspace = self._seen()
        rows = [post for post in self.made.posts if post.workspace == workspace.pk]
        listing = ExpectedList(
            path="/api/posts",
            name="posts",
            rows=sorted(rows, key=lambda post: (post.moment, post.id), reverse=True),
            told=self.told_of_post,
            others=[post.id for post in self.made.posts if post.workspace != workspace.pk],
            words={
                "status": choice("status", PostStatus.values, lambda post, value: post.status == value),
                "platform": choice("platform", (*NETWORKS * 2, *registry.IDS), lambda post, value: post.goes_to(value)),
            },
            moment=lambda post: post.moment,
            zone=workspace.settings["timezone"],
        )
        return self.api(workspace.pk, secret), listing

    def told_of_post(self, post: Written) -> dict[str, Any]:
        return {
            "id": post.id,
            "content": post.content,
            "status": post.status,
            "platforms": post.platforms,
            "scheduled_at": shown(post.scheduled_at),
            "published_at": shown(post.published_at),
            "created_at": shown(post.created_at),
        }

    def accounts(self) -> tuple[ApiClient, ExpectedList]:
        secret, workspace = self._seen()
        rows = [each for each in self.made.accounts if each.workspace_id == workspace.pk]
        listing = ExpectedList(
            path="/api/accounts",
            name="accounts",
            rows=sorted(rows, key=lambda each: (each.connected_at, each.pk)),
            told=self.told_of_account,
            others=[each.pk for each in self.made.accounts if each.workspace_id != workspace.pk],
            words={
                "status": choice("status", AccountStatus.values, lambda each, value: each.status == value),
                "platform": choice("platform", registry.IDS, lambda each, value: each.platform == value),
            },
            is_whole=True,
        )
        return self.api(workspace.pk, secret), listing

    def told_of_account(self, account: SocialAccount) -> dict[str, Any]:
        month = self.made.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        sent = [each for post in self.made.posts for each in post.targets if each.account == account.pk]
        lately = [each for each in sent if each.published_at and each.published_at >= month]
        return {
            "id": account.pk,
            "platform": account.platform,
            "name": account.name,
            "status": account.status,
            "is_default": account.default_of is not None,
            "stats": {"followers": account.followers, "posts_this_month": len(lately)},
        }

    def schedules(self) -> tuple[ApiClient, ExpectedList]:
        secret, workspace = self._seen()
        rows = [each for each in self.made.schedules if each.workspace_id == workspace.pk]
        listing = ExpectedList(
            path="/api/schedules",
            name="schedules",
            rows=sorted(rows, key=lambda each: (each.created_at, each.pk)),
            told=lambda each: {"id": each.pk, "name": each.name, "is_active": each.is_active},
            others=[each.pk for each in self.made.schedules if each.workspace_id != workspace.pk],
            is_whole=True,
        )
        return self.api(workspace.pk, secret), listing

    def workspaces(self) -> tuple[ApiClient, ExpectedList]:
        key, secret = self.chance.choice(self.made.secrets)
        listing = ExpectedList(
            path="/api/workspaces",
            name="workspaces",
            rows=sorted(self.places_of(key), key=lambda each: (each.created_at, each.pk), reverse=True),
            told=self.told_of_workspace,
        )
        return self.api("", secret), listing

    def told_of_workspace(self, workspace: Workspace) -> dict[str, Any]:
        return {
            "id": workspace.pk,
            "name": workspace.name,
            "mode": workspace.mode,
            "posts_count": sum(each.workspace == workspace.pk for each in self.made.posts),
            "accounts_count": sum(each.workspace_id == workspace.pk for each in self.made.accounts),
        }

    def users(self) -> tuple[ApiClient, ExpectedList]:
        listing = ExpectedList(
            path="/admin/users",
            name="users",
            rows=sorted(self.made.users, key=lambda each: (each.created_at, each.pk)),
            told=lambda each: {"id": each.pk, "email": each.email, "name": each.name, "role": each.role},
            is_whole=True,
        )
        return self.staff(self.made.admin), listing

    def somebody(self) -> User:
        return self.chance.choice(self.made.users[:5])

    def keys(self) -> tuple[ApiClient, ExpectedList]:
        user = self.somebody()
        rows = [key for key, _ in self.made.secrets if self.made.is_theirs(key.workspace_ids, user)]
        listing = ExpectedList(
            path="/admin/keys",
            name="keys",
            rows=sorted(rows, key=lambda each: (each.created_at, each.pk)),
            told=lambda each: {"id": each.pk, "name": each.name, "workspaces": each.workspace_ids},
            others=[key.pk for key, _ in self.made.secrets if key not in rows],
            is_whole=True,
        )
        return self.staff(user), listing

    def hooks(self) -> tuple[ApiClient, ExpectedList]:
        user = self.somebody()
        rows = [each for each in self.made.webhooks if self.made.is_theirs(each.workspace_ids, user)]
        listing = ExpectedList(
            path="/admin/webhooks",
            name="webhooks",
            rows=sorted(rows, key=lambda each: (each.created_at, each.pk)),
            told=lambda each: {"id": each.pk, "url": each.url, "workspaces": each.workspace_ids},
            others=[each.pk for each in self.made.webhooks if each not in rows],
            is_whole=True,
        )
        return self.staff(user), listing

    def a_hook(self) -> tuple[User, Webhook]:
        """Return a webhook, and somebody who manages it."""
        hook, user = self.chance.choice(self.made.webhooks), self.somebody()
        return (user if self.made.is_theirs(hook.workspace_ids, user) else self.made.admin), hook

    def again(self) -> tuple[ApiClient, ExpectedList]:
        """The replays of a webhook."""
        user, hook = self.a_hook()
        rows = [each for each in self.made.replays if each.webhook_id == hook.pk]
        listing = ExpectedList(
            path=f"/admin/webhooks/{hook.pk}/replays",
            name="replays",
            rows=sorted(rows, key=lambda each: (each.created_at, each.pk), reverse=True),
            told=lambda each: {"id": each.pk, "replay_id": each.key, "since": shown(each.since)},
            has_singles=False,
        )
        return self.staff(user), listing

    def sent(self) -> tuple[ApiClient, ExpectedList]:
        """The deliveries of a webhook."""
        user, hook = self.a_hook()
        places = ["", *self.made.places_of(user)]
        rows = [each for each in self.made.deliveries if each.webhook == hook.pk]
        if user.role != "admin":
            rows = [each for each in rows if each.workspace in places]
        listing = ExpectedList(
            path=f"/admin/webhooks/{hook.pk}/deliveries",
            name="deliveries",
            rows=rows[::-1],
            told=lambda each: {"id": each.id, "event": each.event, "status": each.status},
            others=[each.id for each in self.made.deliveries if each not in rows],
            words={
                "status": choice("status", DeliveryStatus.values, lambda each, value: each.status == value),
                "event": choice("event", ("media.failed", "account.expired"), lambda each, value: each.event == value),
            },
            moment=lambda each: each.created_at,
            is_bounded=True,
        )
        return self.staff(user), listing

    def log(self) -> tuple[ApiClient, ExpectedList]:
        """The audit log."""
        user, rows = self.somebody(), self.made.journal()
        if user.role != "admin":
            places = self.made.places_of(user)
            rows = [each for each in rows if each.workspace_id in places]
        names = ("action", "resource_type", "resource_id", "workspace_id", "user_id", "key_id")
        listing = ExpectedList(
            path="/admin/audit",
            name="logs",
            rows=sorted(rows, key=lambda each: (each.created_at, each.id), reverse=True),
            told=lambda each: {"id": each.id, "action": each.action, "created_at": shown(each.created_at)},
            words={name: word(name, [getattr(each, name) for each in rows]) for name in names},
            moment=lambda each: each.created_at,
            is_bounded=True,
            has_singles=False,
            has_csv=True,
        )
        return self.staff(user), listing

    def pages_are_one_list(self, client: ApiClient, listing: ExpectedList) -> None:
        limit, found, page = self.chance.randint(1, 40), [], 1
        while True:
            data = data_of(client.get(f"{listing.path}?limit={limit}&page={page}"))
            found += [row["id"] for row in data[listing.name]]
            if page >= data["pagination"]["total_pages"]:
                break
            page += 1
        assert found == [listing.told(row)["id"] for row in listing.rows]


def as_cell(value: Any) -> str:
    """Return what stands in a CSV for a value of a row."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else str(value)
