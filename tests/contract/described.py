"""Answers beside what /api/schema and /admin/schema say of them."""

from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it comes without types


def assert_described(response: Any, schema: Any, method: str, path: str) -> None:
    """Fail where an answer has another shape than the one that the schema gives for it."""
    answers = schema["paths"][path][method]["responses"]
    described = answers[str(response.status_code)]["content"]["application/json"]["schema"]
    validator = Draft202012Validator(described | {"components": schema["components"]})
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(response.json())] == []
