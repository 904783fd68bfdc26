"""Bluesky as the facts describe it, on any host."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db.models import F
from django.http import HttpResponse

from ouipost.simulator.models import Media
from ouipost.simulator.networks.bluesky.access import FIRST_PDS
from tests.simulator.conftest import (
    PASSWORD,
    POSTS,
    RKEY,
    XRPC,
    Net,
    Session,
    bluesky_login,
    body,
    png,
    record,
    tags,
    use_up,
)

pytestmark = pytest.mark.django_db(databases=["simulator"])
Put = Callable[..., HttpResponse]
SERVER, REPO = f"{XRPC}/com.atproto.server", f"{XRPC}/com.atproto.repo"


def error(response: Any) -> tuple[int, str]:
    return response.status_code, body(response)["error"]


def claims(jwt: str) -> dict[str, Any]:
    payload = jwt.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


def blob(net: Net, session: Session, content: bytes | None = None, mime: str = "image/png") -> Any:
    data = png().read() if content is None else content
    return net.call("POST", f"{REPO}.uploadBlob", session.access, data, mime)


def test_any_handle_logs_in_and_always_has_the_same_did(net: Net) -> None:
    first, again = (body(bluesky_login(net, handle)) for handle in ("Carol.Example.COM", "carol.example.com"))

    assert first["did"] == again["did"]
    assert first["did"].startswith("did:plc:")
    assert (first["handle"], first["active"]) == ("carol.example.com", True)
    assert bluesky_login(net, first["did"]).status_code == 200


def test_an_account_is_opened_by_its_email_address_too(net: Net) -> None:
    by_handle = body(bluesky_login(net, "carol.example.com"))

    by_email = body(bluesky_login(net, by_handle["email"]))

    assert (by_email["did"], by_email["handle"]) == (by_handle["did"], "carol.example.com")
    assert error(bluesky_login(net, "@carol.example.com")) == (401, "AuthenticationRequired")


def test_the_session_names_the_server_to_use_next(net: Net) -> None:
    entry = body(bluesky_login(net))["didDoc"]["service"][0]
    own = bluesky_login(net, "dan.example.org", at="pds.example.org/xrpc")

    assert (entry["id"], entry["serviceEndpoint"]) == ("#atproto_pds", "https://morel.us-east.host.bsky.network")
    assert body(own)["didDoc"]["service"][0]["serviceEndpoint"] == "https://pds.example.org"
    token = body(own)["accessJwt"]
    assert net.get("pds.example.org/xrpc/com.atproto.server.getSession", token).status_code == 200


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ({"identifier": "alice.test", "password": "mainpassword"}, (401, "AuthenticationRequired")),
        ({"identifier": "alice.test", "password": "aaaa-bbbb-cccc"}, (401, "AuthenticationRequired")),
        ({"identifier": "alice", "password": PASSWORD}, (401, "AuthenticationRequired")),
        ({"identifier": "@alice.test", "password": PASSWORD}, (401, "AuthenticationRequired")),
        ({"identifier": "did:plc:unknown", "password": PASSWORD}, (401, "AuthenticationRequired")),
        ({"identifier": "alice.test"}, (400, "InvalidRequest")),
        ([], (400, "InvalidRequest")),
    ],
)
def test_a_wrong_login_is_refused(net: Net, data: Any, answer: tuple[int, str]) -> None:
    assert error(net.json(f"{SERVER}.createSession", data=data)) == answer


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"identifier": "\\ud800", "password": "x"}'], ids=["deep", "half a pair"]
)
def test_json_that_no_database_takes_is_none(net: Net, text: str) -> None:
    answer = net.call("POST", f"{SERVER}.createSession", data=text, content_type="application/json")

    assert error(answer) == (400, "InvalidRequest")


def test_the_access_token_tells_when_it_expires_and_then_does(net: Net, session: Session) -> None:
    facts = claims(session.access)

    assert facts["exp"] - facts["iat"] == 7200
    assert (facts["scope"], facts["sub"]) == ("com.atproto.appPass", session.did)
    net.wait(7201)
    assert error(net.get(f"{SERVER}.getSession", session.access)) == (400, "ExpiredToken")


def test_a_call_needs_the_right_token(net: Net, session: Session) -> None:
    assert error(net.get(f"{SERVER}.getSession")) == (401, "AuthMissing")
    assert error(net.get(f"{SERVER}.getSession", access_token=session.access)) == (401, "AuthMissing")
    assert error(net.get(f"{SERVER}.getSession", "junk")) == (400, "InvalidToken")
    assert error(net.get(f"{SERVER}.getSession", session.refresh)) == (400, "InvalidToken")
    assert error(net.call("POST", f"{SERVER}.refreshSession", session.access)) == (400, "InvalidToken")


def test_a_session_is_good_at_the_server_of_its_account_alone(net: Net, session: Session) -> None:
    elsewhere = "pds.example.org/xrpc/com.atproto.server"
    own = f"{FIRST_PDS}/xrpc/com.atproto.server"

    assert error(net.get(f"{elsewhere}.getSession", session.access)) == (400, "InvalidToken")
    assert error(net.call("POST", f"{elsewhere}.refreshSession", session.refresh)) == (400, "InvalidToken")
    assert net.get(f"{own}.getSession", session.access).status_code == 200
    assert net.call("POST", f"{own}.refreshSession", session.refresh).status_code == 200


@pytest.mark.parametrize("method", ["refreshSession", "deleteSession"])
def test_what_takes_no_body_is_refused_with_one(net: Net, session: Session, method: str) -> None:
    assert error(net.json(f"{SERVER}.{method}", session.refresh, {})) == (400, "InvalidRequest")
    assert net.call("POST", f"{SERVER}.{method}", session.refresh).status_code == 200


def test_an_old_refresh_token_gives_the_same_pair_for_two_hours(net: Net, session: Session) -> None:
    def refresh(token: str) -> Any:
        return net.call("POST", f"{SERVER}.refreshSession", token)

    first = body(refresh(session.refresh))
    net.wait(7000)

    assert body(refresh(session.refresh)) == first
    assert first["refreshJwt"] != session.refresh
    assert body(refresh(first["refreshJwt"]))["refreshJwt"] != first["refreshJwt"]
    net.wait(300)
    assert error(refresh(session.refresh)) == (400, "ExpiredToken")


def test_logging_out_revokes_the_refresh_token_only(net: Net, session: Session) -> None:
    response = net.call("POST", f"{SERVER}.deleteSession", session.refresh)

    again = net.call("POST", f"{SERVER}.refreshSession", session.refresh)
    assert (response.status_code, response.content) == (200, b"")
    assert body(again) == {"error": "ExpiredToken", "message": "Token has been revoked"}
    assert net.get(f"{SERVER}.getSession", session.access).status_code == 200


def test_thirty_logins_in_five_minutes_are_the_limit(net: Net) -> None:
    bluesky_login(net)
    use_up("login", left=1, of=30)
    last, over = (bluesky_login(net) for _ in range(2))

    assert last.status_code == 200
    assert error(over) == (429, "RateLimitExceeded")
    assert (over["RateLimit-Policy"], over["RateLimit-Remaining"]) == ("30;w=300", "0")
    assert 0 < int(over["Retry-After"]) <= 300
    net.wait(301)
    assert bluesky_login(net).status_code == 200


def test_a_post_is_put_once_however_often_it_is_repeated(net: Net, session: Session, put: Put) -> None:
    first, again = body(put(record())), body(put(record()))

    assert first["uri"] == f"at://{session.did}/{POSTS}/{RKEY}"
    assert set(first) == {"uri", "cid", "commit", "validationStatus"}
    assert again == {name: first[name] for name in ("uri", "cid", "validationStatus")}
    assert [(post["text"], post["id"]) for post in net.posts(network="bluesky")] == [("Hi", first["uri"])]


def test_another_record_at_the_key_is_an_invalid_swap(net: Net, session: Session, put: Put) -> None:
    first = body(put(record()))

    response = put(record("Other"))

    assert error(response) == (400, "InvalidSwap")
    assert body(response)["message"] == f"Record was at {first['cid']}"
    assert error(put(record("Other"), swapRecord="bafyother")) == (400, "InvalidSwap")
    assert put(record("Other"), swapRecord=first["cid"]).status_code == 200
    assert [post["text"] for post in net.posts()] == ["Other"]


def test_without_swap_a_record_is_silently_replaced(net: Net, session: Session, put: Put) -> None:
    put(record())
    data = {"repo": session.did, "collection": POSTS, "rkey": RKEY, "record": record("Other")}

    answers = [body(net.json(f"{REPO}.putRecord", session.access, data)) for _ in range(2)]

    assert ["commit" in answer for answer in answers] == [True, False]
    assert [post["text"] for post in net.posts()] == ["Other"]


def test_creating_at_a_taken_key_is_an_internal_error(net: Net, session: Session) -> None:
    data = {"repo": "alice.bsky.social", "collection": POSTS, "rkey": RKEY, "record": record()}

    answers = [net.json(f"{REPO}.createRecord", session.access, data) for _ in range(2)]
    free = net.json(f"{REPO}.createRecord", session.access, data | {"rkey": ""})

    assert [answer.status_code for answer in answers] == [200, 500]
    assert error(answers[1]) == (500, "InternalServerError")
    assert len(body(free)["uri"].rpartition("/")[2]) == 13
    assert len(net.posts()) == 2


def test_a_record_is_read_listed_and_deleted(net: Net, session: Session, put: Put) -> None:
    for rkey in (RKEY, RKEY[:-1] + "c"):
        put(record(rkey), rkey=rkey)
    where = {"repo": session.did, "collection": POSTS}

    def listed(**params: Any) -> Any:
        return body(net.get(f"{REPO}.listRecords", session.access, **where | params))

    assert body(net.get(f"{REPO}.getRecord", rkey=RKEY, **where))["value"] == record(RKEY)
    newest = listed(limit=1)
    assert newest["records"][0]["uri"].endswith("c")
    assert listed(cursor=newest["cursor"])["records"][0]["uri"].endswith(RKEY)
    assert listed(reverse="true")["records"][0]["uri"].endswith(RKEY)
    deletes = [net.json(f"{REPO}.deleteRecord", session.access, where | {"rkey": RKEY}) for _ in range(2)]
    assert ["commit" in body(answer) for answer in deletes] == [True, False]
    assert error(net.get(f"{REPO}.getRecord", rkey=RKEY, **where)) == (400, "RecordNotFound")
    assert len(net.posts()) == 1
    assert put(record("Again")).status_code == 200
    assert len(net.posts()) == 2


def test_wrong_reads_are_refused(net: Net, session: Session) -> None:
    own = {"repo": session.did}
    for params in ({"limit": 101} | own, {"limit": "x"} | own, {"limit": "²"} | own, {"repo": "did:plc:no"}):
        assert error(net.get(f"{REPO}.listRecords", session.access, **params)) == (400, "InvalidRequest")
    assert error(net.get(f"{XRPC}/app.bsky.feed.getPosts", session.access)) == (400, "InvalidRequest")
    assert error(net.get(f"{XRPC}/app.bsky.nothing")) == (501, "MethodNotImplemented")


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        ({"repo": "did:plc:other"}, (403, "AccountNotFound")),
        ({"rkey": "self"}, (400, "InvalidRequest")),
        ({"rkey": "1" * 13}, (400, "InvalidRequest")),
        ({"rkey": None}, (400, "InvalidRequest")),
        ({"collection": "com.example.thing"}, (400, "InvalidRequest")),
        ({"record": None}, (400, "InvalidRequest")),
        ({"record": record() | {"$type": "app.bsky.feed.like"}}, (400, "InvalidRequest")),
    ],
)
def test_a_write_to_a_wrong_place_is_refused(put: Put, values: dict[str, Any], answer: tuple[int, str]) -> None:
    assert error(put(**{"value": record()} | values)) == answer


def test_a_write_without_an_object_is_refused(net: Net, session: Session) -> None:
    assert error(net.json(f"{REPO}.putRecord", session.access, [])) == (400, "InvalidRequest")


CID = f"bafyrei{'a' * 52}"
FILE = {"$type": "blob", "ref": {"$link": f"bafkrei{'a' * 52}"}, "mimeType": "image/png", "size": 10}


def images(*entries: Any) -> dict[str, Any]:
    return {"$type": "app.bsky.embed.images", "images": list(entries)}


def facet(start: int, end: int, **feature: str) -> dict[str, Any]:
    kind = feature.pop("kind", "link")
    features = [{"$type": f"app.bsky.richtext.facet#{kind}"} | feature]
    return {"index": {"byteStart": start, "byteEnd": end}, "features": features}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": "x" * 301}, "grapheme too big (maximum 300, got 301) at $.record.text"),
        ({"text": "👨‍👩‍👧‍👦" * 300}, "string too big (maximum 3000, got 7500) at $.record.text"),
        ({"text": 5}, "at $.record.text"),
        ({"createdAt": "yesterday"}, "at $.record.createdAt"),
        ({"createdAt": "2026-11-24T10:00:00"}, "at $.record.createdAt"),
        ({"createdAt": "2026-11-24T10:00Z"}, "at $.record.createdAt"),
        ({"createdAt": "2026-11-31T10:00:00Z"}, "at $.record.createdAt"),
        ({"createdAt": "20261124T100000Z"}, "at $.record.createdAt"),
        ({"createdAt": "2026-11-24T10:00:00+01"}, "at $.record.createdAt"),
        ({"createdAt": "2026-11-24T10:00:00-00:00"}, "at $.record.createdAt"),
        ({"langs": ["a", "b", "c", "d"]}, "array too big (maximum 3, got 4) at $.record.langs"),
        ({"langs": "en"}, "at $.record.langs"),
        ({"langs": ["en", "English please"]}, 'Invalid language (got "English please") at $.record.langs[1]'),
        ({"langs": ["en_US"]}, "Invalid language"),
        ({"langs": ["x"]}, "Invalid language"),
        ({"tags": ["x" * 65]}, "grapheme too big (maximum 64, got 65) at $.record.tags[0]"),
        ({"facets": {}}, "at $.record.facets"),
        ({"facets": [facet(0, 3, uri="https://a.b")]}, "at $.record.facets[0].index"),
        ({"facets": [facet(1, 1, uri="https://a.b")]}, "at $.record.facets[0].index"),
        ({"facets": [facet(0, 1, uri="https://a.b/\ufeff")]}, "at $.record.facets[0].features[0].uri"),
        ({"facets": [facet(0, 2, uri="https://a.b")] * 2}, "at $.record.facets"),
        ({"facets": [facet(0, 1, uri="a.b")]}, "at $.record.facets[0].features[0].uri"),
        ({"facets": [facet(0, 1, uri="https://")]}, "at $.record.facets[0].features[0].uri"),
        ({"facets": [facet(0, 1)]}, 'Missing required key "uri"'),
        ({"facets": [facet(0, 1, kind="mention", did="bob")]}, "at $.record.facets[0].features[0].did"),
        ({"facets": [facet(0, 1, kind="tag", tag="x" * 65)]}, "at $.record.facets[0].features[0].tag"),
        ({"embed": None}, "at $.record.embed"),
        ({"embed": {"$type": "app.bsky.embed.hologram"}}, "Unknown type"),
        (
            {"embed": images(*[{"image": FILE, "alt": ""}] * 5)},
            "array too big (maximum 4, got 5) at $.record.embed.images",
        ),
        ({"embed": images({"image": FILE})}, 'Missing required key "alt"'),
        ({"embed": images({"image": FILE | {"size": 2_000_001}, "alt": ""})}, "blob too big (maximum 2000000"),
        ({"embed": images({"image": FILE | {"mimeType": "text/plain"}, "alt": ""})}, "MIME type"),
        ({"embed": images({"image": "file", "alt": ""})}, "at $.record.embed.images[0].image"),
        (
            {"embed": images({"image": FILE, "alt": "", "aspectRatio": {"width": 0, "height": 1}})},
            "integer too small",
        ),
        ({"embed": {"$type": "app.bsky.embed.external", "external": {"uri": "https://a.b"}}}, 'key "title"'),
        ({"embed": {"$type": "app.bsky.embed.record", "record": {"uri": "https://a", "cid": "b"}}}, "Invalid at-uri"),
        ({"reply": {"root": {"uri": "at://x", "cid": CID}}}, 'Missing required key "parent"'),
        ({"reply": {"root": {"uri": "at://x", "cid": "bafy"}}}, "Invalid cid"),
        ({"embed": images({"image": FILE | {"ref": {"$link": "none"}}, "alt": ""})}, "Expected blob value type"),
        ({"more": [{"deep": 1.5}]}, "Expected one of null, boolean, integer, string"),
    ],
)
def test_a_record_that_breaks_its_schema_is_refused(put: Put, values: dict[str, Any], message: str) -> None:
    response = put(record() | values)

    assert error(response) == (400, "InvalidRequest")
    assert message in body(response)["message"]


def test_the_longest_text_and_every_facet_are_taken(put: Put, session: Session) -> None:
    facets = [
        facet(0, 4, uri="https://example.com"),
        facet(5, 6, kind="mention", did=session.did),
        facet(7, 8, kind="tag", tag="tag"),
    ]

    assert (
        put(record("é" * 300, facets=facets, langs=["zh-Hans-CN", "de-1996", "x-pig"], tags=["a"])).status_code == 200
    )


def test_an_image_is_uploaded_shown_and_held(net: Net, session: Session, put: Put) -> None:
    sent = body(blob(net, session))["blob"]
    assert sent == body(blob(net, session))["blob"]

    answer = put(record("Look", embed=images({"image": sent, "alt": "A red box"})))

    assert sent["ref"]["$link"].startswith("bafkrei")
    assert (sent["mimeType"], answer.status_code) == ("image/png", 200)
    shown = net.get(f"bsky.app/profile/{session.did}/post/{RKEY}")
    assert any('alt="A red box"' in tag for tag in tags(shown, "img"))
    assert net.get(f"bsky.app/profile/alice.bsky.social/post/{RKEY}").content == shown.content
    assert [(post["media_count"], post["url"]) for post in net.posts()] == [
        (1, f"https://bsky.app/profile/{session.did}/post/{RKEY}")
    ]


def test_a_blob_must_exist_as_it_is_described(net: Net, session: Session, put: Put) -> None:
    sent = body(blob(net, session))["blob"]
    embed = [
        images({"image": change, "alt": ""}) for change in (FILE, sent | {"mimeType": "image/jpeg"}, sent | {"size": 5})
    ]

    assert [error(put(record(embed=item)))[1] for item in embed] == ["BlobNotFound", "InvalidMimeType", "InvalidSize"]
    net.wait(6 * 3600)
    token = body(bluesky_login(net))["accessJwt"]
    late: dict[str, Any] = {"repo": session.did, "collection": POSTS, "rkey": RKEY}
    late |= {"record": record(embed=images({"image": sent, "alt": ""}))}
    assert error(net.json(f"{REPO}.putRecord", token, late)) == (400, "BlobNotFound")


def test_a_blob_is_kept_until_no_record_names_it(net: Net, session: Session, put: Put) -> None:
    embed, other = images({"image": body(blob(net, session))["blob"], "alt": ""}), f"{RKEY[:-1]}3"
    kept = [put(record(embed=embed), rkey=key) for key in (RKEY, other)]
    Media.objects.update(expires_at=F("created_at"))

    net.json(f"{REPO}.deleteRecord", session.access, {"repo": session.did, "collection": POSTS, "rkey": RKEY})
    put(record("Changed", embed=embed), rkey=other, swapRecord=body(kept[1])["cid"])
    again = put(record(embed=embed), rkey=RKEY)
    for key, answer in ((RKEY, again), (other, put(record("Changed", embed=embed), rkey=other))):
        put(record(), rkey=key, swapRecord=body(answer)["cid"])

    assert error(put(record(embed=embed), rkey=f"{RKEY[:-1]}4")) == (400, "BlobNotFound")
    assert [answer.status_code for answer in (*kept, again)] == [200] * 3


def test_a_blob_has_a_size_a_type_and_content(net: Net, session: Session) -> None:
    big = b"x" * (5 * 1024 * 1024 + 1)
    own = body(bluesky_login(net, "dan.example.org", at="pds.example.org/xrpc"))["accessJwt"]

    refused = net.call("POST", "pds.example.org/xrpc/com.atproto.repo.uploadBlob", own, big)

    assert error(refused) == (413, "PayloadTooLarge")
    assert blob(net, session, big).status_code == 200
    assert error(blob(net, session, b"")) == (400, "InvalidRequest")
    assert error(blob(net, session, b"x", "")) == (400, "InvalidRequest")
    assert body(blob(net, session, b"text", "text/vtt"))["blob"]["mimeType"] == "text/vtt"


def test_cards_videos_and_quotes_are_taken(net: Net, session: Session, put: Put) -> None:
    thumb = body(blob(net, session))["blob"]
    video = body(blob(net, session, b"video", "video/mp4"))["blob"]
    first = body(put(record("Quoted")))
    reference = {"uri": first["uri"], "cid": first["cid"]}
    card = {"uri": "https://example.com/", "title": "", "description": "", "thumb": thumb}
    quote = {"$type": "app.bsky.embed.record", "record": reference}
    embeds: list[dict[str, Any]] = [
        {"$type": "app.bsky.embed.external", "external": card},
        {"$type": "app.bsky.embed.video", "video": video, "alt": "Moving"},
        quote,
        {
            "$type": "app.bsky.embed.recordWithMedia",
            "record": {"record": reference},
            "media": images({"image": thumb, "alt": ""}),
        },
    ]

    keys = [RKEY[:-1] + letter for letter in "cdef"]
    answers = [put(record(embed=embed), rkey=key) for embed, key in zip(embeds, keys, strict=True)]

    assert [answer.status_code for answer in answers] == [200] * 4
    shown = net.get(f"bsky.app/profile/{session.did}/post/{keys[0]}")
    assert 'href="https://example.com/"' in shown.content.decode()
    assert [post["media_count"] for post in net.posts()] == [0, 0, 1, 0, 1]


def test_a_thread_is_one_post_with_parts(net: Net, session: Session, put: Put) -> None:
    first = body(put(record("1")))
    root = {"uri": first["uri"], "cid": first["cid"]}
    put(record("2", reply={"root": root, "parent": root}), rkey=RKEY[:-1] + "c")

    entry = net.posts()[0]

    assert [(part["text"], part["reply_to"]) for part in entry["parts"]] == [("2", first["uri"])]
    assert "2" in net.get(f"bsky.app/profile/{session.did}/post/{RKEY}").content.decode()


def test_other_records_are_kept_but_are_no_posts(net: Net, session: Session, put: Put) -> None:
    place = {"collection": "app.bsky.feed.threadgate"}
    gate = {"$type": "app.bsky.feed.threadgate", "createdAt": "2026-11-24T10:00:00.000Z", "reply": "no object"}

    assert put(gate, **place).status_code == 200

    assert error(put(gate | {"allow": []}, **place)) == (400, "InvalidSwap")
    assert body(net.get(f"{REPO}.getRecord", repo=session.did, rkey=RKEY, **place))["value"] == gate
    assert net.posts() == []


def test_numbers_grow_and_missing_posts_are_left_out(net: Net, session: Session, put: Put) -> None:
    uri = body(put(record()))["uri"]

    def likes() -> list[int]:
        answer = net.get("public.api.bsky.app/xrpc/app.bsky.feed.getPosts", uris=[uri, "at://did:plc:no/x/y"])
        return [post["likeCount"] for post in body(answer)["posts"]]

    first = likes()
    net.wait(20_000)

    assert first == [0]
    assert likes()[0] > 0


def test_profiles_and_handles_are_found(net: Net, session: Session, put: Put) -> None:
    put(record())

    def profile(actor: str) -> Any:
        return net.get(f"{XRPC}/app.bsky.actor.getProfile", session.access, actor=actor)

    own = body(profile(session.did))
    assert (own["handle"], own["displayName"], own["postsCount"]) == ("alice.bsky.social", "Alice", 1)
    assert error(profile("did:plc:no")) == (400, "InvalidRequest")
    assert error(net.get(f"{XRPC}/app.bsky.actor.getProfile", actor=session.did)) == (401, "AuthMissing")
    resolve = f"{XRPC}/com.atproto.identity.resolveHandle"
    assert body(net.get(resolve, handle="alice.bsky.social")) == {"did": session.did}
    assert error(net.get(resolve, handle="nobody.invalid")) == (400, "InvalidRequest")


def test_a_used_up_write_budget_answers_429(put: Put) -> None:
    budget = ((5, timedelta(hours=1)), (100, timedelta(days=1)))

    with patch("ouipost.simulator.networks.bluesky.records.WRITES", budget):
        answers = [put(record()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[1]["RateLimit-Remaining"], answers[1]["RateLimit-Policy"]) == ("1", "5;w=3600")


def test_an_account_may_upload_so_many_files_a_day(net: Net, session: Session) -> None:
    bob = body(bluesky_login(net, "bob.bsky.social"))
    other = Session(bob["did"], bob["accessJwt"], bob["refreshJwt"])

    with patch("ouipost.simulator.networks.bluesky.UPLOADS", ((2, timedelta(days=1)),)):
        answers = [blob(net, each) for each in (session, session, session, other)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert (error(answers[2])[1], answers[2]["RateLimit-Policy"]) == ("RateLimitExceeded", "2;w=86400")


def test_nothing_that_was_sent_runs_in_a_browser(net: Net, session: Session, put: Put) -> None:
    page = body(blob(net, session, b"<script>alert(1)</script>", "text/html"))["blob"]
    card = {"uri": "javascript:alert(1)", "title": "", "description": ""}
    put(record("<script>", embed={"$type": "app.bsky.embed.external", "external": card}))

    opened = net.client.get(f"/sandbox/_media/{Media.objects.get(external_id=page['ref']['$link']).pk}")
    shown = net.get(f"bsky.app/profile/{session.did}/post/{RKEY}").content.decode()

    assert (opened["Content-Type"], opened["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert "&lt;script&gt;" in shown
    assert "javascript:" not in shown
