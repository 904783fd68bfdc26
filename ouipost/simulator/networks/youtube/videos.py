"""YouTube's channels, videos and uploads playlists, as the Data API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth, people
from ouipost.simulator.call import Call, within
from ouipost.simulator.models import Account, Media, Post
from ouipost.simulator.networks.youtube.access import FORCE_SSL, ID, MANAGE, READ, authorized, refusal, writing

CHANNEL_PARTS = ("id", "snippet", "contentDetails", "statistics")
STATS_PARTS = ("id", "snippet", "statistics", "contentDetails")
VIDEO_PARTS = ("id", "snippet", "status", "statistics", "processingDetails", "contentDetails")
PLAYLIST_PARTS = ("id", "snippet", "contentDetails")
MOST_IDS = 50
NUMBERS = {"viewCount": 1500, "likeCount": 60, "favoriteCount": 0, "commentCount": 6}


def watch_url(video_id: str) -> str:
    """Return where a video is watched."""
    return f"https://www.youtube.com/watch?v={video_id}"


def parts_of(call: Call, known: Sequence[str]) -> list[str]:
    """Return the parts of a resource that were asked for, or refuse."""
    parts = [part for part in call.query("part").split(",") if part]
    if not parts:
        raise refusal(400, "required", "Required parameter: part", domain="global")
    for part in parts:
        if part not in known:
            raise refusal(400, "unknownPart", f"'{part}' is not a part of this resource.", domain="youtube.part")
    return parts


def page_size(call: Call, default: int, least: int, most: int) -> int:
    """Return how many items were asked for, or refuse a number out of bounds."""
    text = call.text("maxResults") or str(default)
    size = within(text, least, most)
    if size is None:
        message = f"Invalid value '{text}'. Values must be within the range: [{least}, {most}]"
        raise refusal(400, "invalidParameter", message, domain="global")
    return size


def stamp(at: datetime) -> str:
    """Return a time as YouTube writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def channels(call: Call) -> HttpResponse:
    """Show the channel that the token is for; a person without one gets an answer without items."""
    token = authorized(call, READ, MANAGE, FORCE_SSL)
    parts = parts_of(call, CHANNEL_PARTS)
    if call.text("mine") != "true":
        raise refusal(400, "missingRequiredParameter", "No filter selected.", domain="youtube.parameter")
    answer: dict[str, Any] = {"kind": "youtube#channelListResponse", "pageInfo": {"resultsPerPage": 5}}
    if token.account:
        answer["items"] = [channel(call, Account.objects.get(network=ID, external_id=token.account), parts)]
    return JsonResponse(answer)


def channel(call: Call, account: Account, parts: Sequence[str]) -> dict[str, Any]:
    """Return these parts of a channel."""
    uploads = Post.objects.alive().of(ID, account.external_id).filter(kind=Post.POST)
    views = sum(counted(call, post.external_id, post.created_at, "viewCount") for post in uploads)
    everything = {
        "snippet": {
            "title": account.name,
            "customUrl": f"@{account.username}",
            "thumbnails": {"default": {"url": people.avatar(call.base, account), "width": 88, "height": 88}},
        },
        "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": uploads_playlist(account.external_id)}},
        "statistics": {
            "viewCount": str(views),
            "subscriberCount": str(growth.followers(account.external_id, call.now)),
            "hiddenSubscriberCount": False,
            "videoCount": str(uploads.count()),
        },
    }
    shown = {part: everything[part] for part in parts if part != "id"}
    return {"kind": "youtube#channel", "id": account.external_id} | shown


def uploads_playlist(channel_id: str) -> str:
    """Return the id of the playlist of all that a channel has uploaded."""
    return f"UU{channel_id[2:]}"


def ids_of(call: Call) -> list[str]:
    """Return the ids of videos that were asked for, at most fifty, or refuse."""
    ids = list(dict.fromkeys(each for each in call.text("id").split(",") if each))
    if not ids:
        raise refusal(400, "missingRequiredParameter", "No filter selected.", domain="youtube.parameter")
    if len(ids) > MOST_IDS:
        raise refusal(400, "invalidFilters", f"At most {MOST_IDS} ids are taken.", domain="youtube.video")
    return ids


def videos(call: Call) -> HttpResponse:
    """Show up to fifty videos; those that are gone, or private and another's, are left out."""
    token = authorized(call, READ, MANAGE, FORCE_SSL)
    parts = parts_of(call, VIDEO_PARTS)
    items = [video(call, row, parts) for row in seen_by(call, token.account, ids_of(call))]
    return JsonResponse({"kind": "youtube#videoListResponse", "items": items})


def seen_by(call: Call, channel_id: str, ids: Sequence[str]) -> list[Media]:
    """Return these videos in this order, without those that are gone, or private and another's."""
    return [row for row in rows(ids) if row.account == channel_id or is_public(row, call.now)]


def rows(ids: Sequence[str]) -> list[Media]:
    """Return these videos in this order, without those that were deleted."""
    deleted = Post.objects.filter(network=ID, external_id__in=ids, deleted_at__isnull=False)
    gone = set(deleted.values_list("external_id", flat=True))
    kept = Media.objects.defer("content").filter(network=ID, external_id__in=ids, data__has_key="outcome")
    by_id = {row.external_id: row for row in kept}
    return [by_id[each] for each in ids if each in by_id and each not in gone]


def is_public(row: Media, now: datetime) -> bool:
    """Return whether anybody may watch the video who knows its id."""
    return not row.failed and privacy(row, now) != "private"


def privacy(row: Media, now: datetime) -> str:
    """Return who may see the video: all, once the time has come that was set for it."""
    status = row.data["video"]["status"]
    is_out = "publishAt" in status and datetime.fromisoformat(status["publishAt"]) <= now
    return "public" if is_out else str(status["privacyStatus"])


