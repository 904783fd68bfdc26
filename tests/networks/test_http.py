"""Reading answers that may hold anything."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.platforms.errors import ProcessingFailed, Rejected, Unknown
from accounts.platforms.http import (
    LONGEST_WAIT,
    bearer,
    decoded,
    dig,
    dig_count,
    dig_list,
    dig_text,
    facts_of,
    is_unclear,
    moment,
    parsed,
    reset_after,
    retry_after,
    said,
)
from accounts.platforms.tiktok import errors as tiktok_errors
from accounts.platforms.youtube import errors as youtube_errors
from tests.networks.platform_case import NOW, make_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
)
PATHS = st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0.5", 0.5),
        (" 7 ", 7),
        ("Tue, 24 Nov 2026 10:05:00 GMT", 300),
        ("Tue, 24 Nov 2026 10:05:00 -0000", 300),
        ("Tue, 24 Nov 2026 09:00:00 GMT", None),
        ("Fri, 01 Jan 2199 00:00:00 GMT", LONGEST_WAIT),
        ("999999999", LONGEST_WAIT),
        ("0", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wait_is_a_number_or_a_date_and_at_most_a_day(
    value: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")

    assert retry_after(make_answer(429, Retry_After=value)) == seconds


@given(st.text(max_size=40))
def test_no_header_upsets_the_reading(value: str) -> None:
    for wait in (retry_after(make_answer(429, Retry_After=value)), reset_after(make_answer(Reset=value), "Reset")):
        assert wait is None or 0 < wait <= LONGEST_WAIT


def test_a_reset_is_measured_on_the_networks_clock() -> None:
    assert reset_after(make_answer(429, Reset=str(NOW.timestamp() + 60)), "Reset") == 60
    assert reset_after(make_answer(429), "Reset") is None


@pytest.mark.parametrize("date", ["no date", "Fri, 31 Dec 9999 23:59:59 -1200"])
def test_without_their_clock_ours_has_to_do(date: str) -> None:
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)
    answer = make_answer(429, Reset=str(in_a_minute.timestamp()), Date=date)

    wait = reset_after(answer, "Reset")

    assert wait is not None
    assert 50 < wait <= 60


@pytest.mark.parametrize("status", [100, 204, 301, 408, 500, 503, 599])
def test_some_statuses_leave_it_open_what_happened(status: int) -> None:
    assert is_unclear(status)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 499])
def test_others_are_a_refusal(status: int) -> None:
    assert not is_unclear(status)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"text": "a\\ud83d"}', {"text": "a?"}),
        (b'{"text": ["\xed\xa0\xbd"]}', {"text": ["?"]}),
        (b'{"\\udc00\\ud800": {"a": 1}}', {"??": {"a": 1}}),
        (b'{"text": "\\ud83d\\ude00", "raw": "\xf0\x9f\x98\x80"}', {"text": "\U0001f600", "raw": "\U0001f600"}),
    ],
    ids=["escaped", "as bytes", "in a name", "both halves"],
)
def test_half_of_a_character_is_replaced_wherever_it_stands(body: bytes, told: Any) -> None:
    assert parsed(body) == told


def test_a_whole_number_that_is_too_large_for_a_database_is_a_text() -> None:
    assert parsed(f"[{2**63 - 1}, {2**63}, -{2**63}]") == [2**63 - 1, str(2**63), f"-{2**63}"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_what_is_no_number_to_a_database_is_nothing(number: str) -> None:
    assert parsed(f'{{"size": {number}, "rate": 1.5}}') == {"size": None, "rate": 1.5}


def test_what_is_nested_deeper_than_fits_a_database_with_what_is_around_it_is_not_read() -> None:
    deepest = '[{"a": ' * 12 + "1" + "}]" * 12

    assert parsed(deepest) == json.loads(deepest)
    with pytest.raises(ValueError, match="nested too deep"):
        parsed(f"[{deepest}]")


def test_words_of_a_network_are_one_clean_line() -> None:
    told = said("X", "Bad\x00 \n\u2028text\ud83d   with EAAB" + "x" * 40, otherwise="is silent.")

    assert told == "X says: Bad text with […]"


@pytest.mark.parametrize(
    "name",
    [
        "partnerApiPostsExternal.CREATE.20260901",
        "memberCreatorPostAnalyticsOfPeople.FINDER-entity.NO_VERSION",
        "partnerApiPostsExternalEverywhere.CREATE.",
    ],
)
def test_the_name_of_what_a_token_may_not_do_is_shown(name: str) -> None:
    told = said("LinkedIn", f"Not enough permissions to access: {name}", otherwise="is silent.")

    assert told == f"LinkedIn says: Not enough permissions to access: {name}"
    assert said("LinkedIn", f"{name}{'x1' * 20}", otherwise="is silent.") == "LinkedIn says: […]"


@pytest.mark.parametrize(
    "words",
    [
        "spam_risk_user_banned_from_posting",
        "unaudited_client_can_only_post_to_private_accounts",
        "See https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide/#pull_from_url",
    ],
)
def test_a_name_and_an_address_of_words_alone_are_shown(words: str) -> None:
    assert said("TikTok", words, otherwise="is silent.") == f"TikTok says: {words}"


@pytest.mark.parametrize("token", ["abcdefgh_" * 4 + "x1", "abcdefghijklmnopqrstuvwxyzabcdefgh", "Abcdefgh-" * 4 + "x"])
def test_what_is_not_words_alone_is_taken_for_a_token(token: str) -> None:
    assert said("TikTok", f"Wrong: {token}", otherwise="is silent.") == "TikTok says: Wrong: […]"


def test_a_long_speech_is_cut() -> None:
    assert len(said("X", "very " * 500, otherwise="")) == 500


def test_a_long_code_is_cut() -> None:
    error = Rejected(**facts_of("X", make_answer(400), words=None, code="very " * 500))

    assert error.message == f"X answered with status 400 and the code {'very ' * 16}."
    assert error.network_code == "very " * 16


@pytest.mark.parametrize("given_up", [tiktok_errors.given_up, youtube_errors.given_up])
def test_a_strange_reason_is_told_on_one_short_line(given_up: Callable[[str], ProcessingFailed]) -> None:
    told = given_up("moon\nphase " * 500).message

    assert "moon phase moon" in told
    assert len(told) < 200


@pytest.mark.parametrize("nothing", [None, "", "\n", 7, {}])
def test_a_silent_network_is_spoken_for(nothing: Any) -> None:
    assert said("X", nothing, otherwise="answered with status 400.") == "X answered with status 400."


@given(JSON, PATHS)
def test_any_answer_can_be_dug_into(value: Any, path: list[str | int]) -> None:
    assert isinstance(dig_list(value, *path), list)
    assert isinstance(dig_text(value, *path), str)
    assert dig_count(value, *path) is None or isinstance(dig_count(value, *path), int)


def test_what_is_there_is_found() -> None:
    value = {"a": [{"b": "text", "n": 7, "yes": True}]}

    assert dig(value, "a", 0, "b") == "text"
    assert dig(value, "a", 1, "b") is None
    assert dig_text(value, "a", 0, "n") == "7"
    assert dig_text(value, "a", 0, "yes") == ""
    assert dig_count(value, "a", 0, "n") == 7
    assert dig_count(value, "a", 0, "yes") is None
    assert dig_list(value, "a") == [{"b": "text", "n": 7, "yes": True}]


def test_a_text_is_one_that_can_be_stored() -> None:
    assert dig_text({"name": "Rye \ud83c"}, "name") == "Rye ?"


@pytest.mark.parametrize("number", [2**63 - 1, 10**30, -(2**63)])
def test_a_number_that_makes_no_sense_is_none(number: int) -> None:
    assert dig_count({"likes": number}, "likes") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": ', b"\xff\xfe", b"[" * 100_000, b"9" * 5_000])
def test_a_body_that_is_no_json_holds_nothing(body: bytes) -> None:
    answer = make_answer(500, body=body)

    assert decoded(answer) is None
    with pytest.raises(Unknown):
        answer.json()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-24T10:00:00.000Z", NOW),
        ("2026-11-24T10:00:00+0000", NOW),
        ("2026-11-24T10:00:00", None),
        ("today", None),
    ],
)
def test_a_moment_has_an_offset(text: str, found: datetime | None) -> None:
    assert moment(text) == found


def test_a_token_goes_into_a_header() -> None:
    assert bearer("AT") == {"Authorization": "Bearer AT"}
