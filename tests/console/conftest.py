"""An administrator's browser, and what a page says."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import make_user


@pytest.fixture
def staff(db: None) -> Client:
    """The browser of an administrator; a module about somebody who may do less has its own."""
    client = Client()
    client.force_login(make_user(email="staff@example.com"))
    return client


def text_of(response: Any, status: int = 200) -> str:
    """Return the page of an answer that must have this status."""
    assert response.status_code == status, response
    text: str = response.content.decode()
    return text
