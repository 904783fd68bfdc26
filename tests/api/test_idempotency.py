import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from ouipost.api import idempotency
from ouipost.api.models import StoredAnswer
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.db.pruning import remove_all
from ouipost.errors import DomainError, InvalidInput
from tests.api.conftest import Keys
from tests.api.site import NOW, Calls, NoteClosed, error_of, make_note
from tests.foundation.threads import wait_until

JSON = "application/json"
pytestmark = pytest.mark.django_db(transaction=True)


def post(api: Client, text: str = "hi", *, key: str = "k", path: str = "/api/notes", **headers: str) -> Any:
    body = json.dumps({"text": text}).encode()
    return api.generic("POST", path, body, content_type=JSON, headers={"Idempotency-Key": key} | headers)


def put(api: Client, *, key: str = "k", **values: Any) -> Any:
    return api.put("/api/notes/a", values, content_type=JSON, headers={"Idempotency-Key": key})


def raising(error: Exception) -> Any:
    def work() -> None:
        raise error

    return work


def kept() -> list[int | None]:
    return list(StoredAnswer.objects.exclude(owner="me").order_by("created_at").values_list("status", flat=True))


def notes() -> int:
    return StoredAnswer.objects.filter(owner="me").count()


def test_without_a_key_each_request_does_its_work(api: Client) -> None:
    for _ in range(2):
        api.post("/api/notes", {"text": "hi"}, JSON)
        api.post("/api/notes/call", {"text": "hi"}, JSON)
        api.post("/api/notes/upload", {"file": SimpleUploadedFile("a.png", b"123"), "alt": "A loaf"})

    assert (notes(), Calls.count, kept()) == (2, 6, [])


@pytest.mark.parametrize("key", ["", "a" * 256, "tab\tbed", "caf\u00e9"])
def test_a_key_of_another_form_is_refused(api: Client, key: str) -> None:
    response = post(api, key=key)

    fields = {"Idempotency-Key": ["Must be 1 to 255 printable ASCII characters."]}
    assert error_of(response) == (400, "VALIDATION_ERROR", {"fields": fields})
    assert Calls.count == 0


def test_a_change_is_replayed_though_it_would_be_refused_by_now_but_no_secret_of_it(api: Client) -> None:
    note = make_note("a", status=1)
    first = put(api, status=1)
    StoredAnswer.objects.exclude(owner="me").update(sealed="a secret, which nobody may open here")
    StoredAnswer.objects.filter(pk=note.pk).update(status=2)

    again, other_body, other_key = put(api, status=1), put(api, status=3), put(api, status=1, key="other")

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert error_of(other_body)[:2] == (422, "IDEMPOTENCY_KEY_REUSED")
    assert error_of(other_key)[:2] == (400, "VALIDATION_ERROR")


def test_a_key_that_was_used_is_told_so_before_what_is_wrong_with_another_body(api: Client) -> None:
    wrong, path = "too long for a note's text", "/api/notes/call"
    meanwhile: list[Any] = []
    Calls.work = lambda: meanwhile.append(post(api, wrong, path=path))

    post(api, path=path)
    afterwards, other_key = post(api, wrong, path=path), post(api, wrong, path=path, key="other")

    assert [error_of(each)[:2] for each in (*meanwhile, afterwards)] == [(422, "IDEMPOTENCY_KEY_REUSED")] * 2
    assert error_of(other_key)[:2] == (400, "VALIDATION_ERROR")


def test_while_the_first_request_runs_the_same_is_told_to_wait_though_it_would_be_refused_by_now(api: Client) -> None:
    make_note("a", status=1)
    put(api, status=1)
    StoredAnswer.objects.filter(pk="a").update(status=2)
    running = StoredAnswer.objects.exclude(owner="me")
    running.update(status=None, lease_until=database_now() + timedelta(seconds=30))
    during = put(api, status=1)
    running.update(lease_until=database_now() - timedelta(seconds=1))

    after_its_death = put(api, status=1)

    assert error_of(during) == (409, "IDEMPOTENCY_IN_PROGRESS", {"retry_after": 1})
    assert error_of(after_its_death)[:2] == (400, "VALIDATION_ERROR")


def test_a_kept_answer_is_not_shown_to_who_may_no_longer_ask(api: Client, client_of: Keys) -> None:
    make_note("a")
    api.delete("/api/notes/a", headers={"Idempotency-Key": "k"})
    client_of(permissions=frozenset({"notes.read"}))

    response = api.delete("/api/notes/a", headers={"Idempotency-Key": "k"})

    assert error_of(response)[:2] == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("path", ["/api/notes", "/api/notes/call"])
