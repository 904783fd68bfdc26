from typing import Any

import pytest

from tests.api.conftest import Keys
from tests.api.site import error_of, make_note

JSON = "application/json"
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("permissions", "reads", "writes"),
    [({"notes.read"}, 200, 403), ({"notes.write"}, 403, 201), ({"posts.read", "posts.write"}, 403, 403)],
)
def test_reading_needs_read_and_all_else_write(client_of: Keys, permissions: set[str], reads: int, writes: int) -> None:
    caller = client_of(permissions=frozenset(permissions))

    statuses = caller.get("/api/notes").status_code, caller.post("/api/notes", {"text": "a"}, JSON).status_code

    assert statuses == (reads, writes)


def test_a_refusal_names_what_is_missing_before_the_body_is_looked_at(client_of: Keys) -> None:
    caller = client_of(permissions=frozenset({"notes.read"}))

    response = caller.generic("POST", "/api/notes", b"{broken", content_type=JSON)

    assert error_of(response) == (403, "PERMISSION_DENIED", {"required": "notes.write"})


def test_a_view_that_requires_nothing_takes_any_key_but_not_nobody(client_of: Keys, client: Any) -> None:
    caller = client_of(permissions=frozenset())

    statuses = caller.get("/api/fail/closed").status_code, client.get("/api/fail/closed").status_code

    assert statuses == (409, 401)


def test_a_method_nobody_takes_is_told_to_a_key_without_permissions_too(client_of: Keys) -> None:
    caller = client_of(permissions=frozenset())

    assert caller.put("/api/notes").status_code == 405


def test_put_and_patch_are_one(client_of: Keys) -> None:
    make_note("a", status=1)
    api = client_of()

    answers = [getattr(api, method)("/api/notes/a", {"status": 1, "id": "b"}, JSON) for method in ("put", "patch")]

    assert [answer.json() for answer in answers] == [{"success": True, "data": {}}] * 2


def test_a_create_answers_201_with_what_stands_beside_and_a_delete_its_message(client_of: Keys) -> None:
    api = client_of()

    created = api.post("/api/notes", {"text": "hi"}, JSON)
    deleted = api.delete("/api/notes/note-1")

    assert (created.status_code, created.json()["data"].keys()) == (201, {"note", "warnings"})
    assert (created.json()["data"]["note"]["text"], created.json()["data"]["warnings"]) == ("hi", [])
    assert deleted.json() == {"success": True, "data": {"message": "Note deleted successfully", "deleted": 1}}
