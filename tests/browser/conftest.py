"""A real browser (Debian's Chromium) against a product of real processes with its demo."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, expect

from tests.product import Product, wait_for

expect.set_options(timeout=30_000)  # as long as a page may take to load: a busy machine is no failure
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(kw_only=True)
class Demo:
    """The running demo, and what opens it."""

    base: str
    api_key: str
    workspace_id: str
    email: str
    password: str
    product: Product

    def order(self, **fault: Any) -> None:
        """Order a fault at the simulator."""
        answer = requests.post(
            f"{self.base}/sandbox/_control/faults",
            json=fault,
            headers={"Authorization": f"Bearer {os.environ['SIMULATOR_TOKEN']}"},
            timeout=10,
        )
        assert answer.status_code == 201, answer.text

    @property
    def headers(self) -> dict[str, str]:
        """The demo's API key and workspace, as the API takes them."""
        return {"X-API-Key": self.api_key, "X-Workspace-ID": self.workspace_id}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API with the demo's key, and return the answer's data."""
        answer = requests.request(method, f"{self.base}{path}", json=body, headers=self.headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json()["data"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    return {"executable_path": shutil.which("chromium"), "args": QUIET}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo")
    product = Product(home=home, database_url=f"sqlite:///{home}/ouipost.sqlite3")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OUTBOUND_ALLOW", "127.0.0.0/8")  # receivers of webhooks are on this machine
        product.start("manage.py", "serve", "--demo")
    try:
        made = home / "demo.json"
        wait_for(lambda: made.exists() and made.read_text(), what="the demo")
        yield Demo(base=product.base, product=product, **json.loads(made.read_text()))
    finally:
        product.stop()


@pytest.fixture
def outside(page: Page, demo: Demo) -> list[str]:
    """Every address that the page asks for outside of the product, and every error that its console shows."""
    found: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((demo.base, "data:", "blob:")):
            found.append(request.url)

    page.on("request", note)
    page.on("response", lambda answer: found.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    return found


def log_in(page: Page, demo: Demo) -> None:
    """Open the console there as the demo's administrator."""
    page.goto(f"{demo.base}/console/")
    page.get_by_label("Email").fill(demo.email)
    page.locator("input[name=password]").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{demo.base}/console/")


@pytest.fixture
def staff(page: Page, demo: Demo) -> Page:
    """A page of the console, opened by the demo's administrator."""
    log_in(page, demo)
    return page


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Hold a page against axe's rules: nothing that it calls serious or critical."""

    def look(page: Page) -> None:
        found = Axe().run(page, options=LOOKED_FOR).response["violations"]
        assert [_told(each) for each in found if each["impact"] in SERIOUS] == []

    return look


SERIOUS = ("serious", "critical")
LOOKED_FOR = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}


def _told(violation: dict[str, Any]) -> str:
    """Return the rule and where it is broken."""
    places = [node["html"][:300] for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}: {places}"
