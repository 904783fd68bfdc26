"""Every allowed endpoint of the networks, written by hand from their documentation and not from the connectors."""

import re
from functools import cache
from urllib.parse import urlsplit

META = "GET {id}, POST {id}/comments, GET {id}/comments, GET {id}/insights"
CONTAINERS = (
    f"{META}, GET me, POST {{id}}/media, GET {{id}}/media, POST {{id}}/media_publish, GET {{id}}/stories, "
    "GET {id}/content_publishing_limit"
)
FACEBOOK_LOGIN = (
    "POST oauth/access_token, GET oauth/access_token, GET me, GET me/permissions, GET me/accounts, GET me/businesses, "
    "GET {id}/owned_pages, GET {id}/client_pages, DELETE {id}/permissions"
)
TABLE = {
    "facebook": {
        "graph.facebook.com/{v}": f"{META}, {FACEBOOK_LOGIN}, DELETE me/permissions, POST {{id}}/feed, "
        "POST {id}/photos, POST {id}/photo_stories, POST {id}/video_reels, POST {id}/video_stories, "
        "GET {id}/published_posts, GET {id}/stories",
        "graph-video.facebook.com/{v}": "POST {id}/videos",
        "rupload.facebook.com/video-upload/{v}": "POST {id}",
    },
    "instagram": {
        "api.instagram.com": "POST oauth/access_token",
        "graph.instagram.com": "GET access_token, GET refresh_access_token",
        "graph.instagram.com/{v}": f"{CONTAINERS}, DELETE me/permissions",
        "graph.facebook.com/{v}": f"{CONTAINERS}, {FACEBOOK_LOGIN}",
    },
    "twitter": {
        "api.x.com/{n}": "POST oauth2/token, POST oauth2/revoke, GET users/me, GET users/{id}/tweets, POST tweets, "
        "GET tweets, POST media/upload, GET media/upload, POST media/upload/initialize, "
        "POST media/upload/{id}/append, POST media/upload/{id}/finalize, POST media/metadata",
    },
    "linkedin": {
        "www.linkedin.com": "POST oauth/v2/accessToken, POST oauth/v2/revoke, PUT dms-uploads/{place}",
        "api.linkedin.com/v2": "GET userinfo, GET me, GET organizations/{id}",
        "api.linkedin.com/rest": "GET organizationAcls, GET organizations/{id}, GET networkSizes/{id}, "
        "GET memberFollowersCount, POST posts, GET posts, POST images, POST documents, GET documents/{id}, "
        "POST videos, GET videos/{id}, POST socialActions/{id}/comments, GET socialActions/{id}/comments, "
        "GET socialMetadata/{id}, GET organizationalEntityShareStatistics, GET memberCreatorPostAnalytics",
        "{page}": "GET {place}",
    },
    "tiktok": {
        "open.tiktokapis.com/{v}": "POST oauth/token/, POST oauth/revoke/, GET user/info/, POST video/list/, "
        "POST video/query/, POST post/publish/creator_info/query/, POST post/publish/video/init/, "
        "POST post/publish/content/init/, POST post/publish/status/fetch/",
        "open-upload.tiktokapis.com": "PUT video/",
    },
    "youtube": {
        "oauth2.googleapis.com": "POST token, POST revoke",
        "youtube.googleapis.com/youtube/{v}": "GET channels, GET videos, GET videos:batchGetStats, GET playlistItems, "
        "GET commentThreads, POST commentThreads",
        "www.googleapis.com/upload/youtube/{v}": "POST videos, PUT videos",
        "youtubeanalytics.googleapis.com/{v}": "GET reports",
    },
    "pinterest": {
        "api.pinterest.com/{v}": "POST oauth/token, GET user_account, GET user_account/analytics, GET boards, "
        "GET boards/{id}/pins, GET boards/{id}/sections, GET boards/{id}/sections/{id}/pins, POST pins, GET pins/{id}, "
        "GET pins/{id}/analytics, POST media, GET media/{id}",
        "{storage}": "POST ",
    },
    "threads": {
        "graph.threads.net": "POST oauth/access_token, GET access_token, GET refresh_access_token",
        "graph.threads.net/{v}": "GET me, GET debug_token, GET {id}, POST {id}/threads, POST {id}/threads_publish, "
        "GET {id}/threads_publishing_limit, GET me/threads, GET me/replies, GET {id}/insights, "
        "GET {id}/threads_insights",
    },
    "bluesky": {
        "{pds}/xrpc": "POST com.atproto.server.createSession, POST com.atproto.server.refreshSession, "
        "POST com.atproto.server.deleteSession, GET com.atproto.server.getServiceAuth, "
        "GET com.atproto.identity.resolveHandle, POST com.atproto.repo.uploadBlob, POST com.atproto.repo.putRecord, "
        "GET com.atproto.repo.getRecord, GET com.atproto.repo.listRecords, GET app.bsky.actor.getProfile, "
        "GET app.bsky.feed.getPosts",
        "video.bsky.app/xrpc": "GET app.bsky.video.getUploadLimits, POST app.bsky.video.uploadVideo, "
        "POST app.bsky.video.startUpload, POST app.bsky.video.uploadPart, POST app.bsky.video.finishUpload, "
        "GET app.bsky.video.getJobStatus",
        "plc.directory": "GET {did}",
        "{host}": "GET .well-known/did.json",
        "{page}": "GET {place}",
    },
}
API_HOST = r"[^/]*\b(?:facebook|instagram|x|linkedin|tiktokapis|googleapis|pinterest|threads)\."
ENDPOINTS = {
    network: [
        f"{method} {host}/{path}"
        for host, calls in hosts.items()
        for method, path in (call.split(" ") for call in calls.split(", "))
    ]
    for network, hosts in TABLE.items()
}
PARTS = {
    "{id}": r"[\w.%-]*\d[\w.%-]*",
    "{v}": r"v\d+(?:\.\d+)?",
    "{n}": r"\d+",
    "{pds}": r"[\w.:-]+",
    "{did}": r"did:plc:\w+",
    "{host}": r"[\w.-]+",
    "{page}": rf"(?!{API_HOST}|\S*/xrpc/)[^/]+",
    "{storage}": r"[\w.-]*media-upload[\w.-]*",
    "{place}": r".*",
}
"""The patterns of the names in the table; a page is the target of a link, on any host that is no network's."""


def endpoint(network: str, method: str, url: str) -> str:
    """Return the first matching endpoint of the network's table, or the call itself if there is none."""
    parts = urlsplit(url)
    call = f"{method} {parts.netloc}{parts.path or '/'}"
    return next((each for each in ENDPOINTS[network] if _pattern(each).fullmatch(call)), call)


def is_known(method: str, url: str) -> bool:
    """Return whether this is an endpoint of any network."""
    return any(endpoint(network, method, url) in ENDPOINTS[network] for network in ENDPOINTS)


@cache
def _pattern(row: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\})", row)
    return re.compile("".join(PARTS.get(part) or re.escape(part) for part in parts))
