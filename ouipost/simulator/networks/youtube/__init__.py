"""YouTube's routes, and the quotas of a project, which reset at midnight Pacific time."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse

from ouipost.simulator import limits, pages, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.models import Media
from ouipost.simulator.networks.youtube import access, comments, reports, uploads, videos
from ouipost.simulator.networks.youtube.access import ID, LOOK, refusal

SIGN_IN, OAUTH = ("accounts.google.com",), ("oauth2.googleapis.com",)
DATA, REPORTS = ("youtube.googleapis.com", "www.googleapis.com"), ("youtubeanalytics.googleapis.com",)
UPLOADS, WEB = ("www.googleapis.com",), ("www.youtube.com", "youtube.com")
PACIFIC = ZoneInfo("America/Los_Angeles")
BUCKETS = {"uploads": 100, "batches": 10_000, "units": 10_000}
"""A project's daily quota of each bucket."""
COSTS: dict[Callable[..., HttpResponse], tuple[str, int]] = {
    uploads.start: ("uploads", 1),
    videos.batch_stats: ("batches", 1),
    videos.channels: ("units", 1),
    videos.videos: ("units", 1),
    videos.playlist_items: ("units", 1),
    videos.delete: ("units", 50),
    comments.listing: ("units", 1),
    comments.insert_thread: ("units", 50),
    comments.insert_reply: ("units", 50),
}


def admit(call: Call, route: Route) -> None:
    """Count the call against its project's daily quota; refuse it beyond that."""
    if route.handler not in COSTS or call.token is None:
        return
    bucket, cost = COSTS[route.handler]
    day = call.now.astimezone(PACIFIC).date()
    key = f"{ID}:{call.token.client_id}:{bucket}:{day}"
    usage = limits.take(key, limit=BUCKETS[bucket], window=timedelta(days=2), now=call.now, cost=cost)
    if usage.exceeded and bucket == "uploads":
        limit = "quota metric 'Video Uploads' and limit 'Video Uploads per day'"
        message = f"Quota exceeded for {limit} of service 'youtube.googleapis.com'."
        raise refusal(429, "rateLimitExceeded", message, domain="global", word="RESOURCE_EXHAUSTED")
    if usage.exceeded:
        message = "The request cannot be completed because you have exceeded your quota."
        raise refusal(403, "quotaExceeded", message, domain="youtube.quota")


def watch(call: Call, video_id: str = "") -> HttpResponse:
    """Show a video to anybody, unless it is private."""
    number = video_id or call.text("v")
    row = Media.objects.defer("content").filter(network=ID, external_id=number, data__has_key="outcome").first()
    if row and not videos.is_public(row, call.now):
        return pages.problem(LOOK, "This video isn't available any more, or is private.", status=404)
    return pages.permalink(call, LOOK, ID, number)


def data(method: str, name: str, handler: Callable[..., HttpResponse], *, visible: bool = False) -> Route:
    """Return the route of a method of the Data API."""
    return Route(method=method, hosts=DATA, pattern=f"/youtube/v3/{name}", handler=handler, visible=visible)


UPLOAD_PATH = "/upload/youtube/v3/videos"
NETWORK = Network(
    id=ID,
    hosts=(*SIGN_IN, *OAUTH, *DATA, *REPORTS, *WEB),
    not_found=access.missing_path,
    identify=access.identify,
    revoke=tokens.revoke_grant,
    admit=admit,
    routes=(
        *form(hosts=SIGN_IN, pattern="/o/oauth2/v2/auth", handler=access.authorize),
        Route(method="POST", hosts=OAUTH, pattern="/token", handler=access.token),
        Route(method="POST", hosts=OAUTH, pattern="/revoke", handler=access.revoke),
        Route(method="POST", hosts=UPLOADS, pattern=UPLOAD_PATH, handler=uploads.start),
        Route(
            method="PUT",
            hosts=UPLOADS,
            pattern=UPLOAD_PATH,
            handler=uploads.put,
            visible=uploads.completes,
            upload=uploads.brings_bytes,
        ),
        data("GET", "channels", videos.channels),
        data("GET", "videos", videos.videos),
        data("GET", "videos:batchGetStats", videos.batch_stats),
        data("DELETE", "videos", videos.delete),
        data("GET", "playlistItems", videos.playlist_items),
        data("GET", "commentThreads", comments.listing),
        data("POST", "commentThreads", comments.insert_thread, visible=True),
        data("POST", "comments", comments.insert_reply, visible=True),
        Route(method="GET", hosts=REPORTS, pattern="/v2/reports", handler=reports.query),
        Route(method="GET", hosts=WEB, pattern="/watch", handler=watch),
        Route(method="GET", hosts=WEB, pattern=r"/shorts/(?P<video_id>[\w-]{11})/?", handler=watch),
    ),
)