def video(call: Call, row: Media, parts: Sequence[str]) -> dict[str, Any]:
    """Return these parts of a video; numbers are texts."""
    status, processing = state(row, call.now)
    resource = row.data["video"]
    everything = {
        "snippet": resource["snippet"] | {"channelId": row.account, "publishedAt": stamp(row.created_at)},
        "status": resource["status"] | {"privacyStatus": privacy(row, call.now)} | status,
        "statistics": statistics(call, row),
        "processingDetails": {"processingStatus": processing},
        "contentDetails": {"duration": f"PT{row.data.get('seconds', 0):.0f}S"},
    }
    return {"kind": "youtube#video", "id": row.external_id} | {part: everything[part] for part in parts if part != "id"}


def state(row: Media, now: datetime) -> tuple[dict[str, str], str]:
    """Return how far YouTube is with a video, in the words of its status and of its processing."""
    if now < row.ready_at:
        return {"uploadStatus": "uploaded"}, "processing"
    if row.data["outcome"]:
        return row.data["outcome"], "failed"
    return {"uploadStatus": "processed"}, "succeeded"


def statistics(call: Call, row: Media) -> dict[str, str]:
    """Return a video's counters; comments that are off have none."""
    numbers = {name: counted(call, row.external_id, row.created_at, name) for name in NUMBERS}
    numbers["commentCount"] += Post.objects.alive().filter(network=ID, root=row.external_id).count()
    if row.data["video"]["status"]["selfDeclaredMadeForKids"]:
        del numbers["commentCount"]
    return {name: str(number) for name, number in numbers.items()}


def counted(call: Call, video_id: str, since: datetime, name: str) -> int:
    """Return a number of a video as it stands now."""
    return growth.grown(video_id, name, since=since, now=call.now, most=NUMBERS[name])


def batch_stats(call: Call) -> HttpResponse:
    """Show the counters of up to fifty videos, from a quota of its own, and sum up of how many it could.

    https://developers.google.com/youtube/v3/docs/videos/batchGetStats
    """
    token = authorized(call, READ, MANAGE, FORCE_SSL)
    parts, ids = parts_of(call, STATS_PARTS), ids_of(call)
    items = [stats(call, row, parts) for row in seen_by(call, token.account, ids)]
    failed = [each for each in ids if each not in {item["id"] for item in items}]
    counts = {"requestedVideoCount": len(ids), "succeededVideoCount": len(items), "failedVideoCount": len(failed)}
    summary = {**counts, "failedVideoIds": failed}
    return JsonResponse({"kind": "youtube#batchGetStatsResponse", "items": items, "summary": summary})


def stats(call: Call, row: Media, parts: Sequence[str]) -> dict[str, Any]:
    """Return these parts of a video's statistics."""
    seconds = row.data.get("seconds", 0)
    everything = {
        "snippet": {"publishTime": stamp(row.created_at)},
        "statistics": {name: number for name, number in statistics(call, row).items() if name != "favoriteCount"},
        "contentDetails": {"duration": f"PT{seconds:.0f}S", "durationMillis": f"{seconds * 1000:.0f}"},
    }
    shown = {part: everything[part] for part in parts if part != "id"}
    return {"kind": "youtube#videoStats", "id": row.external_id} | shown


def delete(call: Call) -> HttpResponse:
    """Delete a video of the caller's channel."""
    token = writing(call, MANAGE, FORCE_SSL)
    posts = Post.objects.alive().filter(network=ID, external_id=call.text("id"), kind=Post.POST)
    if not posts.exists():
        raise refusal(404, "videoNotFound", "The video cannot be found.", domain="youtube.video")
    if not posts.filter(account=token.account).update(deleted_at=call.now):
        raise refusal(
            403, "forbidden", "The video cannot be deleted.", domain="youtube.video", word="PERMISSION_DENIED"
        )
    return HttpResponse(status=204)


def playlist_items(call: Call) -> HttpResponse:
    """List a channel's uploads, newest first."""
    token = authorized(call, READ, MANAGE, FORCE_SSL)
    parts = parts_of(call, PLAYLIST_PARTS)
    size = page_size(call, 5, 0, 50)
    if not token.account or call.text("playlistId") != uploads_playlist(token.account):
        raise refusal(404, "playlistNotFound", "The playlist cannot be found.", domain="youtube.playlistItem")
    posts = Post.objects.of(ID, token.account).listed(call.now, call.seconds("list_lag")).filter(kind=Post.POST)
    if last := posts.filter(external_id=call.text("pageToken") or "-").first():
        posts = posts.older_than(last)
    found = list(posts.order_by("-created_at", "-pk")[: size + 1])
    answer: dict[str, Any] = {
        "kind": "youtube#playlistItemListResponse",
        "items": [playlist_item(post, parts) for post in found[:size]],
    }
    if len(found) > size > 0:
        answer["nextPageToken"] = found[size - 1].external_id
    return JsonResponse(answer)


def playlist_item(post: Post, parts: Sequence[str]) -> dict[str, Any]:
    """Return these parts of an entry of the uploads playlist."""
    at = stamp(post.created_at)
    everything = {
        "snippet": {
            "title": post.data["title"],
            "description": post.text,
            "channelId": post.account,
            "publishedAt": at,
            "resourceId": {"kind": "youtube#video", "videoId": post.external_id},
        },
        "contentDetails": {"videoId": post.external_id, "videoPublishedAt": at},
    }
    shown = {part: everything[part] for part in parts if part != "id"}
    return {"kind": "youtube#playlistItem", "id": f"UU.{post.external_id}"} | shown
