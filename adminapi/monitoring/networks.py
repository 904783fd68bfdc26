"""The networks' health, derived from the calls made to them; this module makes no calls.

Real and simulated networks are never shown together: simulated ones are shown only if nothing is live.

A network is blamed for calls that it did not answer, or refused because of its quota, an old version or the app; not
for refusing the content.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, Sum, Value
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import calls, registry
from accounts.calls import EVER, FAILED, LIMITED, LOST, OUTDATED, PUBLISH, PUBLISHED, REQUEST, STOPPED
from accounts.models import AccountStatus, CallCount, Network, SocialAccount
from accounts.platforms.base import Connector
from accounts.shares import key_of
from workspaces.models import Mode

OPERATIONAL, DEGRADED, DOWN = "operational", "degraded", "down"
WELL, PARTIAL, OUTAGE = "healthy", "partial_outage", "outage"
STATUS_OF = {WELL: OPERATIONAL, PARTIAL: DEGRADED, OUTAGE: DOWN}
PERIOD, LATELY = timedelta(hours=24), timedelta(minutes=15)
ERRORS = (FAILED, LOST, LIMITED, OUTDATED, STOPPED)
AWAY = (FAILED, LOST)
ERROR_RATE = 5.0
"""The percentage of errors from which a network is unwell: in the last minutes, or in the day if they are several."""
LEAST_ERRORS = 3
LEAST_CALLS, AWAY_RATE = 5, 50.0
"""At least this many calls in the last minutes, with this percentage unanswered, are an outage."""
ENDS_SOON = timedelta(days=60)


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The requests to a network by outcome, in the last day and in the last minutes."""

    day: Mapping[str, int]
    lately: Mapping[str, int]
    milliseconds: int
    """The total duration of all answered requests."""

    def rate(self, outcomes: tuple[str, ...] = ERRORS, *, lately: bool = False) -> float | None:
        """Return the percentage of calls with these outcomes; None if there were no calls."""
        counts = self.lately if lately else self.day
        total = sum(counts.values())
        return 100 * sum(counts.get(each, 0) for each in outcomes) / total if total else None

    @property
    def average_ms(self) -> int | None:
        answered = sum(self.day.values()) - self.day.get(LOST, 0)
        return round(self.milliseconds / answered) if answered else None


@dataclass(frozen=True, kw_only=True)
class Connected:
    """The accounts of a network that are connected."""

    total: int = 0
    expired: int = 0
    held: int = 0
    """The accounts left alone, as their quota is used up or their calls got no answer again and again."""
    held_until: datetime | None = None


NO_CALLS = Calls(day={}, lately={}, milliseconds=0)
NOBODY = Connected()


@dataclass(frozen=True, kw_only=True)
class NetworkHealth:
    """The health of one network, or of the simulated one in its place."""

    connector: Connector
    mode: Mode
    calls: Calls
    accounts: Connected
    last_published: datetime | None
    held_until: datetime | None
    """The end of its breaker's open time, now or in the last minutes; the next call shows more."""
    now: datetime

    @property
    def api_status(self) -> str:
        lately = sum(self.calls.lately.values())
        away = self.calls.rate(AWAY, lately=True) or 0.0
        if self.held_until is not None or (lately >= LEAST_CALLS and away >= AWAY_RATE):
            return OUTAGE
        errors = sum(self.calls.day.get(each, 0) for each in ERRORS)
        of_day = (self.calls.rate() or 0.0) if errors >= LEAST_ERRORS else 0.0
        return PARTIAL if max(of_day, self.calls.rate(lately=True) or 0.0) >= ERROR_RATE else WELL

    @property
    def status(self) -> str:
        """The state of its API; a network that cannot be used from here is degraded at least."""
        hindered = self._misses_credentials or self._has_ended or self._is_stopped
        return DEGRADED if hindered and self.api_status == WELL else STATUS_OF[self.api_status]

    @property
    def shown(self) -> dict[str, Any]:
        rate = self.calls.rate()
        return {
            "mode": self.mode,
            "status": self.status,
            "api_status": self.api_status,
            "last_successful_post": self.last_published,
            "error_rate_24h": None if rate is None else round(rate, 1),
            "avg_response_time_ms": self.calls.average_ms,
            "issues": list(self._issues()),
            "api_version": self.connector.version or None,
            "api_version_ends": self.connector.version_ends,
        }

    @property
    def _misses_credentials(self) -> bool:
        return bool(self.accounts.total and registry.lacking(self.connector))

    @property
    def _has_ended(self) -> bool:
        ends, is_used = self.connector.version_ends, bool(self.accounts.total)
        return bool(self.calls.lately.get(OUTDATED)) or (is_used and ends is not None and ends <= self.now.date())

    @property
    def _is_stopped(self) -> bool:
        return bool(self.calls.lately.get(STOPPED))

    def _issues(self) -> Iterator[str]:
        name, prefix = self.connector.name, self.connector.id.upper()
        if self.held_until is not None:
            text = _("%(name)s takes nothing: it is left alone until %(until)s, then tried with one call.")
            yield text % {"name": name, "until": _time(self.held_until)}
        if self._misses_credentials:
            text = _(
                "This installation has no credentials for %(name)s:"
                " set %(prefix)s_CLIENT_ID and %(prefix)s_CLIENT_SECRET."
            )
            yield text % {"name": name, "prefix": prefix}
        if self._is_stopped:
            text = _(
                "%(name)s refuses requests of this installation's app: look there at its credits, cap and access,"
                " and here at its id and secret. The posts that wait have its words."
            )
            yield text % {"name": name}
        yield from self._of_versions(name, prefix)
        yield from self._of_failures()
        yield from self._of_quotas()
        if many := self.accounts.expired:
            yield ngettext(
                "%(many)d account must be connected again by the owner.",
                "%(many)d accounts must be connected again by the owner.",
                many,
            ) % {"many": many}

    def _of_failures(self) -> Iterator[str]:
        """Describe the failures of the API, other than quotas and versions."""
        if self.api_status == WELL:
            return
        is_lately = (self.calls.rate(AWAY, lately=True) or 0.0) >= ERROR_RATE
        counts = self.calls.lately if is_lately else self.calls.day
        if many := sum(counts.get(each, 0) for each in AWAY):
            text = (
                ngettext(
                    "%(many)d of %(all)d requests in 15 minutes had no answer, or an error of the network.",
                    "%(many)d of %(all)d requests in 15 minutes had no answer, or an error of the network.",
                    many,
                )
                if is_lately
                else ngettext(
                    "%(many)d of %(all)d requests in 24 hours had no answer, or an error of the network.",
                    "%(many)d of %(all)d requests in 24 hours had no answer, or an error of the network.",
                    many,
                )
            )
            yield text % {"many": many, "all": sum(counts.values())}

    def _of_quotas(self) -> Iterator[str]:
        if limited := self.calls.lately.get(LIMITED):
            yield ngettext(
                "%(many)d request was refused in 15 minutes: a quota is used up.",
                "%(many)d requests were refused in 15 minutes: a quota is used up.",
                limited,
            ) % {"many": limited}
        if self.accounts.held and self.accounts.held_until:
            yield ngettext(
                "%(many)d account is left alone until %(until)s at most:"
                " a quota is used up, or calls failed again and again.",
                "%(many)d accounts are left alone until %(until)s at most:"
                " a quota is used up, or calls failed again and again.",
                self.accounts.held,
            ) % {"many": self.accounts.held, "until": _time(self.accounts.held_until)}

    def _of_versions(self, name: str, prefix: str) -> Iterator[str]:
        version, ends = self.connector.version, self.connector.version_ends
        known = {"name": name, "version": version, "prefix": prefix, "ends": ends}
        if self.calls.lately.get(OUTDATED):
            text = _("%(name)s does not take version %(version)s of its API any more: set %(prefix)s_API_VERSION.")
            yield text % known
        elif ends is not None and ends <= self.now.date():
            yield _("Version %(version)s of %(name)s's API ended on %(ends)s: set %(prefix)s_API_VERSION.") % known
        elif ends is not None and ends <= self.now.date() + ENDS_SOON:
            yield _("Version %(version)s of %(name)s's API ends on %(ends)s: set %(prefix)s_API_VERSION.") % known