@pytest.mark.parametrize("status", [409, 422])
def test_a_refusal_by_a_rule_is_kept_and_its_work_undone(
    api: Client, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    monkeypatch.setattr(NoteClosed, "status", status)
    Calls.work = raising(NoteClosed(since="noon"))
    first = post(api, path=path)
    Calls.work = None

    second = post(api, path=path)

    assert error_of(first) == error_of(second) == (status, "NOTE_CLOSED", {"since": "noon"})
    assert "Idempotent-Replayed" not in first.headers
    assert (second.headers["Idempotent-Replayed"], Calls.count, notes()) == ("true", 1, 0)


class NotFound(DomainError):
    code, status = "WORKSPACE_NOT_FOUND", 404


@pytest.mark.parametrize("path", ["/api/notes", "/api/notes/call"])
@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), NotFound(), InvalidInput(text=["No."]), OperationalError(2006, "gone")]
)
def test_any_other_failure_frees_the_key(api: Client, error: Exception, path: str) -> None:
    Calls.work = raising(error)
    failed = post(api, path=path)
    Calls.work = None

    again = post(api, path=path)

    assert failed.status_code in (400, 404, 500, 503)
    assert again.status_code in (200, 201)
    assert "Idempotent-Replayed" not in again.headers


def lose() -> None:
    with connection.cursor() as cursor:
        cursor.execute("KILL CONNECTION_ID()")


def lose_behind_an_error() -> None:
    """Lose the connection within a savepoint, after an error that whoever makes it has an answer to."""
    with suppress(IntegrityError), transaction.atomic():
        with suppress(OperationalError):
            lose()
        raise IntegrityError


