"""The small site, a caller that may do everything, and counters at zero."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from ouipost.api import limits
from tests.api import site
from tests.api.site import Calls, FakeKey

Keys = Callable[..., Client]


@pytest.fixture(autouse=True)
def _small_site(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.api.site"
    site.KEYS.clear()
    limits.IN_PROCESS.reset()
    Calls.count, Calls.work = 0, None
    yield
    Calls.work = None


@pytest.fixture
def client_of() -> Keys:
    """Return a client that shows a key with these properties; exceptions are answered, as in production."""

    def make(pk: str = "key_full", **values: Any) -> Client:
        site.KEYS[pk] = FakeKey(pk=pk, **values)
        return Client(raise_request_exception=False, headers={"X-API-Key": pk})

    return make


@pytest.fixture
def api(client_of: Keys) -> Client:
    return client_of()
