"""Numbers of posts and accounts on LinkedIn: an organization's all at once, a member's one per call.

https://learn.microsoft.com/linkedin/marketing/community-management/organizations/share-statistics
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from accounts.platforms.errors import PlatformError, RateLimited, Rejected, Unavailable, Unknown
from accounts.platforms.http import dig, dig_count, dig_text, listed
from accounts.platforms.linkedin.api import Api, encoded, urn_list
from accounts.platforms.shapes import AccountNumbers, PostNumbers

OF_MEMBERS = {
    "impressions": "IMPRESSION",
    "reach": "MEMBERS_REACHED",
    "likes": "REACTION",
    "comments": "COMMENT",
    "shares": "RESHARE",
    "clicks": "LINK_CLICKS",
}
OF_ORGANIZATIONS = {
    "impressions": "impressionCount",
    "reach": "uniqueImpressionsCount",
    "likes": "likeCount",
    "comments": "commentCount",
    "shares": "shareCount",
    "clicks": "clickCount",
}
OWN = ("likes", "comments", "shares")
Counts = Mapping[str, int | None]


class Numbers:
    """Reads the numbers of one account; single failures are left out, and an error is raised if all fail."""

    def __init__(self, api: Api, author: str) -> None:
        self.api = api
        self.author = author

    def of_organization_posts(self, urns: Sequence[str]) -> dict[str, PostNumbers]:
        """Return the numbers of an organization's posts: zeros without activity; deleted posts are left out."""
        try:
            found = dict(self._share_statistics(urns))
        except Rejected as error:
            if error.status != 403:
                raise
            return self._public(urns)  # statistics are for administrators; other roles get the public numbers
        found |= {urn: dict.fromkeys(OF_ORGANIZATIONS, 0) for urn in urns if urn not in found and self._is_there(urn)}
        return {urn: _post_numbers(found[urn]) for urn in urns if urn in found}

    def _is_there(self, urn: str) -> bool:
        """Whether a post still exists: statistics leave out deleted posts as well as unseen ones."""
        try:
            return self._shown(urn) is not None
        except Rejected:
            return True

    def _share_statistics(self, urns: Sequence[str]) -> Iterator[tuple[str, Counts]]:
        shares = [urn for urn in urns if urn.startswith("urn:li:share:")]
        others = [urn for urn in urns if urn not in shares]
        path = self._statistics_path()
        path += f"&shares={urn_list(shares)}" if shares else ""
        path += f"&ugcPosts={urn_list(others)}" if others else ""
        for each in listed(self.api.get(path), "elements"):
            yield dig_text(each, "share") or dig_text(each, "ugcPost"), _statistics(each)

    def _statistics_path(self) -> str:
        return (
            "/rest/organizationalEntityShareStatistics?q=organizationalEntity"
            f"&organizationalEntity={encoded(self.author)}"
        )

    def _public(self, urns: Sequence[str]) -> dict[str, PostNumbers]:
        read = {urn: self._shown(urn) for urn in urns}
        return {urn: _post_numbers(_seen_by_all(shown)) for urn, shown in read.items() if shown is not None}

    def _shown(self, urn: str) -> Any:
        """Return the public numbers of a post, None if it is gone."""
        try:
            return self.api.get(f"/rest/socialMetadata/{encoded(urn)}")
        except Rejected as error:
            if error.status != 404:
                raise
            return None

    def of_member_posts(self, urns: Sequence[str]) -> dict[str, PostNumbers]:
        """Return the numbers of a member's posts; posts that LinkedIn does not find are left out."""
        found = {urn: self._of_member(f"q=entity&entity={_entity(urn)}") for urn in urns}
        return {urn: _post_numbers(counts) for urn, counts in found.items() if counts is not None}

    def of_member(self, *, now: datetime) -> AccountNumbers:
        day = now.astimezone(UTC).date()
        counts = self._of_member(f"q=me&dateRange=(start:{_date(day - timedelta(days=1))},end:{_date(day)})")
        return _account_numbers(self.member_followers(), counts or {})

    def of_organization(self, *, now: datetime) -> AccountNumbers:
        end = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        range_ = f"start:{_milliseconds(end - timedelta(days=1))},end:{_milliseconds(end)}"
        path = f"{self._statistics_path()}&timeIntervals=(timeRange:({range_}),timeGranularityType:DAY)"
        days = _or_none(lambda: listed(self.api.get(path), "elements"))
        return _account_numbers(self.organization_followers(), {} if days is None else _of_the_day(days))

    def member_followers(self) -> int | None:
        found = _or_none(partial(self.api.get, "/rest/memberFollowersCount?q=me"))
        return _count(found, "elements", 0, "memberFollowersCount")

    def organization_followers(self) -> int | None:
        path = f"/rest/networkSizes/{encoded(self.author)}?edgeType=COMPANY_FOLLOWED_BY_MEMBER"
        return _count(_or_none(partial(self.api.get, path)), "firstDegreeSize")

    def _of_member(self, what: str) -> Counts | None:
        """Ask for one number after the other; None if the post is gone. Raises the first error if all failed.

        A refused number is None; one that could not be read this time is left out.
        """
        counts: dict[str, int | None] = {}
        errors: list[PlatformError] = []
        for name, kind in OF_MEMBERS.items():
            try:
                found = self.api.get(f"/rest/memberCreatorPostAnalytics?{what}&queryType={kind}&aggregation=TOTAL")
            except RateLimited:
                raise
            except Rejected as error:
                errors.append(error)
                counts[name] = None
            except (Unavailable, Unknown) as error:
                errors.append(error)
            else:
                counts[name] = _value(found)
        if len(errors) < len(OF_MEMBERS):
            return counts
        if all(error.status == 404 for error in errors):
            return None
        raise errors[0]


