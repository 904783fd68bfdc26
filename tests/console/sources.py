"""The sentences that stand in the product's sources, read off their syntax."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.conf import settings

APPS = ("accounts", "adminapi", "analytics", "ouipost", "posts", "workspaces")
NOT_FOR_PEOPLE = ("migrations", "simulator", "management")


def modules() -> Iterator[Path]:
    """Return our modules that can say something to somebody."""
    for app in APPS:
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            if not set(NOT_FOR_PEOPLE) & set(path.parts):
                yield path


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return all that stands in a module."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def called(node: ast.AST) -> str:
    """Return the name of what this node calls, empty where it calls nothing by a name."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
    return ""


def templates(path: Path, *callers: str) -> list[str]:
    """Return the literal first arguments of these calls."""
    found = []
    for node in nodes(path):
        match node:
            case ast.Call(args=[ast.Constant(value=str() as text), *_]) if called(node) in callers:
                found.append(text)
    return found


def formatted(node: ast.JoinedStr) -> str:
    """Return an f-string with its places left empty, as in "A {}."."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
