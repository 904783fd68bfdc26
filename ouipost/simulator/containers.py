"""Containers, through which Instagram and Threads publish: made, worked on, then published once or dead after a day."""

import secrets
from datetime import timedelta
from typing import Any

from ouipost.simulator import clips, graph, media, pulling
from ouipost.simulator.call import Call
from ouipost.simulator.clips import Clip
from ouipost.simulator.media import Picture
from ouipost.simulator.models import Media

LIFETIME = timedelta(hours=24)
MOST_WIDTH = 1920
FPS = (23, 60)
RATIOS = (0.01, 10)
CODECS = ("h264", "hevc")
SOUNDS = ("", "aac")
MOST_HERTZ = 48_000
CLIP_TYPES = ("video/mp4", "video/quicktime")

IN_PROGRESS, FINISHED, ERROR, EXPIRED, PUBLISHED = "IN_PROGRESS", "FINISHED", "ERROR", "EXPIRED", "PUBLISHED"


def make(
    call: Call,
    network: str,
    account: str,
    *,
    begins: str,
    content: bytes = b"",
    seen: Picture | Clip | None = None,
    failure: str = "",
    alt_text: str = "",
    **data: Any,
) -> Media:
    """Store a new container, ready after the delay of ordered faults; one with a `failure` never is."""
    return media.keep(
        call,
        network,
        account,
        f"{begins}{secrets.randbelow(10**14):014}",
        content,
        lifetime=LIFETIME,
        seen=seen,
        ready_at=call.ready_at,
        failed=bool(failure),
        alt_text=alt_text,
        data={"failure": failure} | data,
    )


def children_of(call: Call) -> list[str]:
    """Return the ids of the containers that a carousel is to be made of: from a JSON list, or text with commas."""
    value = call.params.get("children")
    ids = [str(each) for each in value] if isinstance(value, list) else call.text("children").split(",")
    return [each.strip() for each in ids if each.strip()]


def find(network: str, account: str, external_id: str) -> Media | None:
    """Return an account's container in whatever state, without its bytes."""
    rows = Media.objects.defer("content").filter(network=network, account=account, external_id=external_id)
    return rows.first() if external_id.isascii() and external_id.isdigit() else None


def state(container: Media, call: Call) -> str:
    """Return how far a container is."""
    if container.used:
        return PUBLISHED
    if container.expires_at <= call.now:
        return EXPIRED
    if container.ready_at > call.now:
        return IN_PROGRESS
    return ERROR if container.failed else FINISHED


def take(container: Media) -> bool:
    """Mark a container published, and return whether this caller was the first."""
    children = Media.objects.filter(
        network=container.network, account=container.account, external_id__in=container.data.get("children", [])
    )
    taken = bool(Media.objects.filter(pk=container.pk, used=False).update(used=True))
    children.update(used=True)
    return taken


def files(container: Media) -> list[Media]:
    """Return the files of a post made from this container, in order."""
    ids = container.data.get("children") or ([container.external_id] if container.size else [])
    rows = Media.objects.defer("content").filter(
        network=container.network, account=container.account, external_id__in=ids
    )
    found = {row.external_id: row for row in rows}
    return [found[each] for each in ids]


def made_since(call: Call, network: str, account: str) -> int:
    """Return how many containers the account has made within a day."""
    return Media.objects.filter(network=network, account=account, created_at__gt=call.now - LIFETIME).count()


def fetch(address: str, *, most: int) -> bytes:
    """Return the file as Meta's crawler would get it; raises pulling.Unreachable."""
    return pulling.fetch(address, most=most, agent=graph.AGENT)


def clip_of(content: bytes) -> Clip | None:
    """Return the facts of a video in a container format that Meta takes."""
    clip = clips.look_at_clip(content)
    return clip if clip and clip.mime in CLIP_TYPES else None


def mbits(content: bytes, clip: Clip) -> float:
    """Return how many megabits a second of this video takes."""
    return len(content) * 8 / clip.seconds / 1_000_000 if clip.seconds else 0
