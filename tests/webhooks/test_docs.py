"""docs/webhooks.md shows what is sent: each event is made to happen, and its message compared with the example."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import connecting, readable, tokens
from accounts import services as account_services
from accounts.models import SocialAccount
from accounts.platforms.errors import AuthExpired, Rejected
from accounts.platforms.shapes import Published, Tokens
from ouipost.claims import database_now
from ouipost.events import webhooks
from ouipost.events.catalogue import EVENTS
from ouipost.events.journal import SYSTEM
from ouipost.events.models import TEST, Message, Webhook
from posts import expiring, services
from posts.media import signing
from posts.models import Media, Post, Target
from posts.publishing.outcomes import Outcome, Undecidable
from posts.publishing.settling import settle_all
from posts.status import sync_and_tell
from tests.accounts.fakes import make_candidate
from tests.contract.described import faults_of_event
from tests.factories import make_account, make_media, make_post, make_workspace
from tests.posts.fakes import claim_targets, make_result
from tests.webhooks.conftest import SECRET
from workspaces.models import Workspace

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
ROW = re.compile(r"^\| \[`([a-z_.]+)`\]\(#[a-z_]+\) \| (.+) \|$", re.MULTILINE)
EXAMPLE = re.compile(r"^### ([a-z_.]+)\n\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ID = re.compile(r"\b([a-z]+)_01[0-9a-f-]*(?:…|\b)")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
SEQUENCE = re.compile(r'"sequence": [1-9][0-9]*\b')
MOST_BYTES = 20_000

DAY = timedelta(days=1)
GRANT = Tokens(access_token="EAABsbCS1iHgBO", refresh_token="1//0gxY5rJ")
ON_FACEBOOK = Published(remote_id="1001_9077", url="https://www.facebook.com/1001_9077")
ON_X = Published(remote_id="2125408", url="https://x.com/companypage/status/2125408")
X_SAYS = "Twitter/X says: You are not allowed to create a Tweet with duplicate content."
X_SAYS_NO = Rejected(X_SAYS, network_code="187")
ENDED = AuthExpired("Facebook says: The session has been invalidated because the user changed the password.")


@pytest.fixture
def workspace(webhook: Webhook) -> Workspace:
    """A workspace of which a webhook hears everything."""
    return make_workspace(mode="live")


def on_facebook(workspace: Workspace, **values: Any) -> SocialAccount:
    return make_account(workspace, tokens=GRANT, **values)


def both(workspace: Workspace) -> list[SocialAccount]:
    return [on_facebook(workspace), make_account(workspace, platform="twitter", type="profile", remote_id="2")]


def make_draft(workspace: Workspace) -> Post:
    return make_post(workspace, accounts=[on_facebook(workspace)])


def settle(post: Post, *outcomes: Outcome) -> None:
    """Publish a due post, to each of its accounts with one of these outcomes."""
    held = {claim.pk: claim for claim in claim_targets(len(outcomes))}
    targets = post.targets.order_by("pk")
    settle_all([make_result(held[each.pk], outcome) for each, outcome in zip(targets, outcomes, strict=True)])


def publish(workspace: Workspace, *outcomes: Outcome) -> Post:
    accounts = both(workspace)[: len(outcomes)]
    post = make_post(workspace, accounts=accounts, status="publishing", scheduled_at=database_now())
    settle(post, *outcomes)
    return post


def create(workspace: Workspace) -> None:
    both(workspace)
    values = {"content": "Fresh bread", "platforms": ["facebook", "twitter"]}
    services.create_post(workspace, values=values, actor=SYSTEM, now=timezone.now())


def update(workspace: Workspace) -> None:
    services.update_post(make_draft(workspace), values={"content": "Fresher bread"}, actor=SYSTEM, now=timezone.now())


def delete(workspace: Workspace) -> None:
    services.delete_post(make_draft(workspace), actor=SYSTEM)


def schedule(workspace: Workspace) -> None:
    now = timezone.now()
    services.schedule_post(make_draft(workspace), scheduled_at=now + DAY, zone="Europe/Paris", actor=SYSTEM, now=now)


def miss(workspace: Workspace) -> None:
    make_post(workspace, accounts=[on_facebook(workspace)], status="scheduled", scheduled_at=database_now() - DAY)
    claim_targets(5)


def connect(workspace: Workspace) -> None:
    granted = Tokens(access_token=GRANT.access_token, ends_at=timezone.now() + 60 * DAY)
    connecting.connect(
        workspace, platform="facebook", candidate=make_candidate(tokens=granted), actor=SYSTEM, now=timezone.now()
    )


def disconnect(workspace: Workspace) -> None:
    account = on_facebook(workspace)
    make_post(workspace, accounts=[account], status="scheduled", scheduled_at=timezone.now() + DAY)
    account_services.disconnect(account, actor=SYSTEM, now=timezone.now())


def come_to_an_end(workspace: Workspace) -> None:
    now = timezone.now()
    account = on_facebook(workspace, status="active")
    SocialAccount.objects.filter(pk=account.pk).update(expires_at=now + 3 * DAY)
    make_post(workspace, accounts=[account], status="scheduled", scheduled_at=now + 5 * DAY)
    expiring.notify(now)


def expire(workspace: Workspace) -> None:
    tokens.expire(on_facebook(workspace), ENDED)


def be_in_error(workspace: Workspace) -> None:
    account = on_facebook(workspace)
    readable.mark_unreadable(
        {account.pk: {"code": "PLATFORM_UNAVAILABLE", "message": "Facebook answered with status 503."}}
    )


def refuse_the_file(workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[on_facebook(workspace)], status="publishing", scheduled_at=database_now())
    make_media(post, filename="oven.jpg")
    settle(post, Rejected("Facebook says: The image could not be read.", code="MEDIA_REJECTED"))


def send_a_test(workspace: Workspace) -> None:
    webhooks.send_test(Webhook.objects.get(), actor=SYSTEM)


HAPPENINGS: Mapping[str, Callable[[Workspace], object]] = {
    "post.created": create,
    "post.updated": update,
    "post.deleted": delete,
    "post.scheduled": schedule,
    "post.published": lambda workspace: publish(workspace, ON_FACEBOOK, ON_X),
    "post.partially_published": lambda workspace: publish(workspace, ON_FACEBOOK, X_SAYS_NO),
    "post.failed": lambda workspace: publish(workspace, Rejected("Facebook says: (#100) Invalid parameter")),
    "post.needs_review": lambda workspace: publish(workspace, Undecidable(message="Facebook does not show its posts.")),
    "post.missed": miss,
    "account.connected": connect,
    "account.disconnected": disconnect,
    "account.expiring": come_to_an_end,
    "account.expired": expire,
    "account.error": be_in_error,
    "media.failed": refuse_the_file,
    TEST: send_a_test,
}


def sent(event: str) -> str:
    """Return the body of the one message of this type."""
    return Message.objects.get(type=event).body


def normal(body: Any) -> Any:
    """Return a body without what differs from case to case: the rest of ids, times, and what went before."""
    text = json.dumps(body, ensure_ascii=False)
    for pattern, instead in ((ID, r"\1_…"), (TIME, "2026-11-26T09:30:00Z"), (SEQUENCE, '"sequence": 1')):
        text = pattern.sub(instead, text)
    return json.loads(text)


def examples() -> dict[str, Any]:
    return {event: json.loads(text) for event, text in EXAMPLE.findall(PAGE)}


@pytest.mark.parametrize("event", [*EVENTS, TEST])
def test_what_is_sent_is_what_the_page_and_both_descriptions_say_and_holds_no_secret(
    client: Client, workspace: Workspace, event: str
) -> None:
    HAPPENINGS[event](workspace)

    body = sent(event)
    shown = normal(json.loads(body))
    told = f"docs/webhooks.md must show of {event}:\n{json.dumps(shown, indent=2, ensure_ascii=False)}"
    assert shown == normal(examples().get(event)), told
    assert_described(client, event, body)
    assert_no_secret(body)


def assert_described(client: Client, event: str, body: str) -> None:
    for schema in (client.get(address).json() for address in ("/api/schema", "/admin/schema")):
        assert faults_of_event(json.loads(body), schema) == []
        headers = [each["name"] for each in schema["webhooks"][event]["post"]["parameters"]]
        assert headers == ["webhook-id", "webhook-timestamp", "webhook-signature"]


def assert_no_secret(body: str) -> None:
    secrets = [GRANT.access_token, GRANT.refresh_token, "page-token", "person-token", SECRET, SECRET[6:], "a secret of"]
    files = [name for row in Media.objects.all() for name in (row.stored_name, row.thumbnail_name)]
    assert [each for each in [*secrets, *files, "signature=", "Fresh bread"] if each in body] == []
    assert len(body.encode()) < MOST_BYTES


def test_every_event_stands_in_the_table_as_the_catalogue_tells_it_and_has_an_example() -> None:
    table = dict(ROW.findall(PAGE))

    assert list(table) == list(EVENTS)
    assert [event for event, told in table.items() if not told.startswith(EVENTS[event])] == []
    assert list(examples()) == [*EVENTS, TEST]


def test_what_a_network_repeats_of_a_secret_or_of_a_files_address_is_masked(workspace: Workspace) -> None:
    post = make_post(workspace, accounts=[on_facebook(workspace)], status="publishing", scheduled_at=database_now())
    address = signing.signed_url(make_media(post).stored_name, seconds=60)
    header = f"Authorization: Bearer {GRANT.access_token}"

    settle(post, Rejected(f"It could not fetch {address} with {header}", code="MEDIA_REJECTED"))
    tokens.expire(post.targets.get().account, AuthExpired(f"Refused: {header}"))

    bodies = "".join(sent(event) for event in ("post.failed", "media.failed", "account.expired"))
    assert (bodies.count("Bearer [masked]"), bodies.count("signature=[masked]")) == (3, 2)
    assert [each for each in (GRANT.access_token, address.partition("signature=")[2]) if each in bodies] == []


@pytest.mark.parametrize("letter", ["a", "ぱ", "🥐", '"', "\x01"], ids=["ASCII", "three", "four", "quote", "control"])
def test_a_body_stays_small_whatever_a_post_with_a_hundred_targets_met(workspace: Workspace, letter: str) -> None:
    accounts = [on_facebook(workspace, remote_id=str(number), default_of=None) for number in range(100)]
    post = make_post(workspace, accounts=accounts, status="publishing")
    error = {"code": "CONTENT_REJECTED", "message": letter * 5000, "who_acts": "caller", "retryable": False}
    url = f"https://network.example/{'x' * 200}"
    Target.objects.filter(post=post).update(status="failed", error=error, url=url, remote_id="9" * 255)

    sync_and_tell(Post.objects.get(pk=post.pk))

    body = sent("post.failed")
    data = json.loads(body)["data"]
    assert len(body.encode()) < MOST_BYTES
    first = post.targets.order_by("pk").values_list("pk", flat=True)[: len(data["targets"])]
    assert [each["id"] for each in data["targets"]] == list(first)
    assert len(data["targets"]) + data["targets_left_out"] == 100
    assert len(data["targets"]) >= 8
    assert faults_of_event(json.loads(body), Client().get("/api/schema").json()) == []