@pytest.mark.on_servers
@pytest.mark.parametrize(("work", "path"), [(lose, "/api/notes/call"), (lose_behind_an_error, "/api/notes")])
def test_a_connection_that_is_lost_in_the_work_frees_the_key(api: Client, work: Any, path: str) -> None:
    Calls.work = work
    failed = post(api, path=path)
    Calls.work = None

    assert (failed.status_code, post(api, path=path).status_code // 100) == (503, 2)


def test_a_beginning_whose_commit_nobody_confirmed_frees_the_key(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def commit_and_lose(work: Any) -> None:
        in_transaction(work)
        raise OperationalError(2013, "Lost connection to server during query")

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "in_transaction", commit_and_lose)
        failed = post(api)

    again = post(api)

    assert (failed.status_code, again.status_code, notes()) == (503, 201, 1)


def test_a_key_that_cannot_be_freed_does_not_hide_what_failed_first(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Calls.work = raising(NotFound())
    monkeypatch.setattr(idempotency, "release_old_connections", raising(OperationalError(2006, "gone")))

    failed = post(api)

    assert error_of(failed)[:2] == (404, "WORKSPACE_NOT_FOUND")
    assert "was not freed" in caplog.text


def test_while_the_first_request_or_its_retry_runs_the_next_is_told_to_wait(api: Client) -> None:
    waiting: list[Any] = []
    Calls.work = lambda: waiting.append(post(api, path="/api/notes/call"))

    first = post(api, path="/api/notes/call")
    StoredAnswer.objects.update(status=None, lease_until=database_now() - timedelta(seconds=1))
    after_its_death = post(api, path="/api/notes/call")

    assert (first.status_code, after_its_death.status_code, len(waiting)) == (200, 200, 2)
    for each in waiting:
        assert error_of(each) == (409, "IDEMPOTENCY_IN_PROGRESS", {"retry_after": 1})
        assert each.headers["Retry-After"] == "1"


def test_a_request_that_died_leaves_its_key_to_the_retry_when_the_lease_is_over(api: Client) -> None:
    post(api)
    lost = StoredAnswer.objects.exclude(owner="me")
    lost.update(status=None, body="", lease_until=database_now() + timedelta(seconds=30))
    during = post(api)
    lost.update(lease_until=database_now() - timedelta(seconds=1))

    other, after = post(api, "another body"), post(api)

    assert (during.status_code, other.status_code, after.status_code) == (409, 422, 201)
    assert (notes(), kept()) == (2, [201])


def test_a_key_that_is_freed_between_two_looks_is_taken_and_is_no_other(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(api, key="other")
    post(api)
    running = StoredAnswer.objects.filter(body__contains="note-2")
    running.update(status=None, lease_until=database_now() + timedelta(seconds=30))

    def free_instead(*_: Any) -> bool:
        running.delete()
        return False

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "_take_over", free_instead)
        taken = post(api)

    assert (taken.status_code, "Idempotent-Replayed" in taken.headers, notes()) == (201, False, 3)


OTHER_SECRET = "another secret that is long enough to be one"


def mark_of(send: Callable[[], Any]) -> str:
    """Return the mark that is stored of the body of a request, and forget the request."""
    send()
    rows = StoredAnswer.objects.exclude(owner="me")
    mark = str(rows.values_list("fingerprint", flat=True).get())
    rows.delete()
    return mark


@pytest.mark.parametrize("kind", ["JSON", "form"])
def test_nobody_can_check_a_guess_of_a_password_in_a_body_without_the_installations_secret(
    api: Client, settings: Settings, kind: str
) -> None:
    send = (lambda: upload(api)) if kind == "form" else (lambda: post(api))
    first, again = mark_of(send), mark_of(send)
    settings.SECRET_KEY = OTHER_SECRET

    elsewhere = mark_of(send)

    assert (first == again, first == elsewhere, len(first)) == (True, False, 64)
    assert first != hashlib.sha256(b'{"text": "hi"}').hexdigest()


@pytest.mark.parametrize(("is_kept", "of_another"), [(True, 422), (False, 201)])
def test_a_request_is_repeated_safely_though_the_secret_was_changed(
    api: Client, settings: Settings, is_kept: bool, of_another: int
) -> None:
    """Once the old secret is gone nobody can tell whether the body is another, and doing it twice would be worse."""
    first = post(api)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER_SECRET, [settings.SECRET_KEY] if is_kept else []

    again, other = post(api), post(api, "another body")

    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (201, first.content, "true")
    assert (other.status_code, notes()) == (of_another, 1)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_request_that_died_leaves_its_key_to_the_retry_though_the_secret_was_changed(
    api: Client, settings: Settings, is_kept: bool
) -> None:
    post(api)
    lost = StoredAnswer.objects.exclude(owner="me")
    lost.update(status=None, body="", lease_until=database_now() - timedelta(seconds=1))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER_SECRET, [settings.SECRET_KEY] if is_kept else []

    answers = [post(api) for _ in range(2)]

    assert [each.status_code for each in answers] == [201, 201]
    assert (notes(), kept(), answers[1].headers["Idempotent-Replayed"]) == (2, [201], "true")


def ask(api: Client) -> Any:
    return post(api, path="/api/notes/call")


def upload(api: Client) -> Any:
    form = {"file": SimpleUploadedFile("a.png", b"123"), "alt": "A loaf"}
    return api.post("/api/notes/upload", form, headers={"Idempotency-Key": "k"})


@pytest.mark.parametrize("send", [ask, upload], ids=["at a network", "with a file"])
def test_a_key_stays_with_work_that_takes_longer_than_its_lease(
    api: Client, monkeypatch: pytest.MonkeyPatch, send: Callable[[Client], Any]
) -> None:
    monkeypatch.setattr(idempotency, "EXTEND_SECONDS", 0.01)
    running, second = StoredAnswer.objects.filter(status=None), list[Any]()

    def take_long() -> None:
        Calls.work = None
        running.update(lease_until=database_now())
        wait_until(lambda: running.filter(lease_until__gt=database_now() + timedelta(seconds=30)).exists())
        second.append(send(api))

    Calls.work = take_long
    first = send(api)

    assert error_of(second[0])[:2] == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert (first.json()["data"], send(api).json()["data"]) == ({"calls": 1}, {"calls": 1})


def test_work_that_lost_its_lease_is_undone_and_a_call_that_did_is_told(api: Client) -> None:
    def take_over() -> None:
        StoredAnswer.objects.exclude(owner="me").update(owner="thief")

    Calls.work = take_over

    undone, called = post(api), post(api, path="/api/notes/call")

    assert error_of(undone) == (409, "IDEMPOTENCY_IN_PROGRESS", {"retry_after": 1})
    assert (notes(), called.json()["data"]) == (0, {"calls": 2})


def test_a_request_that_fails_after_another_took_its_key_leaves_that_one_the_key(api: Client) -> None:
    def take_over() -> None:
        StoredAnswer.objects.exclude(owner="me").update(owner="thief")
        raise RuntimeError

    Calls.work = take_over
    failed = post(api, path="/api/notes/call")
    Calls.work = None

    assert (failed.status_code, error_of(post(api, path="/api/notes/call"))[1]) == (500, "IDEMPOTENCY_IN_PROGRESS")


def test_an_answer_is_kept_for_a_day(api: Client) -> None:
    post(api)
    rows, begun = StoredAnswer.objects.exclude(owner="me"), database_now() - timedelta(hours=24)
    rows.update(created_at=begun + timedelta(minutes=1), lease_until=begun + timedelta(minutes=2))
    again = post(api)
    rows.update(created_at=begun - timedelta(seconds=1))

    responses = [post(api, "another body") for _ in range(2)]

    assert [each.headers.get("Idempotent-Replayed") for each in (again, *responses)] == ["true", None, "true"]
    assert (responses[0].status_code, notes(), kept()) == (201, 2, [201])


def test_a_change_that_is_refused_by_now_is_not_replayed_after_a_day(api: Client) -> None:
    note = make_note("a", status=1)
    put(api, status=1)
    StoredAnswer.objects.filter(pk=note.pk).update(status=2)
    StoredAnswer.objects.exclude(owner="me").update(created_at=database_now() - timedelta(hours=24, seconds=1))

    assert error_of(put(api, status=1))[:2] == (400, "VALIDATION_ERROR")


def test_old_answers_are_forgotten() -> None:
    for number in range(5):
        make_note(f"old-{number}", created_at=NOW - timedelta(hours=24, seconds=1))
    make_note("young", created_at=NOW - timedelta(hours=23))

    forgotten = remove_all(idempotency.old(NOW))

    assert forgotten == 5
    assert StoredAnswer.objects.get().pk == "young"


def test_neither_key_nor_workspace_is_stored_in_clear(api: Client) -> None:
    post(api, key="my-secret-key", **{"X-Workspace-ID": "ws_secret"})

    row = StoredAnswer.objects.exclude(owner="me").values().get()

    assert re.fullmatch("[0-9a-f]{64}", row["digest"])
    assert "secret" not in json.dumps(row, default=str)


def test_an_upload_is_the_same_where_fields_and_bytes_are(api: Client) -> None:
    def upload(content: bytes, alt: str = "a") -> Any:
        data = {"file": SimpleUploadedFile("a.png", content), "alt": alt}
        return api.post("/api/notes/upload", data, headers={"Idempotency-Key": "k"})

    first, same = upload(b"x" * 100_000), upload(b"x" * 100_000)
    other_file, other_field = upload(b"y" * 100_000), upload(b"x" * 100_000, alt="b")

    assert (first.status_code, same.headers["Idempotent-Replayed"]) == (201, "true")
    assert (other_file.status_code, other_field.status_code) == (422, 422)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(1213, "Deadlock found"),
        OperationalError(1205, "Lock wait timeout exceeded"),
        OperationalError(1020, "Record has changed"),
        OperationalError("database is locked"),
    ],
)
@pytest.mark.parametrize("key", [True, False])
def test_a_lost_race_runs_the_whole_transaction_again(api: Client, error: Exception, key: bool) -> None:
    failures = iter([error] * 4)

    def lose() -> None:
        for failure in failures:
            raise failure

    Calls.work = lose

    response = post(api) if key else api.post("/api/notes", {"text": "hi"}, JSON)

    assert (response.status_code, Calls.count, notes()) == (201, 5, 1)


def test_a_race_lost_five_times_is_503(api: Client) -> None:
    Calls.work = raising(OperationalError(1213, "Deadlock found"))

    response = post(api)

    assert error_of(response) == (503, "SERVICE_UNAVAILABLE", {})
    assert (Calls.count, notes(), kept()) == (5, 0, [])


def test_committed_work_is_neither_run_again_nor_forgotten_when_what_follows_fails(api: Client) -> None:
    def ring() -> None:
        raise OperationalError(1213, "Deadlock found")

    Calls.work = lambda: transaction.on_commit(ring)
    failed = post(api)
    Calls.work = None

    retried = post(api)

    assert (failed.status_code, retried.status_code) == (503, 201)
    assert (retried.headers["Idempotent-Replayed"], Calls.count, notes()) == ("true", 1, 1)


def test_work_is_in_a_transaction_of_its_own_and_network_work_in_none(api: Client) -> None:
    inside: list[bool] = []
    Calls.work = lambda: inside.append(connection.in_atomic_block)

    post(api)
    post(api, path="/api/notes/call")

    assert inside == [True, False]
