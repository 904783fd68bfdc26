"""An administrator's browser, and what a page says."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
import time_machine
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts import registry
from adminapi.console.calendar import page as calendar_page
from adminapi.jobs import running
from adminapi.monitoring import figures
from ouipost.db.locks import in_transaction
from tests.accounts.fakes import FakeNetwork
from tests.factories import NOW, make_user
from workspaces.models import Membership, Role, User, Workspace


@pytest.fixture
def staff(db: None) -> Client:
    """The browser of an administrator; a module about somebody who may do less has its own."""
    return browser_of(make_user(email="staff@example.com"))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    """A network on paper in the place of all."""
    fake = FakeNetwork()
    monkeypatch.setattr(registry, "connector", lambda platform, workspace: fake)
    return fake


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop the clocks at the factories' NOW, for modules whose pages tell the time."""
    for each in (figures, calendar_page):
        monkeypatch.setattr(each, "database_now", timezone.now)
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def jobs_in_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job be done in one step however slow the machine is just now; a test of the steps makes them short."""
    monkeypatch.setattr(running, "STEP", timedelta(hours=1))


def browser_of(user: User, **options: Any) -> Client:
    """Return a browser in which this user is logged in."""
    browser = Client(**options)
    browser.force_login(user)
    return browser


def member_of(*workspaces: Workspace, **values: Any) -> User:
    """Return a user, an editor unless something else is said, who works in these workspaces."""
    user = make_user(**{"email": "editor@example.com", "role": Role.EDITOR} | values)
    Membership.objects.bulk_create(Membership(workspace=each, user=user) for each in workspaces)
    return user


def page_of(row: Model, action: str = "change") -> str:
    """Return the address of the page of a row, or of one of its actions."""
    return f"/console/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/{action}/"


def listed(browser: Client, page: str, queries: Iterable[str], *, by: str = "name") -> dict[str, list[str]]:
    """Return what the list shows for each of these queries, by a field of its rows."""
    rows = {query: browser.get(f"{page}?{query}").context["cl"].result_list for query in queries}
    return {query: sorted(getattr(row, by) for row in found) for query, found in rows.items()}


def comes_between(
    monkeypatch: pytest.MonkeyPatch, where: ModuleType, change: Callable[[], object], *, after: int = 0
) -> None:
    """Have another person's change come after this module has read what a page sends, and before it begins a
    transaction for it; it begins this many others before that."""
    changes = iter([*[lambda: None] * after, change])

    def overtaken(work: Callable[[], Any]) -> Any:
        next(changes, lambda: None)()
        return in_transaction(work)

    monkeypatch.setattr(where, "in_transaction", overtaken)


def told(browser: Client, answer: Any) -> str:
    """Follow a redirect, and return the messages of the console's next page."""
    assert answer.status_code == 302
    page = browser.get(answer["Location"])
    return " ".join(str(message) for message in page.context["messages"])


def made_as(page: Any) -> dict[str, str]:
    """Return what the page of a form that adds a row sends along: the id that the row gets."""
    return dict(re.findall(r'<input type="hidden" name="(made_as)" value="([^"]+)"', page.content.decode()))


def text(answer: Any) -> str:
    """Return the page of an answer, whatever its status."""
    return str(answer.content.decode())


def confirmation(answer: Any) -> dict[str, str]:
    """Return what a page that asks sends when it is confirmed."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode()))


def text_of(response: Any, status: int = 200) -> str:
    """Return the page of an answer that must have this status."""
    assert response.status_code == status, response
    return text(response)
