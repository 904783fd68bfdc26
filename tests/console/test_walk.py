"""Every address of the console, read off the URL configuration, as everybody: who may, may; who may not, may not."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import Model, Q
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver

from accounts.services import disconnect
from adminapi.console.urls import urlpatterns
from adminapi.jobs.models import Job
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Webhook
from ouipost.events.webhooks import delete_webhook
from posts.models import Post
from tests.breaking import JSON_COLUMNS, MODELS_WITH_JSON, break_rows
from tests.console import sources
from tests.console.directions import TURNED, Beside, name_all
from tests.console.world import make_many, make_world
from tests.factories import (
    NOW,
    make_account,
    make_delivery,
    make_key,
    make_post,
    make_schedule,
    make_user,
    make_webhook,
    make_workspace,
)
from workspaces.keys.services import revoke_key
from workspaces.models import ApiKey, Membership, Role, User, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS, CONSOLE_PERMISSIONS
from workspaces.services import delete_workspace

pytestmark = [pytest.mark.thorough, pytest.mark.on_servers]
MOST_QUERIES = 20
MOST_OF_AN_ADMINISTRATOR = {"events_event_changelist": 10, "events_event_change": 10, "events_delivery_changelist": 9}
A_FEW = 3
"""So many more may be for what one row does not have: other workspaces, or a second page."""
QUERIES = (
    "events/event/?q=root@example.com",
    "posts/post/?workspace={workspace}&status__exact=failed&platform__exact=facebook&q=bread",
    "posts/target/?status__exact=failed",
    "connect/?workspace={workspace}",
    "analytics/?workspace={workspace}",
    "analytics/?workspace={workspace}&period=1y&network=facebook",
    "analytics/?period=1y",
)
"""Pages that take parameters, asked beside all others for what they cost."""
SHEETS = settings.BASE_DIR / "adminapi/static/console"
CLASS = re.compile(r"\.(op-[\w-]+)")
ROOT = "root"
"""Somebody with every permission: what is closed to them is closed to all."""
OTHERWISE = {"accounts_socialaccount_pause": "system.manage", "accounts_socialaccount_resume": "system.manage"}
"""What needs another permission than the model that it is about."""
LEADING_ON = ("_history", "socialaccount_add", "posts_post_add", "connect_account")
"""Ends of names of addresses that lead whoever comes to another page."""
VANISHED = re.compile(r"vanished\w+", re.IGNORECASE)
"""What everything is called that `remove_some` makes and removes."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One address and the permission that opens it; None: everybody who is logged in."""

    name: str
    address: str
    permission: str | None


def remove_some() -> None:
    """Make one of everything that can be removed, and remove it."""
    workspace = make_workspace(name="VanishedPlace")
    make_post(workspace, accounts=[make_account(workspace, name="VanishedPage")], content="VanishedText")
    make_schedule(workspace, name="VanishedSchedule")
    delete_workspace(workspace, actor=SYSTEM, now=NOW)
    account = make_account(make_workspace(), platform="twitter", name="VanishedAccount")
    disconnect(account, actor=SYSTEM, now=NOW)
    revoke_key(make_key(name="VanishedKey")[0], actor=SYSTEM, now=NOW)
    webhook = make_webhook(url="https://1.1.1.1/vanishedhook")
    make_delivery(webhook)
    delete_webhook(webhook, actor=SYSTEM, now=NOW)


@pytest.fixture
def places(db: None) -> list[Place]:
    """Every address, with a row where it names one."""
    make_world()
    delete_workspace(make_workspace(name="Closed"), actor=SYSTEM, now=NOW)
    return [*_of_models(), *_of_our_own()]


def _of_models() -> Iterator[Place]:
    for entry in admin.site.urls[0]:
        if isinstance(entry, URLResolver):
            yield from _of_model(entry)


def _of_model(resolver: URLResolver) -> Iterator[Place]:
    label, model = _model_at(str(resolver.pattern))
    if model is None:
        return
    row = model._default_manager.order_by("pk").first()
    for pattern in resolver.url_patterns:
        if not isinstance(pattern, URLPattern) or pattern.name is None:
            continue  # Django's redirect from an old form of address
        given = {name: getattr(row, "pk", "none") for name in pattern.pattern.converters}
        route = str(pattern.pattern)
        for name, value in given.items():
            route = _filled(route, name, value)
        permission = OTHERWISE.get(pattern.name, CONSOLE_PERMISSIONS[label])
        yield Place(name=pattern.name, address=f"/console/{resolver.pattern}{route}", permission=permission)


