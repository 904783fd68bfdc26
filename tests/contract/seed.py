"""The samples of the original API reference, and how a real answer is held against one, field by field."""

import copy
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

SAMPLES = json.loads(Path(__file__).with_name("seed_samples.json").read_text(encoding="utf-8"))


def sample(endpoint: str) -> Any:
    """Return `data` of the reference's answer to `METHOD /path`."""
    return copy.deepcopy(SAMPLES["responses"][endpoint]["data"])


def request_body(endpoint: str) -> Any:
    """Return the body that the reference sends to `METHOD /path`."""
    return copy.deepcopy(SAMPLES["requests"][endpoint])


def assert_matches(response: Any, endpoint: str, *, status: int = 200, made: Collection[str] = ()) -> None:
    """Hold a whole answer against the reference: each of its fields is there, of its type, with its value."""
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"success", "data"}
    assert body["success"] is True
    found = list(differences(body["data"], sample(endpoint), made=made))
    assert found == [], found


def differences(answer: Any, expected: Any, *, made: Collection[str] = (), path: str = "") -> Iterator[str]:
    """Name every field in which an answer falls short of what is expected; it may have more fields.

    `made` names the paths (`posts.*.media.*.url`) whose value the product makes: of those only the type is compared.
    Ids are compared by type and prefix.
    """
    if type(answer) is not type(expected):
        yield f"{path}: {type(answer).__name__} instead of {type(expected).__name__}"
    elif isinstance(expected, dict):
        missing = [name for name in expected if name not in answer]
        yield from (f"{_inside(path, name)}: missing" for name in missing)
        for name in expected.keys() - set(missing):
            yield from differences(answer[name], expected[name], made=made, path=_inside(path, name))
    elif isinstance(expected, list):
        yield from _in_lists(answer, expected, made, path)
    elif not _is_as_good(answer, expected, path, made):
        yield f"{path}: {answer!r} instead of {expected!r}"


def _in_lists(answer: list[Any], expected: list[Any], made: Collection[str], path: str) -> Iterator[str]:
    if len(answer) != len(expected):
        yield f"{path}: {len(answer)} items instead of {len(expected)}"
    for one, other in zip(answer, expected, strict=False):
        yield from differences(one, other, made=made, path=_inside(path, "*"))


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_as_good(answer: Any, expected: Any, path: str, made: Collection[str]) -> bool:
    if path in made:
        return True
    if path.rpartition(".")[2] == "id" and "_" in expected:
        return bool(answer.partition("_")[0] == expected.partition("_")[0])
    return bool(answer == expected)
