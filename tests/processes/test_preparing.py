"""Whoever prepares or fills the databases does it alone, and who comes second finds it done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import fresh_database
from tests.product import Product, wait_for

pytestmark = pytest.mark.thorough

AT_WORK = """
import signal
from pathlib import Path
from django.db import connection
from ouipost.db.advisory_lock import advisory_lock
with advisory_lock(connection):
    Path({mark!r}).touch()
    signal.pause()
"""
COUNTED = """
from workspaces.models import ApiKey, User, Workspace
print(*(model.objects.count() for model in (User, Workspace, ApiKey)))
"""
POSTS = "from posts.models import Post; print(Post.objects.count())"
WAITING = "Another process is setting up this database: waiting for it to end."


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A product whose databases are empty, and of which nothing runs."""
    with fresh_database(tmp_path) as url:
        empty = Product(home=tmp_path, database_url=url)
        try:
            yield empty
        finally:
            empty.stop()


def test_two_that_prepare_an_empty_database_at_once_both_find_it_done(product: Product) -> None:
    first, second = (product.start("manage.py", "prepare") for _ in range(2))

    wait_for(lambda: None not in (first.poll(), second.poll()), what="both to end", seconds=600)

    assert (first.returncode, second.returncode) == (0, 0), product.log()
    assert product.log().count("All is ready.") == 2


def test_one_that_dies_at_it_keeps_the_next_waiting_no_longer(product: Product) -> None:
    mark = product.home / "at-work"
    other = product.start("manage.py", "shell", "-v", "0", "-c", AT_WORK.format(mark=str(mark)))
    wait_for(mark.exists, what="another process to be at work")
    waits = product.start("manage.py", "prepare")
    wait_for(lambda: WAITING in product.log(), what="the second to say that it waits")

    other.kill()

    wait_for(lambda: waits.poll() is not None, what="the second to end", seconds=600)
    assert waits.returncode == 0, product.log()


def test_several_that_make_the_first_workspace_at_once_make_one(product: Product) -> None:
    product.migrate()
    given = ("--email", "ops@example.com", "--password", "a long pass phrase", "--workspace", "Shop")
    several = [product.start("manage.py", "bootstrap", *given) for _ in range(4)]

    wait_for(lambda: all(each.poll() is not None for each in several), what="all to end", seconds=600)

    assert [each.returncode for each in several] == [0] * 4, product.log()
    assert product.manage("shell", "-v", "0", "-c", COUNTED).split() == ["1", "1", "1"]
    assert product.log().count("api_key: pk_live_") == 1


def test_two_that_make_the_demo_at_once_both_tell_the_one_that_there_is(product: Product) -> None:
    for prepare in (product.migrate, product.web, product.wait_until_ready):
        prepare()

    both = [product.start("manage.py", "load_demo", "--json") for _ in range(2)]
    wait_for(lambda: all(each.poll() is not None for each in both), what="both to end", seconds=600)

    assert [each.returncode for each in both] == [0, 0], product.log()
    kept = (product.home / "demo.json").read_text()
    assert [line for line in product.log().splitlines() if '"password"' in line] == [kept] * 2
    assert product.manage("shell", "-v", "0", "-c", POSTS).split() == ["3"]
