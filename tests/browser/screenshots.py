"""Pictures of the console's main pages for the README: `python -m tests.browser.screenshots` writes docs/images.

The product runs with its demo, in which a bakery has been busy: posts that are out, that wait, and one that failed.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from adminapi.management.client import Client
from tests.browser.conftest import QUIET
from tests.product import ROOT, Product, wait_for
from tests.services import need

IMAGES = ROOT / "docs" / "images"
DAYS = 29
SIZE = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)
REFUSAL = json.dumps({"error": {"message": "Invalid parameter", "type": "OAuthException", "code": 100}})
TEXTS = (
    "The ovens are on.",
    "Rye, spelt, and a little patience.",
    "Croissants until ten, or until they are gone.",
    "We are closed on Monday; the dough rests too.",
    "New: a loaf with walnuts from the next village.",
    "Saturday is market day. Come early.",
)
NETWORKS = (["facebook", "twitter", "bluesky"], ["linkedin", "threads"], ["bluesky", "twitter"], ["facebook"])
DARK = "localStorage.setItem('adminTheme', JSON.stringify('dark'))"
PAGES = {
    "overview": "/console/",
    "calendar": "/console/calendar/",
    "analytics": "/console/analytics/",
    "accounts": "/console/accounts/socialaccount/",
}


def main() -> None:
    """Make every picture anew."""
    need("chromium", "chromium")
    os.environ.setdefault("SIMULATOR_TOKEN", "of no worth: the product is gone when the pictures are taken")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ouipost-screenshots-", ignore_cleanup_errors=True) as home:
        product = Product(home=Path(home), database_url=f"sqlite:///{home}/ouipost.sqlite3")
        try:
            demo = _started(product)
            _past_month(product, demo["workspace_id"])
            failed = _busy_bakery(product, demo)
            with _console(product, demo) as page:
                _take(page, product.base, failed)
            for image in IMAGES.glob("*.png"):
                Image.open(image).convert("RGB").quantize(256).save(image, optimize=True)  # a third of the bytes
        finally:
            product.stop()


def _started(product: Product) -> dict[str, str]:
    product.start("manage.py", "serve", "--demo")
    made = product.home / "demo.json"
    wait_for(lambda: made.exists() and made.read_text(), what="the demo")
    demo: dict[str, str] = json.loads(made.read_text())
    product.control = {"Authorization": f"Bearer {os.environ['SIMULATOR_TOKEN']}"}
    return demo


def _past_month(product: Product, workspace_id: str) -> None:
    """Write what was published on each day of a month, and what networks said of it on the day after."""
    os.environ |= product.environment
    django.setup()
    from accounts.models import SocialAccount
    from tests.analytics.readings import counts, publish, read

    accounts = list(SocialAccount.objects.filter(workspace=workspace_id).order_by("platform"))
    today = datetime.now(UTC).replace(hour=8, minute=30, second=0, microsecond=0)
    for day in range(DAYS, 0, -1):
        account, at = accounts[day % len(accounts)], today - timedelta(days=day)
        text = TEXTS[day % len(TEXTS)]
        target = publish(account, at=at, content=text, moment=at, created_at=at, published_at=at)
        seen = 400 + 37 * (DAYS - day) + 211 * (day % 5)
        told = counts(seen, seen // 16 + 9 * (day % 3), reach=seen * 4 // 5, clicks=seen // 30)
        read(account, at=at + timedelta(hours=20), posts={target.pk: told})


def _busy_bakery(product: Product, demo: dict[str, str]) -> str:
    """Write posts over a month, publish some, and let one fail; returns its id."""
    client = Client(product.base, api_key=demo["api_key"], workspace_id=demo["workspace_id"])
    for place, text in enumerate(TEXTS * 4):
        body = {"content": text, "platforms": NETWORKS[place % len(NETWORKS)], "hashtags": ["bakery"]}
        post = client.call("POST", "/api/posts", json=body)["post"]
        if place % 3:
            at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=7 + 17 * place)
            client.call("POST", f"/api/posts/{post['id']}/schedule", json={"scheduled_at": at.isoformat()})
        elif place % 2:
            client.call("POST", f"/api/posts/{post['id']}/publish")
    product.order(network="facebook", effect="status", status=400, body=REFUSAL)
    failing = client.call("POST", "/api/posts", json={"content": "Gingerbread is back.", "platforms": ["facebook"]})
    pk: str = failing["post"]["id"]
    client.call("POST", f"/api/posts/{pk}/publish")
    wait_for(lambda: _status(client, pk) == "failed", what="the post to fail")
    return pk


def _status(client: Client, pk: str) -> str:
    status: str = client.call("GET", f"/api/posts/{pk}")["post"]["status"]
    return status


@contextmanager
def _console(product: Product, demo: dict[str, str]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_page(viewport=SIZE)
        page.goto(f"{product.base}/console/")
        page.get_by_label("Email").fill(demo["email"])
        page.locator("input[name=password]").fill(demo["password"])
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{product.base}/console/")
        yield page
        browser.close()


def _take(page: Page, base: str, failed: str) -> None:
    for name, address in (PAGES | {"post": f"/console/posts/post/{failed}/change/"}).items():
        _shoot(page, f"{base}{address}", name)
    page.goto(f"{base}/console/compose/")
    page.get_by_label("Text", exact=True).first.fill("Gingerbread is back, and so are we. " * 9)
    for network in page.get_by_role("checkbox").all()[:3]:
        network.check()
    page.wait_for_timeout(2_000)
    page.screenshot(path=IMAGES / "compose.png")
    page.evaluate(DARK)
    _shoot(page, f"{base}/console/", "overview-dark")
    page.set_viewport_size(PHONE)
    _shoot(page, f"{base}/console/posts/post/{failed}/change/", "post-phone")


def _shoot(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(700)  # charts draw themselves
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
