"""Check the title and settings of a video by YouTube's own rules."""

from datetime import datetime
from typing import Any

from ouipost.simulator.call import Call
from ouipost.simulator.networks.youtube.access import invalid

MAX_TITLE = 100
MAX_DESCRIPTION_BYTES = 5000
MAX_TAGS = 500
BRACKETS = frozenset("<>")
PRIVACY = ("public", "unlisted", "private")
DEFAULT_CATEGORY = "22"
CATEGORIES = frozenset(["1", "2", "10", "15", "17", "19", "20", "22", "23", "24", "25", "26", "27", "28", "29"])
"""The possible categories of a video."""
FLAGS = ("selfDeclaredMadeForKids", "containsSyntheticMedia", "embeddable")


def checked(call: Call) -> dict[str, Any]:
    """Return the resource of the coming video, or refuse an invalid one."""
    body = call.json if isinstance(call.json, dict) else {}
    parts = set(call.query("part").split(","))
    for name in body.keys() - {"kind"}:
        if name not in parts:
            raise invalid("unexpectedPart", f"The part {name} was sent, and is not in the part parameter.")
    snippet, status = body.get("snippet", {}), body.get("status", {})
    if not isinstance(snippet, dict) or not isinstance(status, dict):
        raise invalid("invalidVideoMetadata", "The request metadata is invalid.")
    return {
        "snippet": {
            "title": title(snippet.get("title")),
            "description": description(snippet.get("description", "")),
            "tags": tags(snippet.get("tags", [])),
            "categoryId": category(snippet.get("categoryId", DEFAULT_CATEGORY)),
        },
        "status": settings(status),
    }


def title(value: Any) -> str:
    """Return a title, or refuse one that is missing, too long or has angle brackets."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_TITLE or BRACKETS & set(value):
        raise invalid("invalidTitle", "The request metadata specifies an invalid or empty video title.")
    return value.strip()


def description(value: Any) -> str:
    """Return a description, or refuse one that has too many bytes or angle brackets."""
    if not isinstance(value, str) or len(value.encode()) > MAX_DESCRIPTION_BYTES or BRACKETS & set(value):
        raise invalid("invalidDescription", "The request metadata specifies an invalid video description.")
    return value


def tags(values: Any) -> list[str]:
    """Return the tags, or refuse those that are too long when written in one line, with quotes if needed."""
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise invalid("invalidTags", "The request metadata specifies invalid video keywords.")
    line = ",".join(f'"{each}"' if " " in each else each for each in values)
    if len(line) > MAX_TAGS:
        raise invalid("invalidTags", "The request metadata specifies invalid video keywords.")
    return values


def category(value: Any) -> str:
    """Return the id of a category, or refuse an unknown one."""
    if value not in CATEGORIES:
        raise invalid("invalidCategoryId", "The request metadata specifies an invalid category ID.")
    return str(value)


def settings(status: dict[str, Any]) -> dict[str, Any]:
    """Return the privacy and the declarations of a video, or refuse an invalid value."""
    privacy = status.get("privacyStatus", "public")
    flags = {name: status[name] for name in FLAGS if name in status}
    if privacy not in PRIVACY or not all(isinstance(each, bool) for each in flags.values()):
        raise invalid("invalidVideoMetadata", "The request metadata is invalid.")
    return {"selfDeclaredMadeForKids": False} | flags | {"privacyStatus": privacy} | timed(status, privacy)


def timed(status: dict[str, Any], privacy: str) -> dict[str, str]:
    """Return when a private video becomes public, if given, or refuse an invalid time."""
    if "publishAt" not in status:
        return {}
    try:
        is_time = datetime.fromisoformat(status["publishAt"]).tzinfo is not None
    except (TypeError, ValueError):
        is_time = False
    if not is_time or privacy != "private":
        raise invalid("invalidPublishAt", "The request metadata specifies an invalid scheduled publishing time.")
    return {"publishAt": status["publishAt"]}