def _model_at(prefix: str) -> tuple[str, Any]:
    for model in admin.site._registry:
        if prefix == f"{model._meta.app_label}/{model._meta.model_name}/":
            return f"{model._meta.app_label}.{model._meta.model_name}", model
    return "", None


def _of_our_own() -> Iterator[Place]:
    named = {
        "pk": Post.objects.all(),
        "job": Job.objects.all(),
        "workspace": Workspace.objects.exclude(deleted_at=None),
    }
    rows = {name: found.order_by("pk").first() for name, found in named.items()}
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        for name in pattern.pattern.converters:
            route = _filled(route, name, getattr(rows[name], "pk", ""))
        permission = getattr(pattern.callback, "console_permission", None)
        yield Place(name=pattern.name or route, address=f"/console/{route}", permission=permission)


def _filled(route: str, name: str, value: Any) -> str:
    before, _, after = route.partition(f":{name}>")
    return f"{before.rpartition('<')[0]}{value}{after}"


def _client(who: str, *, permissions: Iterable[str] | None = None) -> Client:
    """Log somebody in who works in every workspace: somebody of a role, or with these permissions alone."""
    role = who if who in Role.values else Role.ADMIN
    given = None if permissions is None else list(permissions)
    user = make_user(email=f"{who}@example.com", role=role, permissions=given)
    Membership.objects.bulk_create([Membership(workspace=each, user=user) for each in Workspace.objects.all()])
    client = Client()
    client.force_login(user)
    return client


def test_every_page_of_our_own_stands_behind_the_door() -> None:
    open_ones = {pattern.name for pattern in urlpatterns if not hasattr(pattern.callback, "console_permission")}

    assert open_ones == {None, "set_language"}  # one's own password, which asks for a login by itself


def test_a_page_opens_to_its_permission_alone_and_to_nobody_without_it(places: list[Place]) -> None:
    with_it = {name: _client(f"with.{name}", permissions=[name]) for name in ADMIN_PERMISSIONS}
    without = {name: _client(f"no.{name}", permissions={*ADMIN_PERMISSIONS} - {name}) for name in ADMIN_PERMISSIONS}
    anybody = _client("anybody", permissions=[])

    closed = [place for place in places if not _opens(with_it.get(str(place.permission), anybody), place)]
    open_to_others = [place.name for place in places if place.permission and _opens(without[place.permission], place)]

    root = _client(ROOT)
    assert ([place.name for place in closed if _opens(root, place)], open_to_others) == ([], [])


def test_nothing_is_sent_to_a_page_without_its_permission(places: list[Place]) -> None:
    without = {name: _client(f"no.{name}", permissions={*ADMIN_PERMISSIONS} - {name}) for name in ADMIN_PERMISSIONS}
    confirmed = {"confirmed": "1", "action": "send_test", "_selected_action": Webhook.objects.get().pk}

    with CaptureQueriesContext(connection) as queries:
        sent = {
            place.name: without[place.permission].post(place.address, confirmed).status_code
            for place in places
            if place.permission
        }

    led_on = {name for name in sent if name.endswith(LEADING_ON)}
    assert {name: each for name, each in sent.items() if each != HTTPStatus.FORBIDDEN and name not in led_on} == {}
    assert [*filter(_writes, [each["sql"] for each in queries])] == []


def _opens(client: Client, place: Place) -> bool:
    return _let_in(client.get(place.address).status_code)


def _let_in(status: int) -> bool:
    """Tell whether the door was passed; a redirect shows nothing, and where it leads there is another door."""
    return status not in (HTTPStatus.FORBIDDEN, HTTPStatus.FOUND)


def _statuses(client: Client, places: list[Place]) -> dict[str, int]:
    return {place.name: client.get(place.address).status_code for place in places}


@pytest.mark.parametrize("who", Role.values)
def test_no_page_leads_its_reader_to_where_they_may_not_go(places: list[Place], who: str) -> None:
    """A page is opened once with each set of parameters, whatever their values."""
    client, led = _client(who), dict[Any, tuple[str, str]]()
    for place in places:
        for link in _links(client.get(place.address), place.address):
            page = urlsplit(link)
            led.setdefault((page.path, frozenset(parse_qs(page.query))), (link, place.name))

    opened = {link: (page, client.get(link, follow=True).status_code) for link, page in led.values()}

    assert {link: each for link, each in opened.items() if each[1] >= 400} == {}


