"""No part of the product knows a network by its name: what one does is in its connector, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

from accounts import platforms

ROOT = Path(__file__).parents[2]
PARTS = ("accounts", "posts", "workspaces", "adminapi", "ouipost")
OWN = (ROOT / "accounts" / "platforms", ROOT / "ouipost" / "simulator")
NAMES = {platform.id for platform in platforms.ALL}
MODULES = sorted(
    path
    for part in PARTS
    for path in (ROOT / part).rglob("*.py")
    if "migrations" not in path.parts and not any(path.is_relative_to(own) for own in OWN)
)


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Give each network that this module names in a text of its code, or in a name; docstrings are for people."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            if node.value.lower() in NAMES:
                yield node.lineno, node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name.lower() in NAMES - {"threads"}:  # those of a process are called so, too
                yield node.lineno, name


def test_a_module_names_no_network() -> None:
    named = {str(path.relative_to(ROOT)): list(names_in(path)) for path in MODULES}

    assert {path: found for path, found in named.items() if found} == {}