def _or_none(read: Callable[[], Any]) -> Any:
    """Return the result of `read`, None if it fails; RateLimited and AuthExpired are still raised."""
    try:
        return read()
    except RateLimited:
        raise
    except (Rejected, Unavailable, Unknown):
        return None


def _count(found: Any, *path: str | int) -> int | None:
    """Return a count, at least 0, since LinkedIn sometimes gives negative ones."""
    count = dig_count(found, *path)
    return None if count is None else max(count, 0)


def _statistics(element: Any) -> Counts:
    return {name: _count(element, "totalShareStatistics", theirs) for name, theirs in OF_ORGANIZATIONS.items()}


def _of_the_day(days: Sequence[Any]) -> Counts:
    """Return the counts of the day, zeros if it is not listed because nothing happened."""
    return _statistics(days[0]) if days else dict.fromkeys(OF_ORGANIZATIONS, 0)


def _seen_by_all(shown: Any) -> Counts:
    summaries = dig(shown, "reactionSummaries")
    reactions = [_count(each, "count") or 0 for each in summaries.values()] if isinstance(summaries, dict) else []
    return {"likes": sum(reactions), "comments": _count(shown, "commentSummary", "count"), "shares": None}


def _value(found: Any) -> int | None:
    """Return the count in `count`, which most clients read, or in `value`, which one client reads."""
    element = dig(found, "elements", 0)
    count = _count(element, "count")
    return _count(element, "value") if count is None else count


def _post_numbers(counts: Counts) -> PostNumbers:
    return PostNumbers.in_parts(
        OWN,
        own={name: counts.get(name) for name in OWN},
        impressions=counts.get("impressions"),
        reach=counts.get("reach"),
        clicks=counts.get("clicks"),
    )


def _account_numbers(followers: int | None, counts: Counts) -> AccountNumbers:
    known = [count for name in OWN if (count := counts.get(name)) is not None]
    is_whole = counts.keys() >= set(OWN)  # otherwise one could not be read this time, and the sum would be too low
    return AccountNumbers(
        followers=followers,
        impressions=counts.get("impressions"),
        reach=counts.get("reach"),
        engagement=sum(known) if known and is_whole else None,
        clicks=counts.get("clicks"),
    )


def _entity(urn: str) -> str:
    kind = "share" if urn.startswith("urn:li:share:") else "ugc"
    return f"({kind}:{encoded(urn)})"


def _date(day: date) -> str:
    return f"(year:{day.year},month:{day.month},day:{day.day})"


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