def test_what_was_removed_shows_on_no_page_but_where_its_removal_is_told(places: list[Place]) -> None:
    remove_some()

    client, shown = _client(ROOT), dict[str, set[str]]()
    for place in places:
        answer = client.get(place.address)
        if found := set() if answer.streaming else set(VANISHED.findall(answer.content.decode())):
            shown[place.name] = found

    assert shown == {"console_jobs": {"VanishedPlace"}, "events_event_changelist": {"VanishedPlace"}}


def test_what_people_call_things_turns_nothing_that_stands_beside_it(places: list[Place]) -> None:
    """A name may run from right to left, or hold a mark that has all after it do so: it stands in an element of its
    own, which the sheet sets apart, or, in a text, between marks that do."""
    make_many()
    name_all(TURNED)

    client, found = _client(ROOT), dict[str, list[str]]()
    for place in [*places, *_narrowed()]:
        answer = client.get(place.address)
        if not answer.streaming and (beside := Beside.in_page(answer.content.decode())):
            found[place.name] = beside

    assert found == {}


def _links(answer: Any, address: str) -> list[str]:
    """Return where a page leads within the console."""
    if answer.streaming or answer.status_code != HTTPStatus.OK:
        return []
    found = re.findall(r'<a\b[^>]*\shref="([^"#]+)', answer.content.decode())
    links = (urljoin(address, unescape(link)) for link in found)
    return [each for each in links if each.startswith("/console/") and "/logout" not in each]


def test_an_administrator_opens_each_list_and_row_by_a_title_of_its_own(places: list[Place]) -> None:
    client, shown = _client(ROOT), [place for place in places if place.name.endswith(("_changelist", "_change"))]

    answers = [client.get(place.address) for place in shown]

    assert {answer.status_code for answer in answers} == {HTTPStatus.OK}
    assert len({place.name for place in shown}) >= 2 * len(admin.site._registry) - 2
    titles = [str(answer.context["title"]) for answer in answers]
    assert [title for title in titles if title.startswith(("Select", "Change ", "View "))] == []


def test_a_column_of_ours_has_no_name_that_a_field_takes_before_it() -> None:
    pages = [(page, {field.name for field in model._meta.get_fields()}) for model, page in admin.site._registry.items()]

    assert [
        name for page, fields in pages for name in page.list_display if name in fields and hasattr(page, str(name))
    ] == []


def test_nobody_opens_anything_without_logging_in(places: list[Place]) -> None:
    answers = {place.name: Client().get(place.address) for place in places if place.name != "set_language"}

    shown = {name: answer.status_code for name, answer in answers.items() if answer.status_code not in (302, 405)}
    told = [answer["Location"] for answer in answers.values() if answer.status_code == HTTPStatus.FOUND]
    elsewhere = [address for address in told if "login" not in address]
    assert (shown, elsewhere) == ({}, [])


def test_each_page_is_french_to_who_reads_french_and_loads_the_sheets_that_style_it(places: list[Place]) -> None:
    client, catalogue = _client(Role.ADMIN), sources.french_texts()
    answers = {place.name: client.get(place.address, headers={"Accept-Language": "fr"}) for place in places}

    pages = {name: answer.content.decode() for name, answer in answers.items() if not answer.streaming}

    english = {name: sources.english_in(page, catalogue) for name, page in pages.items()}
    assert {name: found for name, found in english.items() if found} == {}
    bare = {name: _without_style(page) for name, page in pages.items() if "</html>" in page}
    assert {name: classes for name, classes in bare.items() if classes} == {}


def _without_style(page: str) -> set[str]:
    """Return the classes of a page that stand in a sheet of ours, and in none that it loads."""
    sheets = {path.name: set(CLASS.findall(path.read_text())) for path in SHEETS.glob("*.css")}
    shown = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    styled = set().union(*(sheets[name] for name in re.findall(r"/console/(\w+\.css)", page)))
    return shown & set().union(*sheets.values()) - styled


