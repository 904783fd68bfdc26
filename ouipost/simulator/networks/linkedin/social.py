"""Comments and reactions on LinkedIn, and the numbers of posts and accounts."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth, publishing
from ouipost.simulator.call import Call
from ouipost.simulator.models import Post
from ouipost.simulator.networks.linkedin.access import (
    ID,
    ONE_PAGE,
    ORGANIZATION,
    POSTING_ROLES,
    authorized,
    denied,
    error,
    existing,
    invalid,
    milliseconds,
    paging,
    raw_query,
    urn_of,
    urns_of,
    with_role,
    writer,
)

MAX_COMMENT = 1250
MOST = {"impressions": 1500, "reach": 750, "clicks": 30, "reactions": 60, "comments": 6, "shares": 4}
REACTIONS = {"LIKE": 60, "PRAISE": 12, "EMPATHY": 10, "INTEREST": 6, "APPRECIATION": 6, "ENTERTAINMENT": 4}
OF_MEMBERS = {
    "IMPRESSION": "impressions",
    "MEMBERS_REACHED": "reach",
    "RESHARE": "shares",
    "REACTION": "reactions",
    "COMMENT": "comments",
    "LINK_CLICKS": "clicks",
}
SINCE_202604 = ("LINK_CLICKS",)
KEPT = timedelta(days=366)
"""The age limit of organizations' statistics: twelve months."""
STATISTICS_SCOPES = ("rw_organization_admin", "r_organization_admin")
ENTITY = re.compile(r"\((?P<kind>share|ugc):(?P<urn>[^():,]+)\)")
DATE = r"\(year:(\d{4}),month:(\d{1,2}),day:(\d{1,2})\)"
DATES = re.compile(rf"\(start:{DATE},end:{DATE}\)")
INTERVALS = re.compile(r"\(timeRange:\(start:([0-9]{1,13}),end:([0-9]{1,13})\),timeGranularityType:DAY\)")


def comment(call: Call, urn: str) -> HttpResponse:
    """Comment on a post as its member or organization."""
    match call.json:
        case {"actor": str() as actor, "object": str() as target, "message": {"text": str() as text}}:
            pass
        case _:
            raise invalid("message", "Send actor, object and message.text", "MISSING_FIELD", 422)
    writer(call, actor, suffix="_feed")
    post = existing(urn)
    if target != urn:
        raise invalid("object", f"must be {urn}")
    if not text.strip() or len(text.encode("utf-16-le")) // 2 > MAX_COMMENT:
        raise invalid("message.text", f"must have 1 to {MAX_COMMENT} characters", "FIELD_LENGTH_TOO_LONG", 422)
    number = publishing.snowflake(call.now)
    made = publishing.publish(
        call,
        ID,
        account=actor,
        external_id=f"urn:li:comment:({urn},{number})",
        kind=Post.COMMENT,
        root=urn,
        parent=urn,
        text=text,
        url=post.url,
    )
    return JsonResponse(shown_comment(made), status=201, headers={"x-restli-id": number})


def shown_comment(post: Post) -> dict[str, Any]:
    """Return a comment as LinkedIn shows it."""
    at = {"actor": post.account, "time": milliseconds(post.created_at)}
    return {
        "id": post.external_id.rpartition(",")[2].rstrip(")"),
        "commentUrn": post.external_id,
        "actor": post.account,
        "object": post.root,
        "message": {"attributes": [], "text": post.text},
        "created": at,
        "lastModified": at,
    }


def comments(call: Call, urn: str) -> HttpResponse:
    """List the comments on a post of an organization."""
    authorized(call)
    post = existing(urn)
    if not post.account.startswith(ORGANIZATION):
        raise denied(f"{call.path} of a member's post")
    with_role(call, post.account, POSTING_ROLES, "r_organization_social_feed")
    found = Post.objects.listed(call.now, call.seconds("list_lag")).filter(network=ID, root=urn)
    asked, page = paging(call, found.count())
    elements = [shown_comment(each) for each in found.order_by("-created_at", "-pk")[asked]]
    return JsonResponse({"elements": elements} | page)