def measure(*, now: datetime) -> dict[str, NetworkHealth]:
    """Return the health of each network, in the usual order: three queries, whatever the amount."""
    made, accounts = _calls(now), _accounts(now)
    held, published = _held_and_published(now)
    is_live = any(name in registry.IDS for name in [*made, *accounts, *held, *published])
    mode = Mode.LIVE if is_live else Mode.SANDBOX
    return {
        platform_id: NetworkHealth(
            connector=registry.get(platform_id),
            mode=mode,
            calls=made.get(key, NO_CALLS),
            accounts=accounts.get(platform_id, NOBODY),
            last_published=published.get(key),
            held_until=held.get(key),
            now=now,
        )
        for platform_id in registry.IDS
        for key in [key_of(platform_id, mode)]
    }


def _held_and_published(now: datetime) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return until when networks are, or just were, left alone, and the last publication at each."""
    held = Network.objects.filter(held_until__gt=now - LATELY).values_list(Value("held"), "pk", "held_until")
    rows = CallCount.objects.filter(at=EVER, kind=PUBLISH, outcome=PUBLISHED)
    found: dict[str, dict[str, datetime]] = {"held": {}, "published": {}}
    for name, network, at in held.union(rows.values_list(Value("published"), "network", "last_at"), all=True):
        found[name][network] = at
    return found["held"], found["published"]


def _calls(now: datetime) -> dict[str, Calls]:
    """Return the requests to networks, by the key of their health."""
    rows = CallCount.objects.filter(at__gt=now - PERIOD, kind=REQUEST)
    sums = rows.values_list("network", "outcome").annotate(
        day=Sum("calls"), lately=Sum("calls", filter=Q(at__gt=now - LATELY), default=0), spent=Sum("milliseconds")
    )
    found: dict[str, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for network, outcome, day, lately, spent in sums.order_by():
        found[network][outcome] = (day, lately, spent)
    return {
        network: Calls(
            day={outcome: day for outcome, (day, _, _) in by.items()},
            lately={outcome: lately for outcome, (_, lately, _) in by.items() if lately},
            milliseconds=sum(spent for outcome, (_, _, spent) in by.items() if outcome != calls.LOST),
        )
        for network, by in found.items()
    }


def _accounts(now: datetime) -> dict[str, Connected]:
    held = Q(held_until__gt=now)
    counted = (
        SocialAccount.objects.live()
        .values("platform")
        .annotate(
            total=Count("pk"),
            expired=Count("pk", filter=Q(status=AccountStatus.EXPIRED)),
            held=Count("pk", filter=held),
            last=Max("held_until", filter=held),
        )
    )
    return {
        row["platform"]: Connected(total=row["total"], expired=row["expired"], held=row["held"], held_until=row["last"])
        for row in counted.order_by()
    }


def overall(networks: Mapping[str, NetworkHealth]) -> str:
    """Return `down` when all are, `degraded` when not all are operational."""
    found = {health.status for health in networks.values()}
    return found.pop() if len(found) == 1 else DEGRADED


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
