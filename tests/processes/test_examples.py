"""The examples of the pages, run as they stand against a demo: what they print has all that the page shows of it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.product import ROOT, Product, wait_for
from tests.services import free_port

pytestmark = [pytest.mark.crash, pytest.mark.any_database]
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
KEY = re.compile(r'"(\w+)":')
WORD = re.compile(r"^(?:[a-z_.]+(?: \d (?:None|\w+))?|True)$", re.MULTILINE)
MADE_BY_EMBEDDED_MODE = ("SECRET_KEY", "TOKEN_KEYS", "SIMULATOR_TOKEN")
OF_THE_API = ("docs/scheduling.md", "docs/analytics.md")
"""They use the words that docs/api.md begins with."""
PAGES = ("README.md", "docs/api.md", "docs/admin.md", "docs/webhooks.md", "docs/sandbox.md", *OF_THE_API)
TEMPORARY = "/tmp/"  # noqa: S108 (where the pages put files)
END = "=== the end of an example"


@dataclass(frozen=True, kw_only=True)
class Example:
    """Commands, and what the page shows right behind them."""

    commands: str
    shown: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The demo of `make run`, which may call this machine."""
    home = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patched:
        for name in MADE_BY_EMBEDDED_MODE:
            patched.delenv(name, raising=False)
        patched.setenv("OUTBOUND_ALLOW", "127.0.0.0/8")
        product = Product(home=home, database_url=f"sqlite:///{home}/ouipost.sqlite3", speed=1)
        try:
            product.start("manage.py", "serve", "--demo")
            wait_for(lambda: "Workspace   ws_" in product.log(), what="the demo")
            yield product
        finally:
            product.stop()


def examples(page: str) -> list[Example]:
    """Return the commands of a page, each with the blocks that follow it without a word between."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[Example] = []
    ends = -1
    for block in BLOCK.finditer(text):
        body = re.sub(rf"^{block[1]}", "", block[3], flags=re.MULTILINE)
        if block[2] == "sh":
            found.append(Example(commands=body, shown=""))
        elif found and not text[ends : block.start()].strip():
            found[-1] = Example(commands=found[-1].commands, shown=found[-1].shown + body)
        else:
            continue
        ends = block.end()
    return found


def ran(page: str, product: Product, folder: Path) -> list[tuple[Example, str]]:
    """Run the examples of a page in one shell; return each with what it printed."""
    before = examples("docs/api.md")[:2] if page in OF_THE_API else []
    all_of_them = [*before, *examples(page)]
    for name, target in {"var": product.home, ".venv": Path(sys.prefix), "manage.py": ROOT / "manage.py"}.items():
        (folder / name).symlink_to(target)
    receiver = str(free_port())
    for code in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        (folder / "receiver.py").write_text(code.replace("9100", receiver))
    script = f"\necho; echo '{END}'\n".join(each.commands for each in all_of_them)
    for told, here in {"http://127.0.0.1:8000": product.base, "9100": receiver, TEMPORARY: f"{folder}/"}.items():
        script = script.replace(told, here)
    done = subprocess.run(
        ["/bin/bash", "-c", script], cwd=folder, env=product.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(zip(all_of_them, done.stdout.split(END), strict=True))


@pytest.mark.parametrize("path", PAGES)
def test_every_example_prints_what_its_page_shows(demo: Product, tmp_path: Path, path: str) -> None:
    for example, printed in ran(path, demo, tmp_path):
        lacking = {key for key in KEY.findall(example.shown) if f'"{key}"' not in printed}
        lacking |= {word for word in WORD.findall(example.shown) if word not in printed.splitlines()}
        assert not lacking, f"{example.commands}\nprinted no {lacking}:\n{printed}"
