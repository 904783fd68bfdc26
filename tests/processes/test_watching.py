"""What operators watch, of a real product: its log in JSON, its errors in Sentry, its traces; one post through all."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from adminapi.management.client import Client
from tests.databases import fresh_database
from tests.processes.asking import children_of
from tests.processes.planting import Tables
from tests.processes.receiver import Receiver, Span, receiving
from tests.product import Product, wait_for

pytestmark = [pytest.mark.crash, pytest.mark.any_database]
EMAIL, PASSWORD = "a@example.com", "a long pass phrase"
REQUEST_ID = "asked-by-a-test"


@dataclass(kw_only=True)
class Watched(Product):
    """A product that tells everything to a receiver, and writes its log in JSON."""

    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"LOG_FORMAT": "json", "OUTBOUND_ALLOW": "127.0.0.0/8"} | self.settings

    def lines(self) -> list[dict[str, Any]]:
        """Return every line that was written; raises ValueError where one is no JSON."""
        return [json.loads(line) for line in self.log().splitlines()]

    def found(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines with these fields."""
        return [line for line in self.lines() if fields.items() <= line.items()]


@dataclass(kw_only=True)
class Story:
    """A product that has published, been refused, met errors of its own, and ended."""

    product: Watched
    receiver: Receiver
    secrets: list[str]
    workspace: str
    posts: dict[str, dict[str, str]]
    """Their ids, by what became of them: published, refused, broken."""

    def only(self, **fields: Any) -> dict[str, Any]:
        lines = self.product.found(**fields)
        assert len(lines) == 1, lines
        return lines[0]

    def ids(self, post: str) -> dict[str, Any]:
        """Return what every line of a post's first attempt carries."""
        return self.posts[post] | {"network": "twitter", "workspace_id": self.workspace, "attempt": 1}

    def spans(self, name: str, **about: Any) -> list[Span]:
        return [span for span in self.receiver.spans if span.name == name and about.items() <= span.about.items()]


