"""The creators' limits on posting by apps: shown by creator_info, and enforced when a post begins."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse

from ouipost.simulator import people
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post, Token
from ouipost.simulator.networks.tiktok.access import (
    ID,
    PUBLISH,
    account_of,
    answer,
    authorized,
    error,
    invalid,
    is_unaudited,
)

PUBLIC, FOLLOWERS, FRIENDS, ONESELF = (
    "PUBLIC_TO_EVERYONE",
    "FOLLOWER_OF_CREATOR",
    "MUTUAL_FOLLOW_FRIENDS",
    "SELF_ONLY",
)
DAY = timedelta(hours=24)
POSTS_A_DAY = 15
DRAFTS_A_DAY = 5
UNAUDITED_USERS_A_DAY = 5
LONGEST_SECONDS, SHORT_SECONDS = 600, 60
DRAFT = "draft"
FLAGS = ("disable_comment", "disable_duet", "disable_stitch", "brand_content_toggle", "brand_organic_toggle")
MORE_FLAGS = ("is_aigc", "auto_add_music")


def creator_info(call: Call) -> HttpResponse:
    """Show the creator's options; a reached daily cap is an error with status 200."""
    account = account_of(authorized(call, PUBLISH))
    if cap := reached_cap(call, account):
        raise error(200, cap)
    name = {"creator_username": account.username, "creator_nickname": account.name}
    return answer(creator_avatar_url=people.avatar(call.base, account), **name, **settings_of(account))


def settings_of(account: Account) -> dict[str, Any]:
    """Return a creator's settings, which follow from the words private, quiet or brief in the name."""
    words = account.name.lower().split()
    private = "private" in words
    return {
        "privacy_level_options": [FOLLOWERS if private else PUBLIC, FRIENDS, ONESELF],
        "comment_disabled": "quiet" in words,
        "duet_disabled": private,
        "stitch_disabled": private,
        "max_video_post_duration_sec": SHORT_SECONDS if "brief" in words else LONGEST_SECONDS,
    }


def reached_cap(call: Call, account: Account) -> str:
    """Return the error code that stops further posts of this creator: of a ban, by the creator's name, or of the daily
    cap; empty if there is room.
    """
    if "banned" in account.name.lower().split():
        return "spam_risk_user_banned_from_posting"
    recent = Post.objects.filter(network=ID, created_at__gt=call.now - DAY)
    at_all_apps = Account.objects.filter(network=ID, username=account.username).values("external_id")
    if recent.filter(account__in=at_all_apps).count() >= POSTS_A_DAY:
        return "spam_risk_too_many_posts"
    if call.token is None or not is_unaudited(call.token.client_id):
        return ""
    users = Token.objects.filter(network=ID, client_id=call.token.client_id).exclude(account=account.external_id)
    served = recent.filter(account__in=users.values("account")).values("account").distinct().count()
    return "reached_active_user_cap" if served >= UNAUDITED_USERS_A_DAY else ""


def admit_post(call: Call, account: Account) -> None:
    """Refuse a post if the daily cap is reached."""
    if cap := reached_cap(call, account):
        raise error(403, cap)


def admit_draft(call: Call, account: Account) -> None:
    """Refuse a draft if too many of the creator's drafts wait."""
    recent = Media.objects.filter(network=ID, account=account.external_id, created_at__gt=call.now - DAY)
    if recent.filter(data__kind=DRAFT).count() >= DRAFTS_A_DAY:
        raise error(403, "spam_risk_too_many_pending_share")


def checked_info(call: Call, account: Account, texts: dict[str, int], interactions: tuple[str, ...]) -> dict[str, Any]:
    """Return the information about a post, or refuse it; `texts` are the greatest lengths of its texts."""
    info = call.json.get("post_info") if isinstance(call.json, dict) else None
    if not isinstance(info, dict):
        raise invalid("post_info is required.")
    for name, most in texts.items():
        text = info.get(name, "")
        if not isinstance(text, str) or len(text.encode("utf-16-le")) > 2 * most:
            raise invalid(f"{name} must be a text of at most {most} UTF-16 code units.")
    for name in (*FLAGS, *MORE_FLAGS):
        if not isinstance(info.get(name, False), bool):
            raise invalid(f"{name} must be true or false.")
    if type(cover := info.get("video_cover_timestamp_ms", 0)) is not int or cover < 0:
        raise invalid("video_cover_timestamp_ms must be a number of milliseconds.")
    check_privacy(info, account)
    check_audit(call, info, account)
    check_interactions(info, account, interactions)
    return info


def check_privacy(info: dict[str, Any], account: Account) -> None:
    """Refuse a privacy level that the creator cannot choose, or that branded content may not have."""
    level = info.get("privacy_level")
    if not level:
        raise invalid("privacy_level is required.")
    if level not in settings_of(account)["privacy_level_options"]:
        raise error(403, "privacy_level_option_mismatch")
    if level == ONESELF and info.get("brand_content_toggle"):
        raise invalid("Branded content cannot be posted as SELF_ONLY.")


def check_audit(call: Call, info: dict[str, Any], account: Account) -> None:
    """Refuse posts of an unaudited app, unless they are of a private account and visible to nobody else."""
    is_hidden = info["privacy_level"] == ONESELF and FOLLOWERS in settings_of(account)["privacy_level_options"]
    if call.token is not None and is_unaudited(call.token.client_id) and not is_hidden:
        raise error(403, "unaudited_client_can_only_post_to_private_accounts")


def check_interactions(info: dict[str, Any], account: Account, interactions: tuple[str, ...]) -> None:
    """Refuse an interaction that the creator has turned off for all posts."""
    for name in interactions:
        if settings_of(account)[f"{name}_disabled"] and not info.get(f"disable_{name}", False):
            raise invalid(f"disable_{name} must be true: the creator has turned it off.")
