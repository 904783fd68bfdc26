import pytest

from tests.api.conftest import Keys
from tests.api.site import make_note

JSON = "application/json"
pytestmark = pytest.mark.django_db


def test_a_method_nobody_takes_is_told_to_a_key_without_permissions_too(client_of: Keys) -> None:
    caller = client_of(permissions=frozenset())

    assert caller.put("/api/notes").status_code == 405


def test_put_and_patch_are_one(client_of: Keys) -> None:
    make_note("a", status=1)
    api = client_of()

    answers = [getattr(api, method)("/api/notes/a", {"status": 1, "id": "b"}, JSON) for method in ("put", "patch")]

    assert [answer.json() for answer in answers] == [{"success": True, "data": {}}] * 2


def test_a_create_answers_201_without_warnings_of_nothing_and_a_delete_its_message(client_of: Keys) -> None:
    api = client_of()

    created = api.post("/api/notes", {"text": "hi"}, JSON)
    deleted = api.delete("/api/notes/note-1")

    assert (created.status_code, created.json()["data"].keys()) == (201, {"note"})
    assert created.json()["data"]["note"]["text"] == "hi"
    assert deleted.json() == {"success": True, "data": {"message": "Note deleted successfully", "deleted": 1}}
