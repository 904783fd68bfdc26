"""Products of real processes, started once for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.databases import fresh_database
from tests.product import Product, running


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product with one worker, its engine ten times as fast."""
    home = tmp_path_factory.mktemp("product")
    with fresh_database(home) as url, running(home, url) as started:
        started.worker()
        yield started


@pytest.fixture
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product of a test's own, without a worker."""
    home = tmp_path_factory.mktemp("idle")
    with fresh_database(home) as url, running(home, url) as started:
        yield started
