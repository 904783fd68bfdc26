"""Every write through the API and the admin API, and a world in which each succeeds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import SocialAccount
from ouipost.claims import database_now
from posts.models import Post, Target
from tests.conftest import AdminClient, ApiClient
from tests.contract.world import CALLBACK, upload
from tests.factories import (
    make_account,
    make_delivery,
    make_key,
    make_media,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
)
from tests.posts.media.pictures import picture
from workspaces.models import ApiKey, User, Workspace

ADDRESS, AGENT = "203.0.113.9", "an agent/1.0"
PASSWORD = "correct horse battery staple"
WEBHOOK_SECRET = "a secret of sixteen or more"
LATER = "2036-01-01T00:00:00Z"


@dataclass(kw_only=True)
class World:
    """A workspace, a program with all permissions in it, and an administrator."""

    workspace: Workspace
    key: ApiKey
    api: ApiClient
    user: User
    admin: AdminClient

    @property
    def account(self) -> SocialAccount:
        return SocialAccount.objects.order_by("pk").first() or make_account(self.workspace)

    def post(self, status: str = "draft", **values: Any) -> Post:
        if status != "draft":
            values.setdefault("scheduled_at", "2036-01-01T00:00:00+00:00")
        return make_post(self.workspace, accounts=[self.account], status=status, **values)

    def act(self, method: str, path: str, body: Any = None) -> Any:
        """Send as the program, or below /admin as the administrator."""
        client = self.admin if path.startswith("/admin") else self.api
        return client(method, path, body)

    def state(self) -> str:
        body = {"platform": "facebook", "callback_url": CALLBACK}
        state: str = self.api.post("/api/accounts", body).json()["data"]["state"]
        return state


Write = Callable[[World], Any]


def _resolve(world: World) -> Any:
    post = world.post("needs_review")
    target = Target.objects.get(post=post)
    path = f"/api/posts/{post.pk}/targets/{target.pk}/resolve"
    return world.act("POST", path, {"outcome": "published", "url": "https://facebook.com/1"})


def _publish(world: World) -> Any:
    return world.api.post(f"/api/posts/{world.post().pk}/publish", Prefer="wait=0")


def _retry(world: World) -> Any:
    return world.api.post(f"/api/posts/{world.post('failed').pk}/retry", Prefer="wait=0")


def _rotate(world: World) -> Any:
    return world.act("POST", f"/admin/keys/{make_key()[0].pk}/rotate")


def _pause(world: World) -> Any:
    return world.act("POST", "/admin/pause", {"scope": "network", "id": "facebook", "reason": "They have an outage."})


def _resume(world: World) -> Any:
    _pause(world)
    return world.act("POST", "/admin/resume", {"scope": "network", "id": "facebook"})


def _log_in(world: World) -> Any:
    return world.act("POST", "/admin/login", {"email": world.user.email, "password": "a long pass phrase"})


def _webhook(path: str = "") -> str:
    return f"/admin/webhooks/{make_webhook().pk}{path}"


def _make_webhook(world: World) -> Any:
    body = {"url": "https://1.1.1.1/hook", "events": ["post.failed"], "secret": WEBHOOK_SECRET}
    return world.act("POST", "/admin/webhooks", body)


def _rotate_secret(world: World) -> Any:
    return world.act("POST", _webhook("/rotate-secret"), {"secret": WEBHOOK_SECRET})


def _redeliver(world: World) -> Any:
    sent = make_delivery(make_webhook())
    return world.act("POST", f"/admin/webhooks/{sent.webhook_id}/deliveries/{sent.pk}/redeliver")


def _other_user(world: World) -> str:
    return f"/admin/users/{make_user(email='other@example.com', role='editor').pk}"


NEW_USER = {"email": "new@example.com", "name": "New", "password": PASSWORD, "role": "editor"}
SLOTS = [{"day": "monday", "time": "10:00", "platforms": ["facebook"]}]


WRITES: dict[str, Write] = {
    "POST /api/workspaces": lambda world: world.act("POST", "/api/workspaces", {"name": "New"}),
    "PUT /api/workspaces/{pk}": lambda world: world.act("PUT", f"/api/workspaces/{world.workspace.pk}", {"name": "B"}),
    "DELETE /api/workspaces/{pk}": lambda world: world.act("DELETE", f"/api/workspaces/{world.workspace.pk}"),
    "POST /api/accounts": lambda world: world.act(
        "POST", "/api/accounts", {"platform": "facebook", "callback_url": CALLBACK}
    ),
    "POST /api/accounts/callback": lambda world: world.act(
        "POST", "/api/accounts/callback", {"state": world.state(), "code": "code"}
    ),
    "POST /api/accounts/{pk}/reconnect": lambda world: world.act(
        "POST", f"/api/accounts/{world.account.pk}/reconnect", {"callback_url": CALLBACK}
    ),
    "POST /api/accounts/{pk}/refresh": lambda world: world.act("POST", f"/api/accounts/{world.account.pk}/refresh"),
    "PUT /api/accounts/{pk}": lambda world: world.act("PUT", f"/api/accounts/{world.account.pk}", {"name": "B"}),
    "DELETE /api/accounts/{pk}": lambda world: world.act("DELETE", f"/api/accounts/{world.account.pk}"),
    "POST /api/posts": lambda world: world.act("POST", "/api/posts", {"content": "A", "platforms": [world.account.pk]}),
    "PUT /api/posts/{pk}": lambda world: world.act("PUT", f"/api/posts/{world.post().pk}", {"content": "B"}),
    "DELETE /api/posts/{pk}": lambda world: world.act("DELETE", f"/api/posts/{world.post().pk}"),
    "POST /api/posts/{pk}/media": lambda world: upload(world.api, world.post(), picture()),
    "POST /api/posts/{pk}/schedule": lambda world: world.act(
        "POST", f"/api/posts/{world.post().pk}/schedule", {"scheduled_at": LATER}
    ),
    "POST /api/posts/{pk}/unschedule": lambda world: world.act(
        "POST", f"/api/posts/{world.post('scheduled').pk}/unschedule"
    ),
    "POST /api/posts/{pk}/publish": _publish,
    "POST /api/posts/{pk}/retry": _retry,
    "POST /api/posts/{pk}/targets/{target}/resolve": _resolve,
    "PUT /api/media/{pk}": lambda world: world.act(
        "PUT", f"/api/media/{make_media(world.post()).pk}", {"alt_text": "B"}
    ),
    "DELETE /api/media/{pk}": lambda world: world.act("DELETE", f"/api/media/{make_media(world.post()).pk}"),
    "POST /api/schedules": lambda world: world.act("POST", "/api/schedules", {"name": "New", "slots": SLOTS}),
    "PUT /api/schedules/{pk}": lambda world: world.act(
        "PUT", f"/api/schedules/{make_schedule(world.workspace).pk}", {"slots": SLOTS}
    ),
    "DELETE /api/schedules/{pk}": lambda world: world.act(
        "DELETE", f"/api/schedules/{make_schedule(world.workspace).pk}"
    ),
    "POST /admin/login": _log_in,
    "POST /admin/logout": lambda world: world.act("POST", "/admin/logout"),
    "PUT /admin/profile": lambda world: world.act("PUT", "/admin/profile", {"name": "B"}),
    "PUT /admin/workspaces/{pk}/members": lambda world: world.act(
        "PUT", f"/admin/workspaces/{world.workspace.pk}/members", {"members": [world.user.pk]}
    ),
    "POST /admin/users": lambda world: world.act("POST", "/admin/users", NEW_USER),
    "PUT /admin/users/{pk}": lambda world: world.act("PUT", _other_user(world), {"role": "viewer"}),
    "DELETE /admin/users/{pk}": lambda world: world.act("DELETE", _other_user(world)),
    "POST /admin/keys": lambda world: world.act("POST", "/admin/keys", {"name": "New"}),
    "PUT /admin/keys/{pk}": lambda world: world.act("PUT", f"/admin/keys/{make_key()[0].pk}", {"expires_at": LATER}),
    "DELETE /admin/keys/{pk}": lambda world: world.act("DELETE", f"/admin/keys/{make_key()[0].pk}"),
    "POST /admin/keys/{pk}/rotate": _rotate,
    "POST /admin/webhooks": _make_webhook,
    "PUT /admin/webhooks/{pk}": lambda world: world.act("PUT", _webhook(), {"events": ["post.missed"]}),
    "DELETE /admin/webhooks/{pk}": lambda world: world.act("DELETE", _webhook()),
    "POST /admin/webhooks/{pk}/test": lambda world: world.act("POST", _webhook("/test")),
    "POST /admin/webhooks/{pk}/rotate-secret": _rotate_secret,
    "POST /admin/webhooks/{pk}/replay": lambda world: world.act(
        "POST", _webhook("/replay"), {"since": database_now().isoformat()}
    ),
    "POST /admin/webhooks/{webhook}/deliveries/{pk}/redeliver": _redeliver,
    "POST /admin/pause": _pause,
    "POST /admin/resume": _resume,
}
"""One successful call of each route; PATCH is the same as PUT."""
