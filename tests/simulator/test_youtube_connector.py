"""The connector at the simulated YouTube: what it lets pass is taken, and a lost answer leaves one video."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from accounts.platforms.base import (
    Account,
    App,
    AuthExpired,
    Content,
    Handles,
    Media,
    Operation,
    PlatformError,
    ProcessingFailed,
    Published,
    RateLimited,
    Rejected,
    Session,
    StillWorking,
)
from accounts.platforms.youtube import YouTube
from accounts.session import NetworkSession
from tests.in_process import BASE, in_process
from tests.simulator.clip import film
from tests.simulator.conftest import CALLBACK, Net
from tests.simulator.youtube import UNIT, code_of

pytestmark = pytest.mark.django_db(databases=["simulator"])
CONNECTOR = YouTube(App(client_id="app", client_secret="sec"))
CLIP = film()
LONG = CLIP + b"\0" * (UNIT * 2)


@pytest.fixture
def session(net: Net, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    with in_process(monkeypatch):
        yield NetworkSession(gateway=f"{BASE}/sandbox")


@pytest.fixture
def account(net: Net, session: Session) -> Account:
    tokens = CONNECTOR.exchange(session, code=code_of(net), redirect_uri=CALLBACK, now=timezone.now())
    [candidate] = CONNECTOR.candidates(session, tokens)
    return Account(
        remote_id=candidate.remote_id,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        username=candidate.profile.username,
        metadata=candidate.metadata,
    )


def video(content: bytes = CLIP) -> Media:
    return Media(
        id="media_1",
        type="video",
        mime_type="video/mp4",
        size=len(content),
        width=64,
        height=64,
        seconds=1,
        fps=10,
        video_codec="h264",
        open=lambda: io.BytesIO(content),
    )


def operation(
    account: Account, *, file: bytes = CLIP, text: str = "How to", title: str = "Bread", **options: Any
) -> Operation:
    content = Content(text=text, title=title, media=(video(file),), options={"made_for_kids": False} | options)
    return Operation(content=content, account=account, now=timezone.now())


def prepared(session: Session, wanted: Operation) -> Operation:
    def save(handles: Handles, *, seconds: float = 0) -> None:
        """Keep nothing."""

    return replace(wanted, handles=CONNECTOR.prepare(session, wanted, save), armed_at=wanted.now)


def taken(session: Session, wanted: Operation) -> Operation:
    """Hand the video over, and return the operation as it waits for it."""
    ready = prepared(session, wanted)
    with pytest.raises(StillWorking) as caught:
        CONNECTOR.commit(session, ready)
    assert caught.value.handles is not None
    return replace(ready, handles=caught.value.handles)


def publish(session: Session, wanted: Operation) -> Published:
    [published] = CONNECTOR.recover(session, taken(session, wanted))
    return published


def comment(session: Session, wanted: Operation, published: Published) -> Operation:
    return prepared(session, replace(wanted, out=(published,), handles={}))


def named(wanted: Operation) -> list[str]:
    found = CONNECTOR.validate(wanted.content, wanted.account.metadata)
    return [each.rule for each in found if each.severity == "error"]


def test_what_is_published_has_its_words_and_its_comment(net: Net, session: Session, account: Account) -> None:
    wanted = operation(account, first_comment="First!", tags=["rye"], privacy="unlisted", synthetic_media=True)
    assert named(wanted) == []

    published = publish(session, wanted)
    commented = CONNECTOR.commit(session, comment(session, wanted, published))

    [post] = net.posts(network="youtube")
    assert (post["id"], post["url"], post["text"]) == (published.remote_id, published.url, "How to")
    assert [(part["id"], part["url"], part["text"]) for part in post["parts"]] == [
        (commented.remote_id, commented.url, "First!")
    ]


def texts(around: int) -> some.SearchStrategy[str]:
    """Texts of any kind, and such as just fit or just do not."""
    return some.one_of(
        some.text(max_size=20),
        some.builds(lambda sign, more: sign * (around + more), some.sampled_from("aé<🥖 "), some.integers(-1, 1)),
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=texts(100),
    text=some.one_of(texts(5000), texts(2500), texts(1250)),
    tags=some.lists(some.one_of(some.text(max_size=5), texts(248)), max_size=4),
    category=some.sampled_from(["1", "22", "29", "3", "no"]),
    privacy=some.sampled_from(["public", "private", "secret"]),
)
def test_youtube_refuses_exactly_what_was_named(
    session: Session, account: Account, title: str, text: str, tags: list[str], category: str, privacy: str
) -> None:
    wanted = operation(account, title=title, text=text, tags=tags, category=category, privacy=privacy)
    rules = named(wanted)
    with patch.dict("ouipost.simulator.networks.youtube.BUCKETS", uploads=10_000):
        try:
            prepared(session, wanted)
        except Rejected:
            assert rules != []
        else:
            assert set(rules) <= {"option_empty"}


def test_a_large_file_is_one_video_made_of_its_pieces(net: Net, session: Session, account: Account) -> None:
    with patch("accounts.platforms.youtube.upload.PIECE", UNIT):
        publish(session, operation(account, file=LONG))

    made = net.control("GET", "requests?network=youtube&match=PUT%20/upload")["requests"]
    assert [each["status"] for each in made] == [308, 308, 201]
    assert len(net.posts()) == 1


def test_an_upload_that_broke_off_goes_on_in_its_session(net: Net, session: Session, account: Account) -> None:
    wanted, saved = operation(account, file=LONG), []
    net.fault("youtube", "status", match="PUT /upload", status=503, after_accept=True)
    with patch("accounts.platforms.youtube.upload.PIECE", UNIT), pytest.raises(PlatformError):
        CONNECTOR.prepare(session, wanted, lambda handles, *, seconds=0: saved.append(handles))

    publish(session, replace(wanted, handles=saved[-1], now=wanted.now + timedelta(seconds=30)))

    made = net.control("GET", "requests?network=youtube&match=POST%20/upload")["requests"]
    assert len(made) == len(net.posts()) == 1


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_to_the_last_piece_leaves_one_video(
    net: Net, session: Session, account: Account, after: bool
) -> None:
    ready = prepared(session, operation(account))
    net.fault("youtube", "status", status=502, after_accept=after)
    with pytest.raises(PlatformError):
        CONNECTOR.commit(session, ready)

    found = CONNECTOR.recover(session, ready)

    assert len(found) == len(net.posts()) == int(after)
    if not after:
        publish(session, replace(ready, now=ready.now + timedelta(seconds=30)))
    assert len(net.posts()) == 1


def test_a_video_behind_a_forgotten_session_is_found_in_the_uploads(
    net: Net, session: Session, account: Account
) -> None:
    ready = prepared(session, operation(account))
    net.fault("youtube", "status", status=502, after_accept=True)
    with pytest.raises(PlatformError):
        CONNECTOR.commit(session, ready)
    net.fault("youtube", "status", match="PUT /upload", status=410)

    [found] = CONNECTOR.recover(session, ready)

    assert found.remote_id == net.posts()[0]["id"]


def test_a_slow_video_is_waited_for_and_a_failed_one_told(net: Net, session: Session, account: Account) -> None:
    net.fault("youtube", "slow_processing", seconds=60)
    waiting = taken(session, operation(account))
    with pytest.raises(StillWorking):
        CONNECTOR.recover(session, waiting)
    net.wait(61)
    assert len(CONNECTOR.recover(session, waiting)) == 1

    net.fault("youtube", "processing_failed")
    with pytest.raises(ProcessingFailed, match="could not convert"):
        publish(session, operation(account, title="Again"))

    assert len(net.posts()) == 1


def test_a_file_that_youtube_cannot_read_is_told(net: Net, session: Session, account: Account) -> None:
    with pytest.raises(ProcessingFailed, match="no video that it can read"):
        publish(session, operation(account, file=b"not a video"))

    assert net.posts() == []


def test_a_lost_comment_is_found_and_another_one_is_not(net: Net, session: Session, account: Account) -> None:
    wanted = operation(account, first_comment="First!")
    ready = comment(session, wanted, publish(session, wanted))
    assert CONNECTOR.recover(session, ready) == []
    net.fault("youtube", "status", match="POST /youtube/v3/commentThreads", status=500, after_accept=True)
    with pytest.raises(PlatformError):
        CONNECTOR.commit(session, ready)

    [found] = CONNECTOR.recover(session, ready)

    assert [part["id"] for part in net.posts()[0]["parts"]] == [found.remote_id]


def test_tokens_are_refreshed_and_revoked(net: Net, session: Session, account: Account) -> None:
    tokens = CONNECTOR.refresh(session, account, now=timezone.now())
    assert (tokens.refresh_token, len(tokens.scopes)) == ("", 4)

    CONNECTOR.revoke(session, account)

    with pytest.raises(AuthExpired):
        CONNECTOR.refresh(session, account, now=timezone.now())
    with pytest.raises(AuthExpired):
        CONNECTOR.profile(session, account)


def test_a_login_without_a_channel_is_refused_clearly(net: Net, session: Session) -> None:
    code = code_of(net, login="No Channel")
    tokens = CONNECTOR.exchange(session, code=code, redirect_uri=CALLBACK, now=timezone.now())

    with pytest.raises(Rejected, match="no YouTube channel"):
        CONNECTOR.candidates(session, tokens)


def test_a_spent_day_is_waited_out(net: Net, session: Session, account: Account) -> None:
    with patch.dict("ouipost.simulator.networks.youtube.BUCKETS", uploads=1):
        publish(session, operation(account))
        with pytest.raises(RateLimited) as caught:
            publish(session, operation(account, title="Second"))

    assert 0 < (caught.value.retry_after or 0) <= 25 * 3600


def test_numbers_are_read_and_shares_come_days_later(net: Net, session: Session, account: Account) -> None:
    published = publish(session, operation(account))
    net.wait(3600)
    early = CONNECTOR.post_metrics(session, fresh(session, account), [published.remote_id, "gone"], now=timezone.now())
    net.wait(9 * 86_400)
    now = timezone.now() + timedelta(days=9)

    late = CONNECTOR.post_metrics(session, fresh(session, account), [published.remote_id], now=now)

    assert early.keys() == late.keys() == {published.remote_id}
    numbers = late[published.remote_id]
    assert early[published.remote_id].own.keys() == {"likes", "comments"}
    assert numbers.own.keys() == {"likes", "comments", "shares"}
    assert numbers.engagement == sum(numbers.own.values())
    assert numbers.impressions
    standing = CONNECTOR.account_metrics(session, fresh(session, account), now=now)
    assert (standing.posts, standing.followers is not None) == (1, True)


def fresh(session: Session, account: Account) -> Account:
    return replace(account, access_token=CONNECTOR.refresh(session, account, now=timezone.now()).access_token)
