"""The sentences that stand in the product's sources, read off their syntax, and those of them that a page shows."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path

import polib
from django.conf import settings

APPS = ("accounts", "adminapi", "analytics", "ouipost", "posts", "workspaces")
NOT_FOR_PEOPLE = ("migrations", "simulator", "management")
PIECES = re.compile(r"\{\w+[^}]*\}|%\(\w+\)[sd]|\n")


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


def french_texts() -> dict[str, str]:
    """Return the French text of each text of ours."""
    po = polib.pofile(str(settings.BASE_DIR / "locale/fr/LC_MESSAGES/django.po"))
    return {entry.msgid: entry.msgstr for entry in po if entry.msgstr}


def english_in(page: str, catalogue: dict[str, str]) -> set[str]:
    """Return our English that a page shows: whole sentences, and the longest pieces of those with values."""
    text = " ".join(unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL)).split())
    pieces = {max(PIECES.split(each), key=len).strip(" .,:;"): french for each, french in catalogue.items()}
    return {each for each, french in pieces.items() if each.count(" ") >= 2 and each not in french and each in text}
