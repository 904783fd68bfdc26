"""The connector against the reference server of the AT Protocol, where one is installed.

`npm install --ignore-scripts @atproto/pds` in a folder of your own, build its better-sqlite3 there (`npm rebuild
better-sqlite3`; offline with `npm_config_nodedir=/usr`), and name that folder in PDS_FOLDER.
"""

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.platforms.base import SignIn
from accounts.platforms.bluesky import Bluesky, media
from accounts.platforms.errors import AuthExpired, Rejected
from accounts.platforms.linkcard import LinkCard, Picture
from accounts.platforms.shapes import App, Content, Operation, Published
from accounts.session import NetworkSession
from tests.networks.simulated import Desk, make_file, now
from tests.simulator.clip import film
from tests.simulator.conftest import png

SCRIPT = Path(__file__).with_name("pds.cjs")
OVEN = make_file("film", film(), type="video", mime_type="video/mp4", width=64, height=64, seconds=1)
pytestmark = [pytest.mark.pds, pytest.mark.django_db(databases=["simulator"])]


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """The address and an account of a server of our own."""
    node, folder = shutil.which("node"), os.environ.get("PDS_FOLDER", "")
    if node is None:
        pytest.skip("Node.js is not installed.")
    if not (Path(folder) / "node_modules" / "@atproto" / "pds").is_dir():
        pytest.skip("PDS_FOLDER names no folder with @atproto/pds in it.")
    environment = os.environ | {"NODE_PATH": str(Path(folder) / "node_modules"), "LOG_ENABLED": "false"}
    process = subprocess.Popen(
        [node, str(SCRIPT)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=20)


class Direct(Desk):
    """Without the simulator between."""

    @property
    def session(self) -> NetworkSession:
        return NetworkSession()


@pytest.fixture
def desk(server: dict[str, str], settings: Settings) -> Direct:
    settings.OUTBOUND_ALLOW = ["localhost", "127.0.0.1"]
    connector = Bluesky(App())
    credentials = SignIn(identifier=server["handle"], password=server["password"], service=server["service"])
    [candidate] = connector.sign_in(NetworkSession(), credentials, now=now())
    return Direct(connector=connector, candidate=candidate)


def read(desk: Direct, published: Published) -> dict[str, Any]:
    """Return the record as the server keeps it."""
    params = dict(
        zip(("repo", "collection", "rkey"), published.remote_id.removeprefix("at://").split("/"), strict=True)
    )
    service = desk.account.metadata["service"]
    answer = desk.connector.call(desk.session, "GET", f"{service}/xrpc/com.atproto.repo.getRecord", params=params)
    assert answer["cid"] == published.facts["cid"]
    record: dict[str, Any] = answer["value"]
    return record


def test_the_account_is_named_though_the_server_has_no_bluesky_beside_it(desk: Direct, server: dict[str, str]) -> None:
    assert desk.candidate.profile.username == server["handle"]
    assert desk.account.metadata == {"service": server["service"]}
    assert desk.connector.account_metrics(desk.session, desk.account, now=now()).followers is None


def test_a_text_is_published_with_its_facets(desk: Direct, server: dict[str, str]) -> None:
    text = f"Hé @{server['handle']} see example.com/a, #tag \U0001f468\u200d\U0001f469\u200d\U0001f467 #été"

    [published] = desk.publish(Content(text=text, options={"langs": ["en", "fr-CA"]}))

    record = read(desk, published)
    kinds = [facet["features"][0]["$type"].partition("#")[2] for facet in record["facets"]]
    assert (record["text"], record["langs"]) == (text, ["en", "fr-CA"])
    assert kinds == ["mention", "link", "tag", "tag"]


def test_images_are_published_with_alt_text_and_ratio(desk: Direct) -> None:
    first = make_file("m1", png(8).getvalue(), type="image", mime_type="image/png", width=8, height=6, alt_text="A box")
    second = make_file("m2", png(9).getvalue(), type="image", mime_type="image/png", width=9, height=6)

    [published] = desk.publish(Content(text="", media=(first, second)))

    images = read(desk, published)["embed"]["images"]
    assert [image["alt"] for image in images] == ["A box", ""]
    assert [image["aspectRatio"]["width"] for image in images] == [8, 9]


def test_a_picture_that_is_none_does_not_cost_the_post(desk: Direct, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(mime_type="image/jpeg", content=gzip.compress(b"picture"))
    monkeypatch.setattr(media, "fetch_link_card", lambda *_: LinkCard(title="Rye", picture=picture))

    [published] = desk.publish(Content(text="Read", link="https://example.com/rye"))

    assert set(read(desk, published)["embed"]["external"]) == {"uri", "title", "description"}


def test_a_video_goes_to_a_server_that_the_service_cannot_reach(desk: Direct) -> None:
    [published] = desk.publish(Content(text="Oven", media=(OVEN,)))

    assert read(desk, published)["embed"]["video"]["mimeType"] == "video/mp4"


def test_a_thread_and_its_comment_hang_together(desk: Direct) -> None:
    content = Content(text="One", options={"thread": ["Two #rye", "Three"], "first_comment": "Try it"})

    out = desk.publish(content)

    root, *rest = [{"uri": each.remote_id, "cid": each.facts["cid"]} for each in out]
    replies = [read(desk, each)["reply"] for each in out[1:]]
    assert [reply["root"] for reply in replies] == [root] * 3
    assert [reply["parent"] for reply in replies] == [root, rest[0], root]


@pytest.mark.parametrize("out", [0, 1])
def test_the_same_again_changes_nothing_and_another_record_is_told(desk: Direct, out: int) -> None:
    content = Content(text="Again", options={"thread": ["And again"]})
    before = desk.publish(Content(text="Again"))[:out]
    operation = desk.prepare(Operation(content=content, account=desk.account, now=now(), out=before))
    assert desk.connector.recover(desk.session, operation) == []

    first = desk.connector.commit(desk.session, operation)
    again = desk.connector.commit(desk.session, operation)
    other = replace(operation, handles={**operation.handles, "record": {**operation.handles["record"], "text": "No"}})

    assert first == again == desk.connector.commit(desk.session, other)
    assert desk.connector.recover(desk.session, operation) == [first]
    assert read(desk, first)["text"] != "No"


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (Content(text="x" * 301), "text_too_long", "grapheme too big"),
        (Content(text="\U0001f468\u200d\U0001f469\u200d\U0001f467" * 300), "text_too_many_bytes", "string too big"),
        (Content(text="x", options={"langs": ["en", "fr", "de", "it"]}), "too_many_entries", "array too big"),
        (Content(text="x", options={"langs": ["English please"]}), "langs_invalid", "Invalid language"),
        (Content(text="", media=(replace(OVEN, alt_text="x" * 1001),)), "alt_text_too_long", "grapheme too big"),
    ],
)
def test_what_the_server_refuses_is_named_before(desk: Direct, content: Content, rule: str, words: str) -> None:
    issues = desk.connector.validate(content, desk.account.metadata)
    operation = desk.prepare(Operation(content=content, account=desk.account, now=now()))

    with pytest.raises(Rejected, match=words):
        desk.connector.commit(desk.session, operation)

    assert [each.rule for each in issues] == [rule]


def test_a_server_without_bluesky_counts_nothing(desk: Direct) -> None:
    [published] = desk.publish(Content(text="Counted by nobody"))

    found = desk.connector.post_metrics(desk.session, desk.account, [published.remote_id], now=now())

    assert [numbers.engagement for numbers in found.values()] == [None]


def test_a_session_is_renewed_and_ended(desk: Direct) -> None:
    tokens = desk.connector.refresh(desk.session, desk.account, now=now())
    account = replace(desk.account, access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    assert tokens.ends_at is not None

    desk.connector.revoke(desk.session, account)

    with pytest.raises(AuthExpired):
        desk.connector.refresh(desk.session, account, now=now())
