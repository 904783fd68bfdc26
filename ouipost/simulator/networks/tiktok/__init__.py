"""TikTok: sign-in, posts of videos and photos, their numbers; with its quotas by minute and by day."""

from datetime import timedelta

from ouipost.simulator import limits, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.networks.tiktok import access, creators, posting, videos

WEB = ("www.tiktok.com",)
API = ("open.tiktokapis.com",)
UPLOADS = (access.UPLOAD_HOST,)
MINUTE = timedelta(minutes=1)
LIMITS = {
    creators.creator_info: 20,
    posting.begin_video: 6,
    posting.begin_photos: 6,
    posting.begin_draft: 6,
    posting.fetch_status: 30,
    videos.user_info: 600,
    videos.list_videos: 600,
    videos.query_videos: 600,
}
"""Calls a minute for each person and app."""


def admit(call: Call, route: Route) -> None:
    """Count the call against its limit per minute; no header shows the rest."""
    most = LIMITS.get(route.handler)
    if most is None or call.token is None:
        return
    key = f"{access.ID}:{call.token.grant}:{route.handler.__name__}"
    if limits.take(key, limit=most, window=MINUTE, now=call.now).exceeded:
        raise access.error(429, "rate_limit_exceeded")


PUBLISH = "/v2/post/publish"
NETWORK = Network(
    id=access.ID,
    hosts=WEB + API + UPLOADS,
    not_found=access.missing_path,
    identify=access.identify,
    revoke=tokens.revoke_app,
    admit=admit,
    routes=(
        *form(hosts=WEB, pattern="/v2/auth/authorize/?", handler=access.authorize),
        Route(method="GET", hosts=WEB, pattern=r"/@[^/]*/(?:video|photo)/(?P<post_id>\d+)/?", handler=videos.permalink),
        Route(method="GET", hosts=WEB, pattern=r"/@(?P<username>[^/]+)/?", handler=videos.profile),
        Route(method="POST", hosts=API, pattern="/v2/oauth/token/", handler=access.token),
        Route(method="POST", hosts=API, pattern="/v2/oauth/revoke/", handler=access.revoke),
        Route(method="GET", hosts=API, pattern="/v2/user/info/", handler=videos.user_info),
        Route(method="POST", hosts=API, pattern="/v2/video/list/", handler=videos.list_videos),
        Route(method="POST", hosts=API, pattern="/v2/video/query/", handler=videos.query_videos),
        Route(
            method="POST", hosts=API, pattern=f"{PUBLISH}/creator_info/query/", handler=creators.creator_info
        ),
        Route(method="POST", hosts=API, pattern=f"{PUBLISH}/video/init/", handler=posting.begin_video,
              visible=posting.pulls, upload=posting.pulls),
        Route(method="POST", hosts=API, pattern=f"{PUBLISH}/inbox/video/init/", handler=posting.begin_draft),
        Route(method="POST", hosts=API, pattern=f"{PUBLISH}/content/init/", handler=posting.begin_photos,
              visible=True, upload=True),
        Route(method="POST", hosts=API, pattern=f"{PUBLISH}/status/fetch/", handler=posting.fetch_status),
        Route(method="POST", hosts=API, pattern=f"{PUBLISH}/cancel/", handler=posting.cancel),
        Route(method="PUT", hosts=UPLOADS, pattern="/video/", handler=posting.put_chunk,
              visible=posting.completes, upload=posting.completes),
    ),
)  # fmt: skip
