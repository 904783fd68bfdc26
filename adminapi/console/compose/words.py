"""The console's words for the networks' options and their values; those without a word are shown by their names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ouipost.translating import about, translated
from posts.schedules.slots import shown

OPTIONS = {
    "post_type": gettext_lazy("Kind of post"),
    "first_comment": gettext_lazy("First comment"),
    "thread": gettext_lazy("More posts of the thread"),
    "share_to_feed": gettext_lazy("Show the reel in the feed too"),
    "thumb_offset": gettext_lazy("Cover picture: milliseconds from the start"),
    "reply_settings": gettext_lazy("Who can reply"),
    "reply_control": gettext_lazy("Who can reply"),
    "made_with_ai": gettext_lazy("Made with AI"),
    "is_aigc": gettext_lazy("Made with AI"),
    "synthetic_media": gettext_lazy("Made with AI, and looks real"),
    "paid_partnership": gettext_lazy("Paid partnership"),
    "visibility": gettext_lazy("Who can see it"),
    "privacy_level": gettext_lazy("Who can see it"),
    "privacy": gettext_lazy("Who can see it"),
    "disable_comment": gettext_lazy("Turn comments off"),
    "disable_duet": gettext_lazy("Turn duets off"),
    "disable_stitch": gettext_lazy("Turn stitches off"),
    "brand_content_toggle": gettext_lazy("Paid partnership"),
    "brand_organic_toggle": gettext_lazy("Promotes our own business"),
    "auto_add_music": gettext_lazy("Let the network add music"),
    "video_cover_timestamp_ms": gettext_lazy("Cover picture: milliseconds from the start"),
    "photo_cover_index": gettext_lazy("Cover picture: its number, counted from 0"),
    "tags": gettext_lazy("Tags"),
    "category": gettext_lazy("Category"),
    "made_for_kids": gettext_lazy("Made for kids"),
    "notify_subscribers": gettext_lazy("Notify subscribers"),
    "board_id": gettext_lazy("Board"),
    "board_section_id": gettext_lazy("Section of the board (its id)"),
    "link": gettext_lazy("Link of the pin"),
    "cover_image_key_frame_time": gettext_lazy("Cover picture: milliseconds from the start"),
    "topic_tag": gettext_lazy("Topic"),
    "langs": gettext_lazy("Languages, such as en or fr"),
}
VALUES = {
    "post_type": {
        "feed": gettext_lazy("Post"),
        "story": gettext_lazy("Story"),
        "reel": gettext_lazy("Reel"),
        "short": gettext_lazy("Short"),
        "document": gettext_lazy("Document"),
    },
    "reply_settings": {
        "following": gettext_lazy("People that the account follows"),
        "mentionedUsers": gettext_lazy("People who are mentioned"),
        "subscribers": gettext_lazy("Subscribers"),
        "verified": gettext_lazy("Verified accounts"),
    },
    "reply_control": {
        "everyone": gettext_lazy("Everyone"),
        "accounts_you_follow": gettext_lazy("People that the account follows"),
        "mentioned_only": gettext_lazy("People who are mentioned"),
        "parent_post_author_only": gettext_lazy("Only the author of the first post"),
        "followers_only": gettext_lazy("Followers"),
    },
    "visibility": {
        "PUBLIC": gettext_lazy("Everyone"),
        "CONNECTIONS": gettext_lazy("Connections"),
        "LOGGED_IN": gettext_lazy("Everyone who is logged in"),
    },
    "privacy_level": {
        "PUBLIC_TO_EVERYONE": gettext_lazy("Everyone"),
        "FOLLOWER_OF_CREATOR": gettext_lazy("Followers"),
        "MUTUAL_FOLLOW_FRIENDS": gettext_lazy("Friends"),
        "SELF_ONLY": gettext_lazy("Only the account itself"),
    },
    "privacy": {
        "public": gettext_lazy("Everyone"),
        "unlisted": gettext_lazy("Whoever has the link"),
        "private": gettext_lazy("Only the account itself"),
    },
    "category": {
        "1": gettext_lazy("Film and animation"),
        "2": gettext_lazy("Cars and vehicles"),
        "10": gettext_lazy("Music"),
        "15": gettext_lazy("Pets and animals"),
        "17": gettext_lazy("Sports"),
        "19": gettext_lazy("Travel and events"),
        "20": gettext_lazy("Gaming"),
        "22": gettext_lazy("People and blogs"),
        "23": gettext_lazy("Comedy"),
        "24": gettext_lazy("Entertainment"),
        "25": gettext_lazy("News and politics"),
        "26": gettext_lazy("How-to and style"),
        "27": gettext_lazy("Education"),
        "28": gettext_lazy("Science and technology"),
        "29": gettext_lazy("Charities and activism"),
    },
}
LONG = {"first_comment"}
"""Options that are written on several lines."""
FIELDS = {
    "content": gettext_lazy("Text"),
    "title": gettext_lazy("Title"),
    "link": gettext_lazy("Link"),
    "hashtags": gettext_lazy("Hashtags"),
    "media": gettext_lazy("Pictures and videos"),
    "platforms": gettext_lazy("Accounts"),
    "schedule_id": gettext_lazy("Schedule"),
    "scheduled_at": gettext_lazy("Date and time"),
}
"""Labels by the first part of an issue's field."""


def local(moment: datetime, zone: str) -> str:
    """Return a moment in a zone's local time."""
    local = datetime.fromisoformat(shown(moment, zone=zone))
    return f"{date_format(local, 'D')} {date_format(local, 'DATETIME_FORMAT')}"


def option(name: str) -> str:
    """Return the label of an option."""
    return str(OPTIONS.get(name, _readable(name)))


def value(name: str, given: Any) -> str:
    """Return the label of an option's value."""
    return str(VALUES.get(name, {}).get(str(given), given))


def field(path: str) -> str:
    """Return the label of an issue's field: `options.board_id` is the board, `media.1` the second file."""
    head, _dot, rest = path.partition(".")
    if head == "options":
        name, _dot, position = rest.partition(".")
        return f"{option(name)} {int(position) + 1}" if position.isdecimal() else option(name)
    if head == "media" and rest.partition(".")[0].isdecimal():
        return _("File %(number)d") % {"number": int(rest.partition(".")[0]) + 1}
    return str(FIELDS.get(head, _readable(head)))


def of_field(path: str, text: str) -> str:
    """Return a sentence after the label of its field; without a label if it names the field itself."""
    return about(field(path), text) if path in FIELDS else text


def describe(issue: Mapping[str, Any]) -> tuple[str, str]:
    """Return an issue's message and fix for a person: those of the rules, unless they are worded for programs."""
    if issue["rule"] == "option_required":
        return _("It is needed."), _("Choose it under “For each network”.")
    fix = "" if issue["fix"].startswith("POST ") else issue["fix"]
    return translated(issue["message"]), translated(fix)


def _readable(name: str) -> str:
    return name.replace("_", " ").capitalize()
