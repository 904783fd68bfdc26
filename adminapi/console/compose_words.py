"""What the console calls the networks' options and their values; one without a word here is shown by its own name."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

OPTIONS = {
    "post_type": lazy("Kind of post"),
    "first_comment": lazy("First comment"),
    "thread": lazy("More posts of the thread"),
    "share_to_feed": lazy("Show the reel in the feed too"),
    "thumb_offset": lazy("Cover picture: milliseconds from the start"),
    "reply_settings": lazy("Who can reply"),
    "reply_control": lazy("Who can reply"),
    "made_with_ai": lazy("Made with AI"),
    "is_aigc": lazy("Made with AI"),
    "synthetic_media": lazy("Made with AI, and looks real"),
    "paid_partnership": lazy("Paid partnership"),
    "visibility": lazy("Who can see it"),
    "privacy_level": lazy("Who can see it"),
    "privacy": lazy("Who can see it"),
    "disable_comment": lazy("Turn comments off"),
    "disable_duet": lazy("Turn duets off"),
    "disable_stitch": lazy("Turn stitches off"),
    "brand_content_toggle": lazy("Paid partnership"),
    "brand_organic_toggle": lazy("Promotes our own business"),
    "auto_add_music": lazy("Let the network add music"),
    "video_cover_timestamp_ms": lazy("Cover picture: milliseconds from the start"),
    "photo_cover_index": lazy("Cover picture: its number, counted from 0"),
    "tags": lazy("Tags"),
    "category": lazy("Category"),
    "made_for_kids": lazy("Made for kids"),
    "notify_subscribers": lazy("Notify subscribers"),
    "board_id": lazy("Board"),
    "board_section_id": lazy("Section of the board (its id)"),
    "link": lazy("Link of the pin"),
    "cover_image_key_frame_time": lazy("Cover picture: seconds from the start"),
    "topic_tag": lazy("Topic"),
    "langs": lazy("Languages, such as en or fr"),
}
VALUES = {
    "post_type": {
        "feed": lazy("Post"),
        "story": lazy("Story"),
        "reel": lazy("Reel"),
        "short": lazy("Short"),
        "document": lazy("Document"),
    },
    "reply_settings": {
        "following": lazy("People that the account follows"),
        "mentionedUsers": lazy("People who are mentioned"),
        "subscribers": lazy("Subscribers"),
        "verified": lazy("Verified accounts"),
    },
    "reply_control": {
        "everyone": lazy("Everyone"),
        "accounts_you_follow": lazy("People that the account follows"),
        "mentioned_only": lazy("People who are mentioned"),
        "parent_post_author_only": lazy("Only the author of the first post"),
        "followers_only": lazy("Followers"),
    },
    "visibility": {
        "PUBLIC": lazy("Everyone"),
        "CONNECTIONS": lazy("Connections"),
        "LOGGED_IN": lazy("Everyone who is logged in"),
    },
    "privacy_level": {
        "PUBLIC_TO_EVERYONE": lazy("Everyone"),
        "FOLLOWER_OF_CREATOR": lazy("Followers"),
        "MUTUAL_FOLLOW_FRIENDS": lazy("Friends"),
        "SELF_ONLY": lazy("Only the account itself"),
    },
    "privacy": {
        "public": lazy("Everyone"),
        "unlisted": lazy("Whoever has the link"),
        "private": lazy("Only the account itself"),
    },
    "category": {
        "1": lazy("Film and animation"),
        "2": lazy("Cars and vehicles"),
        "10": lazy("Music"),
        "15": lazy("Pets and animals"),
        "17": lazy("Sports"),
        "19": lazy("Travel and events"),
        "20": lazy("Gaming"),
        "22": lazy("People and blogs"),
        "23": lazy("Comedy"),
        "24": lazy("Entertainment"),
        "25": lazy("News and politics"),
        "26": lazy("How-to and style"),
        "27": lazy("Education"),
        "28": lazy("Science and technology"),
        "29": lazy("Charities and activism"),
    },
}
LONG = {"first_comment"}
"""Options that are written on several lines."""
FIELDS = {
    "content": lazy("Text"),
    "title": lazy("Title"),
    "link": lazy("Link"),
    "hashtags": lazy("Hashtags"),
    "media": lazy("Pictures and videos"),
    "platforms": lazy("Accounts"),
    "schedule_id": lazy("Schedule"),
    "scheduled_at": lazy("Date and time"),
}
"""By the first part of the field that an issue names."""


def option(name: str) -> str:
    """Return what an option is called."""
    return str(OPTIONS.get(name, _readable(name)))


def value(name: str, given: Any) -> str:
    """Return what a value of an option is called."""
    return str(VALUES.get(name, {}).get(str(given), given))


def field(path: str) -> str:
    """Return what the field of an issue is called: `options.board_id` is the board, `media.1` the second file."""
    head, _dot, rest = path.partition(".")
    if head == "options":
        name, _dot, position = rest.partition(".")
        return f"{option(name)} {int(position) + 1}" if position.isdecimal() else option(name)
    if head == "media" and rest.partition(".")[0].isdecimal():
        return _("File %(number)d") % {"number": int(rest.partition(".")[0]) + 1}
    return str(FIELDS.get(head, _readable(head)))


def told(issue: Mapping[str, Any]) -> tuple[str, str]:
    """Return what an issue says and how to mend it, for a person: the rules' words, unless they are for programs."""
    if issue["rule"] == "option_required":
        return _("It is needed."), _("Choose it under “For each network”.")
    fix = str(issue["fix"])
    return str(issue["message"]), "" if fix.startswith("POST ") else fix


def _readable(name: str) -> str:
    return name.replace("_", " ").capitalize()
