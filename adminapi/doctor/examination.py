"""The whole examination: all parts are checked at the same time, each for a limited time."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from adminapi.doctor import configuration, databases, networks, services
from adminapi.doctor.findings import OK, WRONG, Finding, unknown, warning, well, wrong
from adminapi.doctor.rows import rows
from adminapi.management.unusable import RESTORE, is_damaged
from adminapi.monitoring import probes
from adminapi.monitoring.probes import Component, Examination, Health
from adminapi.monitoring.threads import in_thread

SECONDS = 10.0
SLOWLY = 20.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to check; its result is unknown if the check that it `needs` fails."""

    name: str
    look: Callable[[], Finding]
    needs: str = ""
    seconds: float = SECONDS


@dataclass(frozen=True, kw_only=True)
class Part:
    """A component of `GET /admin/health` as the doctor reports it."""

    name: str
    component: str
    is_well: str
    action: str
    needs: str = ""


LOOKED_AT: tuple[Check | Part, ...] = (
    Check(name="settings", look=configuration.given, seconds=SLOWLY),
    Part(
        name="database",
        component="database",
        is_well="It answers.",
        action=(
            "See that the file and its folder belong to the user who runs this, and that there is room. If the file is "
            f"damaged, {RESTORE}."
            if connection.vendor == "sqlite"
            else "See that it runs, and that DATABASE_URL has its address, user and password."
        ),
    ),
    Check(name="database_server", look=databases.server, needs="database"),
    Check(name="transactions", look=databases.transactions, needs="database"),
    Check(name="collation", look=databases.collation, needs="migrations"),
    Check(name="clock", look=databases.clock, needs="database"),
    Check(name="migrations", look=databases.migrations, needs="database"),
    Check(name="writing", look=databases.writing, needs="migrations"),
    Check(name="replica", look=databases.the_replica),
    Check(name="disk", look=databases.disk, needs="database"),
    Part(
        name="redis",
        component="cache",
        is_well="It answers." if settings.REDIS_URL else "None is used: each process has a memory of its own.",
        action="See that it runs, and that REDIS_URL has its address and password.",
    ),
    Check(name="redis_server", look=services.redis_server),
    Part(
        name="broker",
        component="queue",
        is_well=(
            "It takes messages." if settings.CELERY_BROKER_URL else "None is used: workers look into the database."
        ),
        action="See that CELERY_BROKER_URL leads to it, and that Celery workers run.",
        needs="migrations",
    ),
    Part(
        name="storage",
        component="storage",
        is_well="A file could be written, read and removed.",
        action=(
            "See that there is room where files are kept, and that Oui Post may write there; with MEDIA_STORAGE=s3, "
            "that AWS_… are those of the store: `manage.py prepare` creates a bucket that is missing."
        ),
    ),
    Check(name="public_address", look=configuration.public_address, seconds=SLOWLY),
    Check(name="credentials", look=configuration.credentials, needs="migrations"),
    Check(name="api_versions", look=configuration.api_versions, needs="migrations"),
    Check(name="key_ring", look=configuration.key_ring, needs="migrations"),
    Check(name="accounts", look=services.accounts, needs="migrations"),
    Check(name="rows", look=rows, needs="migrations"),
    Part(
        name="publishing",
        component="publisher",
        is_well="A worker is there, and nothing is late.",
        action="Start `manage.py work`, or Celery's worker and beat; `manage.py stuck` tells of each post.",
        needs="migrations",
    ),
    Check(name="backlog", look=services.backlog, needs="migrations"),
    Check(name="audit_log", look=services.journal, needs="migrations"),
)
"""All checks, in the order of the report."""


def examine(*, asks_networks: bool = False) -> list[Finding]:
    """Check everything at once and return the findings, those of networks last.

    Without OUIPOST_HOME only that is found: other checks would make the folder, as they write a file.
    """
    if not settings.OUIPOST_HOME.exists():
        return [replace(databases.disk(), name="disk")]
    began = time.monotonic()
    parts = Examination(seconds=SECONDS)
    looked_at = [*LOOKED_AT, *(checks_of_apps() if asks_networks else ())]
    asked = {each.name: in_thread(each.look) for each in looked_at if isinstance(each, Check)}
    health = parts.result(now=timezone.now())
    found: dict[str, Finding] = {}
    for each in looked_at:
        finding = _of_part(each, health) if isinstance(each, Part) else _answer(each, asked[each.name], began=began)
        found[each.name] = replace(finding, name=each.name)
    needs = {each.name: each.needs for each in looked_at}
    return [_unless_needless(finding, found, needs) for finding in found.values()]


def checks_of_apps() -> list[Check]:
    """Return a check for each network that needs an app; they call the networks, so they are optional."""
    return [
        Check(name=f"{each.id}_app", look=partial(networks.app, each), seconds=SLOWLY)
        for each in networks.needing_an_app()
    ]


def _of_part(part: Part, health: Health) -> Finding:
    component: Component = health.components[part.component]
    message = component.get("message", "")
    match component["status"]:
        case probes.HEALTHY if component.get("paused"):
            return warning(" ".join(component["paused"]), "Do as the reason says; `manage.py resume` ends a pause.")
        case probes.HEALTHY:
            return well(part.is_well)
        case probes.DEGRADED:
            return warning(message, part.action)
    return wrong(message, part.action)


def _answer(check: Check, future: "Future[Any]", *, began: float) -> Finding:
    """Return the finding of a check; an error, or a timeout, is a finding, too."""
    try:
        finding: Finding = future.result(timeout=max(0.0, began + check.seconds - time.monotonic()))
    except TimeoutError:
        return wrong(f"It did not answer within {check.seconds:.0f} seconds.", "See what holds it up.")
    except Exception as error:
        action = f"{RESTORE.capitalize()}." if is_damaged(error) else "See what the message says."
        return wrong(f"It could not be looked at: {error}", action)
    return finding


def _unless_needless(finding: Finding, found: Mapping[str, Finding], needs: Mapping[str, str]) -> Finding:
    """Return the finding, or an unknown one if a check that it needs has failed."""
    cause, needed = "", needs[finding.name]
    while needed:
        cause, needed = needed if found[needed].status == WRONG else cause, needs[needed]
    if cause and finding.status != OK:
        return replace(unknown(f"Nobody can tell: see {cause}."), name=finding.name)
    return finding
