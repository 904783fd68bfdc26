"""What a network's profile of an account changes in its row."""

import re
from datetime import datetime
from typing import Any

import regex

from accounts.models import NAME_LENGTH, SocialAccount
from accounts.platforms.shapes import Profile
from ouipost.db.rows import assign
from ouipost.unicode import composed

CONTROL = re.compile(r"[\x00-\x1f]")
FORMAT_CHARACTERS = regex.compile(r"(?V1)[\p{Cf}--[\u200C\u200D\U000E0020-\U000E007F]]")
"""Invisible format characters, some of which reverse text; joiners and tags are kept for scripts, emoji and flags."""


def take(account: SocialAccount, profile: Profile, *, now: datetime) -> None:
    """Update the account from the network's profile; a name set by hand stays, and so do values that are missing."""
    numbers = {"followers": people(profile.followers), "following": people(profile.following)}
    known: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    known |= {} if profile.profile_image else {"profile_image": account.profile_image}
    assign(account, columns(account, profile) | known | {"last_sync": now})


def people(count: int | None) -> int | None:
    """Return a network's count of people; None for an impossible one such as -1, which the database would refuse."""
    return None if count is None or count < 0 else count


def columns(account: SocialAccount, profile: Profile) -> dict[str, Any]:
    """Return the columns that come from the network's profile, except the counts."""
    name = (in_a_line(profile.name) or profile.username or account.remote_id)[:NAME_LENGTH]
    return {
        "name": account.name if account.name_is_ours else name,
        "username": profile.username[:NAME_LENGTH],
        "profile_image": profile.profile_image,
        "metadata": account.metadata | dict(profile.metadata),
    }


def in_a_line(name: str) -> str:
    """Return a network's name in the form that the API accepts, without characters that reverse text.

    Otherwise a client that sends the name back would change it, or be refused.
    """
    return CONTROL.sub(" ", composed(FORMAT_CHARACTERS.sub("", name))).strip()
