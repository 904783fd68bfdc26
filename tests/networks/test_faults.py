"""Every kind of post of every network, with faults at every request: what people see of it is there once.

The requests that make something visible meet both ways to lose an answer and one of the other faults, the rest one of
those that differ for them, and the same request of another kind of post the next one; with EVERY_FAULT=1 all of them
meet all of these, as in `make crash`.
"""

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
import requests
from urllib3 import HTTPResponse

from adminapi.management.client import Client
from ouipost.outbound.transport import current_call
from tests.conftest import ApiClient
from tests.in_process import BASE, Send, in_process
from tests.networks.conftest import FAULTS_TRIED
from tests.networks.kinds import KINDS, UPRIGHT, Kind
from tests.networks.meddling import Fault, Meddler, Seen, World

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.thorough]


def lost_after(request: requests.PreparedRequest, send: Send) -> requests.Response:
    send(request)
    current_call.get().has_left = True
    raise ConnectionError("The answer is lost.")


def lost_before(request: requests.PreparedRequest, send: Send) -> requests.Response:
    current_call.get().has_left = True
    raise ConnectionError("Nothing arrived.")


def not_sent(request: requests.PreparedRequest, send: Send) -> requests.Response:
    raise ConnectionError("There is no connection.")


def answering(status: int, body: bytes, *, after: bool = False, headers: dict[str, str] | None = None) -> Fault:
    def fault(request: requests.PreparedRequest, send: Send) -> requests.Response:
        if after:
            send(request)
        current_call.get().has_left = True
        raw = HTTPResponse(io.BytesIO(body), headers=headers or {}, status=status, preload_content=False)
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    return fault


def cut(request: requests.PreparedRequest, send: Send) -> requests.Response:
    answer = send(request)
    half = answer.content[: len(answer.content) // 2]
    return answering(answer.status_code, half)(request, send)


FAULTS: dict[str, Fault] = {
    "lost after it was taken": lost_after,
    "lost before it was taken": lost_before,
    "not sent": not_sent,
    "500 after it was taken": answering(500, b"{}", after=True),
    "502 after it was taken": answering(502, b"<html>Bad gateway</html>", after=True),
    "503": answering(503, b""),
    "429": answering(429, b"", headers={"Retry-After": "1"}),
    "cut": cut,
}


LOST = ("lost after it was taken", "lost before it was taken")
OTHERS = tuple(name for name in FAULTS if name not in LOST)
INVISIBLE = ("lost after it was taken", "not sent", "503")
EVERY = os.environ.get("EVERY_FAULT") == "1"
PIECES = (
    "accounts.platforms.twitter.media.CHUNK",
    "ouipost.simulator.networks.facebook.videos.CHUNK_BYTES",
    "ouipost.simulator.networks.linkedin.media.PART_BYTES",
    "ouipost.simulator.networks.bluesky.parts.PART_BYTES",
    "accounts.platforms.bluesky.video.IN_ONE_CALL",
)
"""How large a piece of a video is, where that is ours or the simulator's to choose: each goes up in two."""


@pytest.fixture
def world(api: ApiClient, files_stay: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for piece in PIECES:
        monkeypatch.setattr(piece, len(UPRIGHT()) // 2 + 1)
    meddler = Meddler()
    with in_process(monkeypatch, meddler):
        headers = api.headers
        client = Client(BASE, api_key=headers["X-API-Key"], workspace_id=headers["X-Workspace-ID"])
        yield World(client=client, api=api, meddler=meddler)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_fault_at_every_request_leaves_one_copy(
    world: World, kind: Kind, record_property: Callable[[str, object], None]
) -> None:
    account = world.client.connect(kind.network, choose=kind.choose)
    account = world.client.call("GET", f"/api/accounts/{account['id']}")["account"]
    clean = world.publish(kind, account, Meddler())
    assert (clean.target.status, clean.target.error) == ("published", None)
    assert (clean.copies, clean.texts.total()) == (1, kind.parts), clean.texts
    assert requests.get(clean.target.url, timeout=10).status_code == 200
    wrong, counts = [], Counter(kinds=1)

    for step, is_visible in enumerate(clean.visible):
        for name in (seen_faults if is_visible else unseen_faults)(kind, step):
            seen = world.publish(kind, account, Meddler(fault=FAULTS[name], at=step))
            is_right = seen.copies <= 1 and _is_right(seen, kind)
            counts["faults"] += 1
            counts["copies above 1"] += seen.copies > 1
            counts["wrong"] += not is_right
            counts["needs_review"] += seen.target.status == "needs_review"
            if not is_right:
                wrong.append((name, step, seen.target.status, dict(seen.texts), seen.target.error))

    record_property(FAULTS_TRIED, (kind.network, dict(counts)))
    assert not wrong, "\n".join(map(str, wrong))


def seen_faults(kind: Kind, step: int) -> Sequence[str]:
    """Return the faults for a request that makes something visible."""
    return list(FAULTS) if EVERY else (*LOST, _in_turn(OTHERS, kind, step))


def unseen_faults(kind: Kind, step: int) -> Sequence[str]:
    """Return the faults for a request that makes nothing visible."""
    return INVISIBLE if EVERY else (_in_turn(INVISIBLE, kind, step),)


def _in_turn(faults: Sequence[str], kind: Kind, step: int) -> str:
    return faults[(KINDS.index(kind) + step) % len(faults)]


def _is_right(seen: Seen, kind: Kind) -> bool:
    """Published with all its parts, or, where nobody can find out, as with LinkedIn's members, left to a person."""
    match seen.target.status:
        case "published":
            is_chain = seen.in_order or "thread" not in kind.options
            return seen.target.error is None and seen.texts.total() == kind.parts and is_chain
        case "needs_review":
            return seen.target.outcome_unknown and kind.network == "linkedin" and not kind.choose
    return False
