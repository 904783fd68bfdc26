"""The numbers of posts and Pages: https://developers.facebook.com/docs/graph-api/reference/insights"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from accounts.platforms.base import Session
from accounts.platforms.errors import ErrorCode, PlatformError, Rejected
from accounts.platforms.facebook.api import Graph
from accounts.platforms.http import dig, dig_count, dig_list, dig_text, sane_count
from accounts.platforms.meta.numbers import in_percent, last_whole_day, not_refused, refused
from accounts.platforms.meta.visibility import is_not_visible, of_the_account
from accounts.platforms.shapes import Account, AccountNumbers, Demographics, PostNumbers

VIEWS, REACH, CLICKS = "post_media_view", "post_total_media_view_unique", "post_clicks"
REACTIONS, ACTIVITY, PLAYS = "post_reactions_by_type_total", "post_activity_by_action_type", "post_video_views"
COUNTS = "shares,comments.limit(0).summary(true),reactions.limit(0).summary(true)"
PAGE_METRICS = {
    "impressions": "page_media_view",
    "reach": "page_total_media_view_unique",
    "engagement": "page_post_engagements",
    "clicks": "page_total_actions",
    "profile_views": "page_views_total",
}
COUNTRIES = "page_follows_country"
"""Connectors ask for this; Meta's reference does not list it."""
BAD_NAME = "valid insights metric"


def of_post(graph: Graph, session: Session, account: Account, post_id: str, *, now: datetime) -> PostNumbers | None:
    """Return the numbers of a post, None if it is gone."""
    try:
        node = graph.get(session, account.access_token, post_id, fields=COUNTS)
    except Rejected as error:
        if is_not_visible(error):
            _of_the_page(graph, session, account, fields="id")
            return None
        if error.code != ErrorCode.TOKEN_REVOKED:  # a missing permission has this code
            raise
        node = None
    ask = insights if node is None else given
    found = ask(graph, session, account, post_id, (VIEWS, REACH, CLICKS, REACTIONS, ACTIVITY, PLAYS), now=now)
    interactions = _people_did(node, found)
    return PostNumbers.in_parts(
        interactions,
        own=interactions | {"video_views": sane_count(found.get(PLAYS))},
        impressions=sane_count(found.get(VIEWS)),
        reach=sane_count(found.get(REACH)),
        clicks=sane_count(found.get(CLICKS)),
    )


def _people_did(node: Any, found: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the interactions, from the post's fields or else from the insights, if the fields may not be read.

    A post without the field `shares` was shared by nobody.
    """
    by_type, activity = found.get(REACTIONS), found.get(ACTIVITY)
    reactions = dig_count(node, "reactions", "summary", "total_count")
    comments = dig_count(node, "comments", "summary", "total_count")
    shares = None if node is None else dig_count(node, "shares", "count") or 0
    if reactions is None and isinstance(by_type, dict):
        reactions = _sum(*map(sane_count, by_type.values()))
    if isinstance(activity, dict):  # actions that nobody took are left out
        comments = (dig_count(activity, "comment") or 0) if comments is None else comments
        shares = (dig_count(activity, "share") or 0) if shares is None else shares
    return {"reactions": reactions, "comments": comments, "shares": shares}


def of_account(graph: Graph, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
    """Return the numbers of a Page: its followers now, and daily counts of the last whole day."""
    page = _of_the_page(graph, session, account, fields="followers_count")
    span = last_whole_day(now)
    names = (*PAGE_METRICS.values(), COUNTRIES)
    found = given(graph, session, account, account.remote_id, names, now=now, period="day", **span)
    counts = {ours: sane_count(found.get(name)) for ours, name in PAGE_METRICS.items()}
    followers = Demographics(countries=_percent(found.get(COUNTRIES)))
    return AccountNumbers(followers=dig_count(page, "followers_count"), demographics=followers, **counts)


def _of_the_page(graph: Graph, session: Session, account: Account, *, fields: str) -> Any:
    with of_the_account():
        return graph.get(session, account.access_token, account.remote_id, fields=fields)


def given(
    graph: Graph, session: Session, account: Account, subject: str, names: Iterable[str], *, now: datetime, **span: Any
) -> dict[str, Any]:
    """Return the insights; none if they are refused, as for a Page with less than a hundred likes."""
    try:
        return insights(graph, session, account, subject, names, now=now, **span)
    except Rejected:
        return {}


def insights(
    graph: Graph, session: Session, account: Account, subject: str, names: Iterable[str], *, now: datetime, **span: Any
) -> dict[str, Any]:
    """Return the last value of each metric that Facebook gives, by its name."""
    asked = not_refused(names, now=now)
    if not asked:
        return {}
    try:
        answer = graph.get(session, account.access_token, f"{subject}/insights", metric=",".join(asked), **span)
    except Rejected as error:
        if not _is_bad_name(error):
            raise
    else:
        return {dig_text(each, "name"): _last(each) for each in dig_list(answer, "data")}
    if len(asked) == 1:
        refused[asked[0]] = now
        return {}
    found: dict[str, Any] = {}
    for name in asked:
        found |= insights(graph, session, account, subject, [name], now=now, **span)
    return found


def _is_bad_name(error: PlatformError) -> bool:
    return error.network_code.partition("/")[0] == "100" and BAD_NAME in error.message


def _last(metric: Any) -> Any:
    values = dig_list(metric, "values")
    return dig(values[-1], "value") if values else None


def _sum(*counts: int | None) -> int | None:
    """Return the sum of the counts, None if one of them is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _percent(counts: Any) -> dict[str, int]:
    known = counts.items() if isinstance(counts, dict) else ()
    return in_percent({key: count for key, value in known if (count := sane_count(value))})
