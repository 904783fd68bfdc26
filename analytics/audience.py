"""The followers: how many at the end of a period, how many more than at its beginning, and their demographics."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import SocialAccount
from analytics.gains import total
from analytics.models import AccountDay
from analytics.periods import Period
from analytics.reports import Scope
from ouipost.db.prepared import fetch

TOP_LOCATIONS = 10
Demographics = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One account's followers, and their demographics."""

    followers: int | None
    before: int | None
    """The followers at the last reading before the period, or else at the first reading in it."""
    demographics: Demographics


def audience(scope: Scope, period: Period) -> dict[str, Any]:
    """Return the followers of the connected accounts, and their growth in a period; null if no network gives them."""
    columns = fetch(_standings, first=period.first, last=period.last, **scope.matching)
    found = [Standing(followers=now, before=then, demographics=said or {}) for now, then, said in columns]
    followers = total(each.followers for each in found) if found else 0
    growth = total(_growth(each) for each in found) if found else 0
    return {
        "total_followers": followers,
        "follower_growth": growth,
        "growth_rate": growth_rate(followers, growth),
        "demographics": {
            "age_groups": dict(sorted(_shares(found, "age_groups").items())),
            "top_locations": _locations(found),
        },
    }


def growth_rate(followers: int | None, growth: int | None) -> float | None:
    """Return the growth in percent of the previous number of followers, 0 if there were none."""
    if followers is None or growth is None:
        return None
    before = followers - growth
    return round(100 * growth / before, 1) if before > 0 else 0.0


def _growth(standing: Standing) -> int | None:
    if standing.followers is None or standing.before is None:
        return None
    return standing.followers - standing.before


def _standings(first: Any, last: Any, **matching: Any) -> "QuerySet[SocialAccount, Any]":
    """Return the query for the columns of a `Standing`, by account."""
    days = AccountDay.objects.filter(account=OuterRef("pk"), day__lte=last)
    counted = days.filter(followers__isnull=False)
    before, since = counted.filter(day__lt=first), counted.filter(day__gte=first)
    accounts = SocialAccount.objects.connected().filter(workspace__deleted_at=None, **matching)
    return accounts.values_list(
        _first(counted.order_by("-day"), "followers"),
        Coalesce(_first(before.order_by("-day"), "followers"), _first(since.order_by("day"), "followers")),
        _first(days.filter(demographics__isnull=False).order_by("-day"), "demographics"),
    )


def _first(days: "QuerySet[AccountDay]", column: str) -> Subquery:
    return Subquery(days.values(column)[:1])


def _shares(found: Sequence[Standing], kind: str) -> dict[str, int]:
    """Return the shares, in whole percent, among the followers of all accounts with known demographics."""
    known = [(each.demographics[kind], each.followers or 1) for each in found if each.demographics.get(kind)]
    followers = sum(count for _, count in known)
    sums: dict[str, float] = defaultdict(float)
    for shares, count in known:
        for name, percent in shares.items():
            sums[name] += percent * count
    return {name: round(summed / followers) for name, summed in sums.items()}


def _locations(found: Sequence[Standing]) -> list[dict[str, Any]]:
    shares = sorted(_shares(found, "countries").items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"country": countries().get(code, code), "percentage": share} for code, share in shares[:TOP_LOCATIONS]]


@cache
def countries() -> dict[str, str]:
    """Return the English names of countries by their ISO 3166 codes, from the table beside the time zones."""
    table = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text()
    lines = (line for line in table.splitlines() if line and not line.startswith("#"))
    return dict(line.split("\t", 1) for line in lines)