@pytest.mark.parametrize("lookup", ["id__regex", "id__startswith", "id__in", "pk__gte"])
def test_a_list_is_narrowed_by_what_something_is_and_not_by_what_it_is_like(db: None, lookup: str) -> None:
    """SQLite looks for a regular expression for ever, if need be, and by its beginnings one reads a secret column."""
    client = _client(ROOT)
    lists = [f"/console/{each._meta.app_label}/{each._meta.model_name}/" for each in admin.site._registry]

    assert {client.get(address, {lookup: "^(a+)+$"}).status_code for address in lists} == {400}


def test_a_list_is_not_narrowed_by_what_belongs_to_something(db: None) -> None:
    """One relation has a key of two columns, with which Django cannot compare."""
    client = _client(ROOT)
    addresses = [
        f"/console/{each.opts.app_label}/{each.opts.model_name}/?{related.name}=1"
        for each in admin.site._registry.values()
        for related in each.opts.related_objects
        if related.name != "connection"  # that is a filter's name
    ]

    assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 400)


@pytest.mark.parametrize("sought", ["word+" * 2_000, "a" * 60_000], ids=["words", "a word"])
def test_a_search_for_any_number_of_words_is_answered(places: list[Place], sought: str) -> None:
    lists = [place for place in places if place.name.endswith("_changelist")]
    searches = [Place(name=each.name, address=f"{each.address}?q={sought}", permission=None) for each in lists]

    answers = _statuses(_client(ROOT), searches)

    assert set(answers.values()) == {HTTPStatus.OK}


def test_rows_that_are_stored_in_another_form_break_no_page(places: list[Place]) -> None:
    """Of each model those pages are opened that read its table."""
    client = _client(ROOT)
    asked = {place: " ".join(_asked(client, place)) for place in places}

    broken = {}
    for model in MODELS_WITH_JSON:
        table = connection.ops.quote_name(model._meta.db_table)
        reading = [place for place, statements in asked.items() if table in statements]
        with transaction.atomic():
            _break(model)
            broken[model.__name__] = _statuses(client, reading)
            transaction.set_rollback(True)

    assert sum(map(len, broken.values())) > len(places)
    assert {status for opened in broken.values() for status in opened.values() if status >= 500} == set()


def _break(model: type[Model]) -> None:
    ours = Q(email=f"{ROOT}@example.com") if model is User else Q()
    others = model._default_manager.exclude(ours) if ours else model._default_manager.all()
    for field in (field for field in JSON_COLUMNS if field.model is model):
        break_rows(others, field.name, 5)


def _asked(client: Client, place: Place) -> list[str]:
    """Open a page and return the statements that it takes."""
    with CaptureQueriesContext(connection) as queries:
        client.get(place.address)
    return [each["sql"] for each in queries]


@pytest.mark.parametrize("who", [Role.ADMIN, Role.EDITOR])
def test_a_page_takes_as_many_queries_for_thirty_rows_as_for_one_and_changes_nothing(
    places: list[Place], who: str
) -> None:
    client = _client(who, permissions=ADMIN_PERMISSIONS)
    for limited in (ApiKey, Webhook):  # or an editor sees none
        limited._default_manager.update(workspace_ids=[Workspace.objects.earliest("pk").pk])

    few = {place.name: _asked(client, place) for place in [*places, *_narrowed()]}
    make_many()
    many = {place.name: _asked(client, place) for place in [*places, *_narrowed()]}

    most = dict.fromkeys(many, MOST_QUERIES) | (MOST_OF_AN_ADMINISTRATOR if who == Role.ADMIN else {})
    assert {name: len(asked) for name, asked in many.items() if len(asked) > most[name]} == {}
    assert {name: len(asked) for name, asked in many.items() if len(asked) > len(few.get(name, asked)) + A_FEW} == {}
    assert {name: found for name, asked in [*few.items(), *many.items()] if (found := [*filter(_writes, asked)])} == {}


def _narrowed() -> Iterator[Place]:
    """Give pages about a part of what there is, and a post's page for each status that there is."""
    workspace = Workspace.objects.earliest("pk").pk
    for query in QUERIES:
        yield Place(name=query, address=f"/console/{query.format(workspace=workspace)}", permission=None)
    for status, pk in Post.objects.order_by("-pk").values_list("status", "pk"):
        yield Place(name=f"{status} post", address=f"/console/posts/post/{pk}/change/", permission=None)


def _writes(statement: str) -> bool:
    """Tell whether it changes rows other than those of the visit itself."""
    return statement.startswith(("INSERT", "UPDATE", "DELETE")) and "django_session" not in statement