def social_metadata(call: Call, urn: str) -> HttpResponse:
    """Show the numbers of reactions and comments, to tokens that may read or write comments."""
    authorized(call, "r_organization_social_feed", "w_organization_social_feed", "w_member_social_feed")
    post = existing(urn)
    reactions = {name: grown(call, post, name, most) for name, most in REACTIONS.items()}
    count = counts(call, post)["comments"]
    return JsonResponse(
        {
            "entity": urn,
            "reactionSummaries": {
                name: {"reactionType": name, "count": many} for name, many in reactions.items() if many
            },
            "commentSummary": {"count": count, "topLevelCount": count},
            "commentsState": "OPEN",
        }
    )


def grown(call: Call, post: Post, metric: str, most: int, at: datetime | None = None) -> int:
    """Return a number of the post at a time, by default now."""
    return growth.grown(post.external_id, metric, since=post.created_at, now=at or call.now, most=most)


def counts(call: Call, post: Post, at: datetime | None = None) -> dict[str, int]:
    """Return all numbers of a post at a time; our own comments are among its comments."""
    found = {name: grown(call, post, name, most, at) for name, most in MOST.items()}
    own = Post.objects.alive().filter(network=ID, root=post.external_id, created_at__lte=at or call.now)
    return found | {"comments": found["comments"] + own.count()}


def statistics(found: dict[str, int]) -> dict[str, Any]:
    """Return numbers as the statistics of organizations name them."""
    acts = sum(found[name] for name in ("clicks", "reactions", "comments", "shares"))
    return {
        "impressionCount": found["impressions"],
        "uniqueImpressionsCount": found["reach"],
        "clickCount": found["clicks"],
        "likeCount": found["reactions"],
        "commentCount": found["comments"],
        "shareCount": found["shares"],
        "engagement": acts / found["impressions"] if found["impressions"] else 0,
    }


def share_statistics(call: Call) -> HttpResponse:
    """Show an organization's administrators the numbers of its posts, of all together, or of each day."""
    urn = urn_of(call, "organizationalEntity")
    if call.text("q") != "organizationalEntity":
        raise error(400, "Send q=organizationalEntity")
    with_role(call, urn, ("ADMINISTRATOR",), *STATISTICS_SCOPES)
    asked = {"share": urns_of(call, "shares"), "ugcPost": urns_of(call, "ugcPosts")}
    if any(asked.values()):
        elements = [each for kind, urns in asked.items() for each in of_posts(call, urn, kind, urns)]
    elif "timeIntervals" in call.params:
        elements = of_days(call, urn)
    else:
        elements = [{"totalShareStatistics": statistics(totals(call, urn, call.now)), "organizationalEntity": urn}]
    return JsonResponse({"elements": elements, "paging": ONE_PAGE})


def of_posts(call: Call, organization: str, kind: str, urns: list[str]) -> list[dict[str, Any]]:
    """Return the numbers of each post; those without any are left out."""
    if any(not urn.startswith(f"urn:li:{kind}:") for urn in urns):
        raise invalid(f"{kind}s", f"must be URNs of the type {kind}", "INVALID_URN_TYPE")
    elements = []
    for post in Post.objects.alive().of(ID, organization).filter(external_id__in=urns).order_by("pk"):
        if any((found := counts(call, post)).values()):
            facts = {"organizationalEntity": organization, kind: post.external_id}
            elements.append(facts | {"totalShareStatistics": statistics(found)})
    return elements


def totals(call: Call, author: str, at: datetime) -> dict[str, int]:
    """Return the numbers of all posts of an author together, as they stood at a time."""
    posts = Post.objects.alive().of(ID, author).filter(kind=Post.POST, created_at__lte=at)
    of_each = [counts(call, post, at) for post in posts]
    return {name: sum(found[name] for found in of_each) for name in MOST}


def between(call: Call, author: str, start: datetime, end: datetime) -> dict[str, int]:
    """Return the growth of the numbers of all posts in a period."""
    before, after = totals(call, author, start), totals(call, author, end)
    return {name: after[name] - before[name] for name in MOST}