@contextmanager
def telling(home: Path, receiver: Receiver) -> Iterator[Watched]:
    """Give a product under `serve` that has a workspace and a key."""
    with fresh_database(home) as url:
        product = Watched(home=home, database_url=url)
        product.settings = {
            "SENTRY_DSN": receiver.dsn,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.base,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        try:
            product.migrate()
            arguments = [f"--email={EMAIL}", f"--password={PASSWORD}", "--workspace=Watch"]
            made = json.loads(product.manage("bootstrap", *arguments, "--mode=sandbox", "--json"))
            product.serve()
            product.wait_until_ready()
            product.control = {"Authorization": f"Bearer {made['simulator_token']}"}
            product.client = Client(product.base, api_key=made["api_key"], workspace_id=made["workspace_id"])
            yield product
        finally:
            product.stop()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with receiving() as receiver, telling(tmp_path_factory.mktemp("watched"), receiver) as product:
        yield played(product, receiver)


def played(product: Watched, receiver: Receiver) -> Story:
    workspace = product.client.headers["X-Workspace-ID"]
    call, tables = product.client.call, Tables(product.database_url)
    product.client.headers["X-Request-ID"] = REQUEST_ID
    product.client.connect("twitter", "Ann")
    _hook(product, receiver)
    hidden = [f"whsec_{secrets.token_hex(16)}", f"pk_live_{secrets.token_hex(16)}", product.client.headers["X-API-Key"]]
    posts = {}
    for name in ("published", "refused", "broken"):
        if name == "refused":
            product.order(network="twitter", effect="status", status=400, body='{"detail": "no"}')
        post = call("POST", "/api/posts", json={"content": f"This is {name}.", "platforms": ["twitter"]})["post"]["id"]
        if name == "broken":
            soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
            call("POST", f"/api/posts/{post}/schedule", json={"scheduled_at": soon})
            parts = json.dumps([{"remote_id": "1", "url": "", hidden[0]: 1}])  # an error message quotes the last name
            tables.run(f"UPDATE posts_target SET parts = '{parts}' WHERE post_id = '{post}'")  # noqa: S608
        else:
            call("POST", f"/api/posts/{post}/publish")
        wait_for(partial(product.found, post_id=post, event="Target settled"), what=name)
        found = tables.run(f"SELECT post_id, id, account_id FROM posts_target WHERE post_id = '{post}'")  # noqa: S608
        posts[name] = dict(zip(("post_id", "target_id", "account_id"), found[0], strict=True))
    _ask(product, "GET", f"/api/posts/{hidden[1]}?token={hidden[0]}", request_id="with-a-secret")
    tables.run("UPDATE workspaces_workspace SET created_at = 'damaged'")
    _ask(product, "PUT", f"/api/workspaces/{workspace}", request_id="damaged")
    wait_for(lambda: receiver.to("/hook"), what="the webhook")
    wait_for(lambda: len(receiver.events) >= 2, what="the errors")
    wait_for(lambda: any(span.about.get("request_id") == "damaged" for span in receiver.spans), what="spans")
    _kill_web(product)
    product.stop()
    return Story(product=product, receiver=receiver, secrets=hidden, posts=posts, workspace=workspace)


def _ask(product: Product, method: str, path: str, *, request_id: str) -> None:
    headers = product.client.headers | {"X-Request-ID": request_id}
    body = {"settings": {"auto_hashtags": True}} if method == "PUT" else None
    requests.request(method, f"{product.base}{path}", json=body, headers=headers, timeout=10)


def _hook(product: Product, receiver: Receiver) -> None:
    """Have a webhook told of what is published."""
    anybody = Client(product.base, api_key="", workspace_id="")
    token = anybody.call("POST", "/admin/login", json={"email": EMAIL, "password": PASSWORD})["token"]
    body = {"url": f"{receiver.base}/hook", "events": ["post.published"]}
    anybody.call("POST", "/admin/webhooks", json=body, headers={"Authorization": f"Bearer {token}"})


def _kill_web(product: Watched) -> None:
    """Kill a process of the web server, so that the server has something to tell, and wait until it is back."""
    serve = product.processes[-1].pid
    (web,) = [pid for pid in children_of(serve) if b"ouipost.wsgi" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in children_of(web):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "was started again" in product.log(), what="the server to notice")
    product.wait_until_ready()


def test_every_line_is_an_object_that_says_when_who_and_what(story: Story) -> None:
    lines = story.product.lines()

    assert [line for line in lines if not {"timestamp", "level", "logger", "event"} <= line.keys()] == []
    told = {line["logger"] for line in lines}
    assert told >= {
        "ouipost.requests",
        "ouipost.work",
        "posts.publishing.one_target",
        "ouipost.api.failures",
        "_granian",
    }
    assert {line["event"] for line in lines} >= {"The worker runs.", "The worker has stopped."}


def test_a_request_is_one_line_with_its_route_and_its_ids(story: Story) -> None:
    published = story.posts["published"]

    publish = story.only(route="/api/posts/{pk}/publish", post_id=published["post_id"])
    assert publish.pop("ms") >= 0
    assert publish.pop("key_id").startswith("key_")
    assert publish.pop("timestamp")
    assert publish == {
        "event": "Request",
        "level": "info",
        "logger": "ouipost.requests",
        "method": "POST",
        "route": "/api/posts/{pk}/publish",
        "status": 200,
        "request_id": REQUEST_ID,
        "workspace_id": story.workspace,
        "post_id": published["post_id"],
    }


def test_a_refused_request_says_its_code_and_neither_path_nor_query(story: Story) -> None:
    refused = story.only(request_id="with-a-secret")

    assert (refused["route"], refused["status"], refused["code"]) == ("/api/posts/{pk}", 400, "VALIDATION_ERROR")


def test_a_post_is_followed_by_its_ids_from_the_request_to_the_network_and_the_webhook(story: Story) -> None:
    post_id = story.posts["published"]["post_id"]

    lines = [line for line in story.product.lines() if line.get("post_id") == post_id]
    steps = {(line["event"], line.get("route"), line.get("outcome")): line for line in lines}
    assert len(lines) == 3
    assert {each["request_id"] for each in lines if each["event"] == "Request"} == {REQUEST_ID}
    assert ("Request", "/api/posts", None) in steps
    assert ("Request", "/api/posts/{pk}/publish", None) in steps
    assert story.ids("published").items() <= steps["Target settled", None, "published"].items()
    delivered = story.only(event="Delivery settled")
    assert {"webhook_id", "delivery_id", "event_id"} <= delivered.keys()
    assert (delivered["outcome"], delivered["status"], delivered["attempt"]) == ("delivered", 200, 1)
    assert story.receiver.to("/hook")[0].headers["webhook-id"] == delivered["event_id"]


def test_what_a_network_refuses_is_settled_with_its_ids(story: Story) -> None:
    (settled,) = story.product.found(event="Target settled", post_id=story.posts["refused"]["post_id"])

    assert story.ids("refused").items() <= settled.items()
    assert (settled["outcome"], settled["step"]) == ("rejected", "commit")


def test_an_error_of_ours_has_its_traceback_and_its_ids_and_no_secret(story: Story) -> None:
    error = story.product.found(logger="posts.publishing.one_target", post_id=story.posts["broken"]["post_id"])[0]

    assert story.ids("broken").items() <= error.items()
    assert error["exception"][0]["exc_type"] == "TypeError"
    assert "[masked]" in error["exception"][0]["exc_value"]
    assert error["exception"][0]["frames"][-1]["name"]


def test_no_secret_is_told_to_anybody(story: Story) -> None:
    told = [story.product.log().encode(), *(sent.body for sent in story.receiver.sent)]

    assert [secret for secret in story.secrets if any(secret.encode() in each for each in told)] == []


def test_a_bug_in_a_worker_is_one_event_with_the_ids_of_the_post(story: Story) -> None:
    broken = story.ids("broken")
    events = [event for event in story.receiver.events if event["tags"].get("post_id") == broken["post_id"]]

    (event,) = [event for event in events if event["tags"]["attempt"] == "1"]
    assert {name: str(value) for name, value in broken.items()}.items() <= event["tags"].items()
    assert (event["release"], event["environment"]) == ("ouipost@0.1.0", "embedded")
    assert event["exception"]["values"][0]["type"] == "TypeError"
    assert "[masked]" in event["exception"]["values"][0]["value"]
    assert "vars" not in json.dumps(event["exception"])
    assert not {"request", "user", "extra", "breadcrumbs"} & event.keys()


def test_a_bug_in_a_request_is_one_event_with_the_id_of_the_request(story: Story) -> None:
    (event,) = [event for event in story.receiver.events if event["tags"].get("request_id") == "damaged"]

    assert event["tags"]["workspace_id"] == story.workspace
    assert event["tags"]["key_id"].startswith("key_")
    assert event["transaction"]


def test_what_callers_and_networks_do_is_no_event(story: Story) -> None:
    told = {event["tags"].get("request_id", event["tags"].get("post_id")) for event in story.receiver.events}

    assert told == {"damaged", story.posts["broken"]["post_id"]}


def test_a_post_is_a_trace_of_its_steps_with_its_ids(story: Story) -> None:
    ids = story.ids("published")
    (publish,) = story.spans("publish", **ids)
    steps = [span for span in story.receiver.spans if span.trace == publish.trace]

    assert {span.name for span in steps} >= {"publish", "prepare", "commit", "settle", "HTTP POST"}
    assert [span for span in steps if not ids.items() <= span.about.items()] == []
    (commit,) = story.spans("commit", **ids)
    (call,) = [span for span in steps if span.parent == commit.id]
    assert (call.about["server.address"], call.about["http.response.status_code"]) == ("api.x.com", 201)
    assert publish.service["service.name"] == "ouipost"
    assert story.spans("claim to publish")


def test_a_request_is_a_span_by_its_route(story: Story) -> None:
    (span,) = story.spans("PUT /api/workspaces/{pk}", request_id="damaged")

    assert span.about["http.response.status_code"] == 500


def test_a_refusal_is_an_error_without_its_words(story: Story) -> None:
    (commit,) = story.spans("commit", post_id=story.posts["refused"]["post_id"])

    assert (commit.is_error, commit.says) == (True, "Rejected")


def test_nobody_outside_is_told_of_our_traces(story: Story) -> None:
    (hook,) = story.receiver.to("/hook")

    assert not {"traceparent", "tracestate", "baggage", "sentry-trace"} & {name.lower() for name in hook.headers}


def test_celery_says_everything_in_json_too(tmp_path: Path, redis_url: str) -> None:
    with fresh_database(tmp_path) as url:
        product = Watched(home=tmp_path, database_url=url, redis_url=redis_url)
        try:
            product.migrate()
            node = product.celery("-c", "1")
            product.start("-m", "celery", "--quiet", "-A", "ouipost", "beat")
            wait_for(lambda: product.found(logger="celery.apps.worker"), what="the node")
            node.send_signal(signal.SIGTERM)
            node.wait(timeout=60)
        finally:
            product.stop()
        assert product.found(event="worker: Warm shutdown (MainProcess)")
