"""The description of the API, its readers, and the pages that need no credential."""

import json
import re
from functools import partial
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.validation import validate_schema

from ouipost.api import docs
from ouipost.api.docs import AdminGenerator, ApiGenerator, document
from tests.contract.described import answer_of
from tests.foundation.threads import at_once

OUTSIDE = re.compile(r"""(?:src|href)=["'](?:https?:)?//|url\((?:https?:)?//|@import|@font-face""")
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)|\bon\w+=", re.IGNORECASE)


@pytest.fixture
def schema(client: Client) -> Any:
    response = client.get("/api/schema")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    return json.loads(response.content)


def data_of(operation: Any, status: str, schema: Any) -> Any:
    envelope = operation["responses"][status]["content"]["application/json"]["schema"]
    success = {"type": "boolean", "description": "true"}
    assert (envelope["required"], envelope["properties"]["success"]) == (["success", "data"], success)
    data = envelope["properties"]["data"]
    return schema["components"]["schemas"][data["$ref"].rpartition("/")[2]] if "$ref" in data else data


def test_the_description_is_valid_openapi_3_1(schema: Any) -> None:
    validate_schema(schema)

    assert schema["openapi"] == "3.1.0"


def test_a_call_is_made_with_an_api_key(schema: Any) -> None:
    scheme = schema["components"]["securitySchemes"]["ApiKey"]

    assert scheme == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    assert schema["paths"]["/api/notes"]["get"]["security"] == [{"ApiKey": []}]


def test_yaml_is_there_for_who_asks(client: Client) -> None:
    response = client.get("/api/schema", headers={"Accept": "application/yaml"})

    assert response.content.startswith(b"openapi: 3.1.0")


@pytest.mark.parametrize("accepted", ["application/json", "application/yaml"])
def test_strangers_have_it_made_once_whatever_they_ask_along(
    client: Client, monkeypatch: pytest.MonkeyPatch, accepted: str
) -> None:
    """To make it takes a second, and Django keeps what it loads for each language that is named."""
    usual = client.get("/api/schema", headers={"Accept": accepted})
    monkeypatch.setattr(ApiGenerator, "get_schema", Mock(side_effect=AssertionError))
    monkeypatch.setattr("django.utils.translation.trans_real.DjangoTranslation", Mock(side_effect=AssertionError))

    assert client.get("/api/schema", headers={"Accept": accepted}).content == usual.content
    for query in ("lang=tlh", "version=1%0d%0aX-Own: 1", "format=yaml"):
        refused = client.get(f"/api/schema?{query}", headers={"Accept": accepted})
        assert (refused.status_code, refused.headers["Content-Type"]) == (400, "application/json")
        assert list(refused.json()["error"]["details"]["fields"]) == [query.partition("=")[0]]


def test_who_asks_for_a_description_while_it_is_made_gets_the_same() -> None:
    make = partial(document, AdminGenerator, OpenApiJsonRenderer, "ouipost.urls")
    alone = make()
    docs._made.cache_clear()

    assert at_once(make, make, make) == [alone] * 3


def test_each_answer_is_shown_in_its_envelope(schema: Any) -> None:
    notes, note = schema["paths"]["/api/notes"], schema["paths"]["/api/notes/{digest}"]

    listed = data_of(notes["get"], "200", schema)
    assert listed["required"] == ["notes", "pagination"]
    assert listed["properties"]["notes"]["items"] == {"$ref": "#/components/schemas/Note"}
    for operation, status in ((notes["post"], "201"), (note["get"], "200"), (note["put"], "200")):
        assert data_of(operation, status, schema)["properties"]["note"] == {"$ref": "#/components/schemas/NoteDetail"}
    assert list(data_of(note["delete"], "200", schema)["properties"]) == ["message"]
    assert data_of(schema["paths"]["/api/plain"]["get"], "200", schema)["required"] == ["notes"]


