"""What the console's pages cost with a million posts: how many queries, and how long the first one takes beside itself
with a hundredth of the posts, and beside the dashboard of the admin API in the same run."""

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

from django.test import Client

from bench.admin import ROUNDS, Cost, cost_of, milliseconds
from bench.admin_data import World, installation
from bench.analytics_data import POSTS
from bench.goals import Goal, aligned, shown
from workspaces.models import Role, User

FEW = POSTS // 100
MOST = 20
DASHBOARDS = 5
"""The first page may take as long as so many dashboards of the admin API."""
OVERVIEW, DASHBOARD = "/console/", "/admin/dashboard"
MEMBERS = "member@example.com"
Ask = Callable[[], object]


def run() -> list[Goal]:
    """Open the pages of an installation with few posts, then of one with a million."""
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    with installation(FEW) as world:
        few = _read(_pages(world))
    with installation(POSTS) as world:
        many = _read(_pages(world))
    print(_told(few, many))
    pages = {name: cost for name, cost in many.items() if name.startswith("/console/")}
    return [
        Goal(
            number="C",
            sentence=f"of {len(pages)} console pages: take more than {MOST} queries",
            unit="",
            figure=sum(cost.queries > MOST for cost in pages.values()),
            at_most=0,
        ),
        *(
            Goal(
                number="C",
                sentence=f"{name}, beside {'itself with a hundredth of the posts' if base is few else DASHBOARD}",
                unit="ms",
                figure=many[name].milliseconds,
                baseline=base[name if base is few else DASHBOARD].milliseconds,
                at_most=None if base is few else DASHBOARDS,
            )
            for name in (OVERVIEW, f"{OVERVIEW}, a member")
            for base in (few, many)
        ),
    ]


def _pages(world: World) -> Mapping[str, Ask]:
    """Return what is opened: by an administrator, by a member of some workspaces, and through the API."""
    User.objects.filter(email=MEMBERS).update(permissions=None, role=Role.EDITOR)
    administrator = _browser(User.objects.filter(role=Role.ADMIN).order_by("pk")[0])
    member = _browser(User.objects.get(email=MEMBERS))
    token = {"Authorization": f"Bearer {world.token}"}
    numbers = f"{OVERVIEW}analytics/"
    return {
        OVERVIEW: partial(_open, administrator, OVERVIEW),
        f"{OVERVIEW}, a member": partial(_open, member, OVERVIEW),
        numbers: partial(_open, administrator, numbers),
        f"{numbers}?workspace=…&period=1y": partial(
            _open, administrator, f"{numbers}?workspace={world.ids['workspaces']}&period=1y"
        ),
        f"{numbers}, a member": partial(_open, member, numbers),
        DASHBOARD: partial(_open, Client(SERVER_NAME="127.0.0.1", headers=token), DASHBOARD),
    }


def _browser(user: User) -> Client:
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(user)
    return browser


def _open(browser: Client, address: str) -> None:
    answer = browser.get(address, secure=True)
    if answer.status_code != 200:
        sys.exit(f"{address}: {answer.status_code} {answer.content.decode()[:2000]}")


def _read(pages: Mapping[str, Ask]) -> dict[str, Cost]:
    """Return what each costs: the queries of one, and the median time of several in turns."""
    for ask in pages.values():
        ask()
    costs = {name: cost_of(ask) for name, ask in pages.items()}
    taken: dict[str, list[float]] = {name: [] for name in pages}
    for number in range(ROUNDS):
        for name in pages if number % 2 == 0 else list(pages)[::-1]:
            taken[name].append(milliseconds(pages[name]))
    return {
        name: Cost(queries=cost.queries, sent=cost.sent, milliseconds=median(taken[name]))
        for name, cost in costs.items()
    }


def _told(few: Mapping[str, Cost], many: Mapping[str, Cost]) -> str:
    heading = ("page", "queries", "ms", f"beside {DASHBOARD}", f"beside itself with {FEW:,} posts")
    rows = [
        (
            name,
            shown(cost.queries),
            shown(cost.milliseconds),
            shown(cost.milliseconds / many[DASHBOARD].milliseconds),
            shown(cost.milliseconds / few[name].milliseconds),
        )
        for name, cost in many.items()
    ]
    return aligned([heading, *rows])
