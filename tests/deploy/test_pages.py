"""What the pages name is there, and what their readers need is named: links, settings, commands, addresses, words."""

import re
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import BaseCommand, get_commands, load_command_class

from accounts.calls import word
from accounts.platforms.errors import PlatformError
from accounts.platforms.shapes import Published
from ouipost.events.catalogue import EVENTS
from posts.operating.findings import Kind
from posts.publishing.outcomes import Absent, Undecidable
from tests.contract.routes import admin_routes, api_routes
from tests.contract.test_permissions import GUARDED, required_for
from tests.posts.publishing.test_who_acts import all_of

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.name != "CHANGELOG.md")
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
ALERTS = (ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8")

BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"(?<![\w.}])/((?:api|admin)/[\w/{}…-]+)")
OURS = {name: app for name, app in get_commands().items() if (ROOT / app.partition(".")[0]).is_dir()}
USED = set(OURS) - {"makemessages"}
DJANGOS = {"migrate", "shell", "changepassword", "makemessages"}
STANDARD = {option for action in BaseCommand().create_parser("", "")._actions for option in action.option_strings}
READ = re.compile(r"""\((?:\d+, )?"([A-Z][A-Z0-9_]+)"|\.upper\(\)\}_([A-Z_]+)"|KEYS = \("(\w+)", "(\w+)"\)""")
BY_OTHERS = {"MARIADB_PASSWORD", "REDIS_PASSWORD", "PYTHON", "DATABASE_URL_TEST", "REDIS_URL_TEST"}


def headings(text: str) -> set[str]:
    """Return the anchors of a page, as GitHub names them."""
    plain = [LINK.sub("]", line).lower() for line in re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)]
    named = Counter[str]()
    found = set()
    for line in plain:
        anchor = re.sub(r"[^\w\- ]", "", line).strip().replace(" ", "-")
        found.add(f"{anchor}-{named[anchor]}" if named[anchor] else anchor)
        named[anchor] += 1
    return found


def leads_somewhere(page: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    if not target.exists():
        return False
    return not anchor or anchor in headings(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEXTS)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(path: str) -> None:
    inside = [each for each in LINK.findall(BLOCK.sub("", TEXTS[path])) if not re.match(r"[a-z]+:", each)]

    assert [each for each in inside if not leads_somewhere(path, each)] == []


@pytest.mark.parametrize("path", TEXTS)
def test_every_file_of_the_code_that_a_page_names_is_there(path: str) -> None:
    folders = "|".join(sorted(each.name for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".")))
    named = re.findall(rf"`((?:{folders})/(?:[\w/.*-]+\.\w+|[\w/.*-]*/))`", TEXTS[path])

    assert [each for each in named if not each.startswith("var/") and not any(ROOT.glob(each))] == []