def test_failures_are_shown_where_they_can_occur(schema: Any) -> None:
    notes, note = schema["paths"]["/api/notes"], schema["paths"]["/api/notes/{digest}"]

    failures = {
        name: {code for code in operation["responses"] if code >= "400"}
        for name, operation in (("list", notes["get"]), ("create", notes["post"]), ("show", note["get"]))
    }

    anywhere = {"400", "401", "403", "404", "406", "429", "500", "503"}
    assert failures == {"list": anywhere, "create": anywhere | {"409", "413", "415", "422"}, "show": anywhere}
    error = answer_of(schema, notes["get"], "429")["content"]["application/json"]["schema"]
    assert error == {"$ref": "#/components/schemas/Error"}
    assert schema["components"]["schemas"]["Error"]["required"] == ["success", "error"]


def parameters(operation: Any) -> dict[str, bool]:
    return {given["name"]: given.get("required", False) for given in operation["parameters"]}


def test_headers_and_query_parameters_are_shown_where_they_are_taken(schema: Any) -> None:
    notes, note = schema["paths"]["/api/notes"], schema["paths"]["/api/notes/{digest}"]

    listed = {"X-Workspace-ID": True, "status": False, "from": False, "to": False, "page": False, "limit": False}
    assert parameters(notes["get"]) == listed
    assert parameters(notes["post"]) == {"X-Workspace-ID": True, "Idempotency-Key": False}
    assert parameters(note["get"]) == {"X-Workspace-ID": True, "depth": False, "digest": True}
    assert parameters(schema["paths"]["/api/plain"]["post"]) == {"Idempotency-Key": False}


def test_a_create_requires_what_a_change_does_not_and_both_take_nothing_else(schema: Any) -> None:
    components = schema["components"]["schemas"]
    notes, note = schema["paths"]["/api/notes"], schema["paths"]["/api/notes/{digest}"]

    def body(operation: Any) -> Any:
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return components[name]

    assert body(notes["post"])["required"] == ["text"]
    assert "required" not in body(note["put"])
    assert body(note["put"]) == body(note["patch"])
    assert body(notes["post"])["additionalProperties"] is False
    assert components["SlotInput"]["additionalProperties"] is False


@pytest.mark.parametrize("path", ["/", "/api/docs", "/api/docs/redoc"])
def test_pages_load_nothing_from_elsewhere_and_no_inline_script(client: Client, path: str) -> None:
    response = client.get(path)

    page = response.content.decode()
    assert (response.status_code, '<html lang="en">' in page) == (200, True)
    assert not OUTSIDE.search(page)
    assert not INLINE_SCRIPT.search(page)


@pytest.mark.django_db  # closing an answer looks after open connections
@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/redoc"])
def test_every_asset_of_the_readers_is_served_from_here_whatever_key_is_shown(client: Client, path: str) -> None:
    page = client.get(path, headers={"X-API-Key": "pk_live_none"}).content.decode()

    assets = re.findall(r"""<(?:script|link)[^>]*(?:src|href)=["']([^"']+)["']""", page)

    assert len(assets) >= 2
    for asset in assets:
        response = client.get(asset.replace("&amp;", "&"))
        assert response.status_code == 200, asset
        response.close()


def test_the_script_of_swagger_asks_no_outside_validator(client: Client) -> None:
    script = client.get("/api/docs?script=").content.decode()

    assert '"validatorUrl": null' in script
    assert "/api/schema" in script


def test_a_wrong_method_on_the_readers_has_the_envelope(client: Client) -> None:
    response = client.post("/api/docs")

    assert (response.status_code, response.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")


def test_alive_needs_no_database(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(databases="__all__")
def test_ready_asks_each_database(client: Client) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert response.json()["checks"]["default"] == "ok"


@pytest.mark.django_db(databases="__all__")
def test_a_missing_migration_is_not_ready(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("api", "0001_initial")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert response.json()["checks"]["default"] == "migrations pending"


@pytest.mark.django_db(databases="__all__")
@pytest.mark.parametrize("error", [OperationalError("secret host"), InterfaceError(0, "secret host")])
def test_a_database_that_does_not_answer_is_not_ready_and_tells_nothing_more(client: Client, error: Error) -> None:
    def refuse(*_: Any) -> None:
        raise error

    with connection.execute_wrapper(refuse):
        response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["default"] == "unreachable"
    assert "secret" not in response.content.decode()