def of_days(call: Call, organization: str) -> list[dict[str, Any]]:
    """Return the gains of an organization's posts on each of the requested days."""
    start, end = interval_of(call)
    elements = []
    while start < end:
        stop = start + timedelta(days=1)
        if any((gained := between(call, organization, start, stop)).values()):
            element = {"organizationalEntity": organization, "totalShareStatistics": statistics(gained)}
            range_ = {"start": milliseconds(start), "end": milliseconds(stop)}
            elements.append(element | {"timeRange": range_})
        start = stop
    return elements


def interval_of(call: Call) -> tuple[datetime, datetime]:
    """Return the requested period of statistics, or refuse an invalid one, or one beyond the age limit."""
    found = INTERVALS.fullmatch(raw_query(call)["timeIntervals"])
    if not found:
        raise invalid("timeIntervals", "Send (timeRange:(start:ms,end:ms),timeGranularityType:DAY)")
    start, end = map(int, found.groups())
    if not milliseconds(call.now - KEPT) <= start < end <= milliseconds(call.now + timedelta(days=1)):
        raise invalid("timeIntervals", "must lie within the last 12 months")
    return datetime.fromtimestamp(start / 1000, UTC), datetime.fromtimestamp(end / 1000, UTC)


def member_analytics(call: Call) -> HttpResponse:
    """Show a member one number of one post, or of all posts in a period."""
    token = authorized(call, "r_member_postAnalytics")
    kind = call.text("queryType")
    version = call.request.headers["LinkedIn-Version"]
    if kind not in OF_MEMBERS or (kind in SINCE_202604 and version < "202604"):
        raise invalid("queryType", f"must be one of {', '.join(OF_MEMBERS)}")
    if call.text("aggregation") not in ("", "TOTAL"):
        raise invalid("aggregation", "must be TOTAL here")
    match call.text("q"):
        case "entity":
            found = counts(call, entity_of(call, token.account))
        case "me":
            found = of_dates(call, token.account)
        case _:
            raise error(400, "q must be entity or me")
    element = {"count": found[OF_MEMBERS[kind]], "metricType": kind}
    return JsonResponse({"elements": [element], "paging": ONE_PAGE})


def entity_of(call: Call, member: str) -> Post:
    """Return the member's own post that the call names, or refuse."""
    found = ENTITY.fullmatch(raw_query(call).get("entity", ""))
    urn = unquote(found["urn"]) if found else ""
    if not found or not urn.startswith("urn:li:share:" if found["kind"] == "share" else "urn:li:ugcPost:"):
        raise invalid("entity", "Send (share:{encoded URN}) or (ugc:{encoded URN})", "INVALID_URN_TYPE")
    post = existing(urn)
    if post.account != member:
        raise denied(f"{call.path} of another's post")
    return post


def of_dates(call: Call, member: str) -> dict[str, int]:
    """Return the gains of a member's posts between two days, the second not included, or in all."""
    if "dateRange" not in call.params:
        return totals(call, member, call.now)
    found = DATES.fullmatch(raw_query(call)["dateRange"])
    if not found:
        raise invalid("dateRange", "Send (start:(year:2026,month:9,day:1),end:(year:2026,month:9,day:30))")
    year, month, day, *until = map(int, found.groups())
    try:
        start = datetime(year, month, day, tzinfo=UTC)
        end = datetime(until[0], until[1], until[2], tzinfo=UTC)
    except ValueError:
        raise invalid("dateRange", "is no date") from None
    return between(call, member, start, end)


def member_followers(call: Call) -> HttpResponse:
    """Show a member the number of their followers."""
    token = authorized(call, "r_member_profileAnalytics")
    if call.text("q") != "me":
        raise error(400, "q must be me")
    many = growth.followers(token.account, call.now)
    return JsonResponse({"elements": [{"memberFollowersCount": many}], "paging": ONE_PAGE})


def network_size(call: Call, urn: str) -> HttpResponse:
    """Show the number of an organization's followers."""
    authorized(call, *STATISTICS_SCOPES, "r_organization_followers")
    if call.text("edgeType") != "COMPANY_FOLLOWED_BY_MEMBER" or not urn.startswith(ORGANIZATION):
        raise invalid("edgeType", "must be COMPANY_FOLLOWED_BY_MEMBER")
    return JsonResponse({"firstDegreeSize": growth.followers(urn, call.now)})