def test_every_setting_has_one_line_and_every_line_is_read() -> None:
    names = ("settings", "configuration/stores", "configuration/environment", "observability/log_format")
    sources = [(ROOT / "ouipost" / f"{name}.py").read_text() for name in names]
    read = {word for source in sources for found in READ.findall(source) for word in found if word}
    read -= {"HTTP_X_FORWARDED_PROTO"}
    lines = re.findall(r"^# ([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)

    assert [name for name, times in Counter(lines).items() if times > 1] == []
    assert [name for name in read if not any(line == name or line.endswith(f"_{name}") for line in lines)] == []
    known = tuple(read | BY_OTHERS)
    assert [line for line in lines if line not in known and not line.endswith(tuple(f"_{each}" for each in read))] == []


def parser_of(name: str) -> ArgumentParser:
    return load_command_class(OURS[name], name).create_parser("manage.py", name)


def options_of(name: str) -> set[str]:
    """Return the options that a command adds to those that all have."""
    return {each for action in parser_of(name)._actions for each in action.option_strings} - STANDARD


def test_the_table_of_commands_has_every_one() -> None:
    cells = "".join(re.findall(r"^\| `manage\.py [^|]*\|", TEXTS["docs/operations/commands.md"], re.MULTILINE))

    assert USED - set(re.findall(r"`manage\.py (\w+)", cells)) == set()


def test_every_command_and_option_that_a_page_names_is_there() -> None:
    lines = [found for text in TEXTS.values() for found in re.findall(r"manage\.py (\w+)([^\n`]*)", text)]

    assert {name for name, _ in lines} - set(OURS) - DJANGOS == set()
    named = {(name, option) for name, rest in lines if name in USED for option in re.findall(r" (--[a-z-]+)", rest)}
    assert {(name, option) for name, option in named if option not in options_of(name) | STANDARD} == set()


def shape(address: str) -> str:
    """Return an address without the names of its places, and without the ids of examples."""
    return re.sub(r"\{\w+\}|\b[a-z]+_\w+[\w…-]*", "{}", address).rstrip("/")


def named_addresses() -> Iterator[str]:
    for page, text in TEXTS.items():
        if page != "docs/performance.md":
            yield from (shape(f"/{each}") for each in ADDRESS.findall(text))


def test_every_address_that_a_page_names_is_there() -> None:
    there = {shape(route.template) for route in (*api_routes(), *admin_routes())}
    open_to_all = {f"/{of}/{what}" for of in ("api", "admin") for what in ("docs", "schema", "login")}

    assert {each for each in named_addresses() if each not in there | open_to_all} == set()


def told_calls() -> Iterator[tuple[str, str, str]]:
    """Give method, address and permission of each call in the table; of two permissions the first is for reading."""
    table = TEXTS["docs/api.md"].partition("\n## All calls\n")[2].partition("\n## ")[0]
    for calls, permissions in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", table, re.MULTILINE):
        reading, *writing = permissions.replace("`", "").split(", ")
        for methods, path in re.findall(r"`([A-Z, ]+) (/api[^` ?]*)", calls):
            for method in methods.split(", "):
                yield method, shape(path), reading if method == "GET" or not writing else writing[0]


def test_the_table_of_calls_has_every_call_of_the_api_with_its_permission() -> None:
    asked = {(route.method, shape(route.template), required_for(route)) for route in GUARDED if route.method != "PATCH"}

    assert set(told_calls()) == asked | {("GET", "/api/platforms", "any key")}


def first_words(page: str, heading: str) -> set[str]:
    """Return the words that the first cells of a table below this heading put between backticks."""
    part = TEXTS[page].partition(f"\n{heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}


def test_every_outcome_that_raises_the_alert_of_failing_posts_is_told() -> None:
    ours = {error for error in all_of(PlatformError) - {PlatformError} if error.__module__.startswith("accounts.")}
    counted = {word(object.__new__(each)) for each in (Published, Absent, Undecidable)}
    counted |= {word(each.__new__(each)) for each in ours}
    alert = ALERTS.partition("alert: OuipostPublishesFail")[2]
    quiet = set(re.findall(r'outcome!~"([\w|]+)"', alert)[0].split("|"))

    told = first_words("docs/operations/trouble.md", "### Publishing to a network fails")

    assert quiet < counted
    assert told == counted - quiet


def test_every_way_of_being_stuck_is_told() -> None:
    assert first_words("docs/operations/trouble.md", "## What is stuck?") == {kind.value for kind in Kind}


def test_the_table_of_tiers_has_the_limits_that_keys_have() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|$", TEXTS["docs/api.md"], re.MULTILINE)

    assert {tier: int(most) for tier, most in rows} == settings.RATE_LIMITS


def test_every_event_has_a_row_and_an_example() -> None:
    assert [each for each in EVENTS if f"| [`{each}`](#" not in TEXTS["docs/webhooks.md"]] == []
    assert [each for each in EVENTS if f"\n### {each}\n" not in TEXTS["docs/webhooks.md"]] == []
