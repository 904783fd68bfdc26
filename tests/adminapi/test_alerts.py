"""The alerts and the dashboard are built on what /metrics tells, and each alert leads to what is to be done."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import Settings

from accounts import calls
from accounts.calls import PUBLISH, REQUEST, SYNC
from accounts.models import Network
from adminapi.monitoring import probes
from adminapi.monitoring.probes import PROBES
from adminapi.monitoring.threads import SharedCall
from ouipost.api.routes import OTHER, template
from ouipost.db.pages import MOST
from tests.adminapi.watching import TOKEN, ending, heard
from tests.factories import make_account, make_workspace
from tests.services import find

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "deploy/prometheus/alerts_test.yml"
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/ouipost.json").read_text())
NAME = re.compile(r"\bouipost_\w+")
SELECTOR = re.compile(r"\b(ouipost_\w+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*[=!]~?\s*\"")
ROUTES = re.compile(r"""\broute[=!]~"([^"]*)\"""")
BETWEEN = re.compile(r"\|(?![^(]*\))")
"""What parts the ways of a pattern, and not those of a group in it."""


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ()))


SUMMED = re.compile(r"sum(?: by \([^)]*\))? \((?:rate|increase)\((ouipost_\w+)")
OF_A_SERVER = {"ouipost_requests_total", "ouipost_request_seconds_bucket"}
UPLOADS = ("/api/posts/{pk}/media", "/console/compose/files/")


def patterns_of(text: str) -> Iterator[str]:
    """Give every route that an expression names, as a pattern of its own."""
    for found in ROUTES.findall(text):
        for way in BETWEEN.split(found.replace("\\\\", "\\")):
            before, _, rest = way.partition("(")
            group, _, after = rest.partition(")")
            yield from (f"{before}{each}{after}" for each in group.split("|"))


def all_routes(entries: list[Any], prefix: str = "") -> Iterator[str]:
    """Give every route of the product, as /metrics tells it."""
    for entry in entries:
        route = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLResolver):
            yield from all_routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            yield template(route)


@pytest.fixture
def told(
    settings: Settings, redis_url: str, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> dict[str, set[str]]:
    """The samples of a real answer, with their labels, where there is something of everything."""
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setitem(cast("dict[str, Any]", PROBES), "storage", SharedCall(probes._storage))
    make_account(make_workspace(mode="live"), tokens=ending(days=6))
    Network.objects.create(pk="twitter", held_until=timezone.now() + timedelta(minutes=1))
    for kind in (PUBLISH, SYNC, REQUEST):
        calls.note("facebook", kind=kind, outcome="ok")
    calls.flush()
    heard("tick", ago=timedelta(seconds=1))
    Client().get("/healthz")
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    from prometheus_client.parser import text_string_to_metric_families  # not before the product loads the library

    samples = [sample for family in text_string_to_metric_families(answer) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def test_every_metric_and_label_of_rules_and_dashboard_is_told(told: dict[str, set[str]]) -> None:
    texts = list(expressions())
    named = {name for text in texts for name in NAME.findall(text)}
    chosen = {
        (name, label) for text in texts for name, inner in SELECTOR.findall(text) for label in LABEL.findall(inner)
    }

    assert len(named) > 20
    assert named - told.keys() == set()
    assert {(name, label) for name, label in chosen if label not in told[name]} == set()


def test_what_every_server_tells_alike_is_not_added_up_over_servers() -> None:
    summed = {name for text in expressions() for name in SUMMED.findall(text.replace("sum(", "sum ("))}

    assert summed == OF_A_SERVER


def test_a_queue_that_is_longer_than_is_counted_grows() -> None:
    [text] = [rule["expr"] for rule in RULES if rule["alert"] == "OuipostQueueGrows"]

    assert text.endswith(f" or max(ouipost_due_targets) >= {MOST}")


def test_every_route_of_rules_and_dashboard_is_there() -> None:
    routes = {*all_routes(get_resolver().url_patterns), OTHER}
    named = {pattern for text in expressions() for pattern in patterns_of(text)}

    assert len(named) > 5
    assert {pattern for pattern in named if not any(re.fullmatch(pattern, route) for route in routes)} == set()


@pytest.mark.parametrize(
    ("alert", "left_out"),
    [
        ("OuipostSlow", {"/api/posts/{pk}/publish", "/api/posts/{pk}/retry", *UPLOADS}),
        ("OuipostServerErrors", {"/admin/health", "/readyz"}),
    ],
)
def test_an_alert_leaves_out_what_waits_or_fails_by_intent(alert: str, left_out: set[str]) -> None:
    [text] = [rule["expr"] for rule in RULES if rule["alert"] == alert]
    patterns = list(patterns_of(text))
    routes = set(all_routes(get_resolver().url_patterns)) - {OTHER}
    silent = {route for route in routes if any(re.fullmatch(pattern, route) for pattern in patterns)}

    assert {route for route in silent if not route.startswith("/sandbox/")} == left_out
    assert {route for route in routes if route.startswith("/sandbox/")} <= silent


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_is_wrong_and_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)

    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_alert_has_a_scenario_that_raises_it() -> None:
    names = " ".join(each["name"] for each in yaml.safe_load(SCENARIOS.read_text())["tests"])

    assert {rule["alert"] for rule in RULES} == set(re.findall(r"Ouipost\w+", names))


def test_each_alert_fires_for_what_it_is_about_and_for_nothing_else() -> None:
    promtool = find("promtool")
    if not promtool:
        pytest.skip("promtool is not installed.")

    checked = subprocess.run(
        [promtool, "test", "rules", SCENARIOS.name], cwd=SCENARIOS.parent, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_two_alerts_have_one_name_and_no_two_panels_one_id_or_place() -> None:
    panels = DASHBOARD["panels"]

    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
