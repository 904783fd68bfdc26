"""Compose each account's content from the post, its overrides, the link and the hashtags. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import regex

from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.shapes import Content, Media
from accounts.platforms.text import JOINTS
from posts.media.fitting import fit
from posts.models import Post
from workspaces.hashtags import WIDE_SIGN, normal_hashtags

OF_WORDS = rf"\p{{L}}\p{{M}}\p{{N}}{JOINTS}\u2013"
LINK_ENDS = rf"(?=[\"'<>()\[\]]|[.,;:!?]*+(?:$|[^!-~{OF_WORDS}]))"
"""Matches where an address ends: at a character of no address in any script, or at the punctuation of its sentence."""
_HOST, _SIGN = r"(?:(?i:https?):/|\.\p{L}[\p{L}\p{M}\p{N}-]+)", rf"[!#-'*-;=?-Z\\^-z|~{OF_WORDS}]"
WITHIN_ADDRESS = rf"(?<={_HOST})[/?](?:{_SIGN}++|\({_SIGN}*+\))*+"
"""Matches an address after its scheme or, if it has none, after its host; with brackets, as in "Bread_(food)"."""
EMOJI_ENDS = "\ufe0e\ufe0f\u20e3"
"""Signs that combine with the character before them and belong to no word."""


def compose(post: Post, account: SocialAccount, platform: Connector, media: Sequence[Media]) -> Content:
    """Return the content for one account: its own override, else its network's, else the post's."""
    chosen = {name: getattr(post, name) for name in ("content", "title", "link", "hashtags")}
    chosen |= {"options": {}} | overrides(post.platform_content, account)
    beside = platform.link_beside_files if media else platform.link_beside_text
    tags = [*chosen["hashtags"], *default_hashtags(account.workspace.settings, account.settings)]
    content = Content(
        text=final_text(chosen["content"], link="" if beside else chosen["link"], hashtags=tags),
        title=chosen["title"],
        link=chosen["link"] if beside else "",
        media=tuple(media),
        options=chosen["options"],
    )
    limits = platform.limits_for(content, account.metadata)
    return replace(content, media=tuple(fit(each, limits) for each in media))


def overrides(platform_content: Mapping[str, Any], account: SocialAccount) -> dict[str, Any]:
    """Return what the post says differently for this account; the account's own entry wins over its network's."""
    merged: dict[str, Any] = {}
    for key in (account.platform, account.pk):
        merged |= {name: value for name, value in platform_content.get(key, {}).items() if value is not None}
    return merged


def final_text(text: str, *, link: str, hashtags: Iterable[str]) -> str:
    """Return the text, then the link and the hashtags that are not yet in it, joined by blank lines."""
    parts = [text.strip()]
    if link and not _has_link(text, link):
        parts.append(link)
    folded = regex.sub(WITHIN_ADDRESS, "_", text.replace(WIDE_SIGN, "#")).casefold()  # a fragment is no hashtag
    missing = [tag for tag in normal_hashtags(hashtags) if not _has_word(folded, tag.casefold())]
    parts.append(" ".join(missing))
    return "\n\n".join(part for part in parts if part)


def _has_link(text: str, link: str) -> bool:
    """Return whether the text has this very link, not only as a part of a longer one."""
    alone = rf"(?<![A-Za-z0-9])(?P<link>{regex.escape(link)}){LINK_ENDS}"
    return link in text and any(each["link"] for each in regex.finditer(rf"{alone}|{WITHIN_ADDRESS}", text))


def _has_word(text: str, word: str) -> bool:
    """Return whether the text has this word, not only as part of a longer one. (Patterns are slow on long texts.)"""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not _is_of_word(text[max(at - 1, 0) : at]) and not _is_of_word(text[end : end + 2].lstrip(JOINTS)[:1]):
            return True
        at = text.find(word, at + 1)
    return False


def _is_of_word(character: str) -> bool:
    """Return whether a character is a letter, a number, `_` or a mark (some scripts write vowels as marks)."""
    if not character or character in EMOJI_ENDS:
        return False
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def default_hashtags(workspace: Mapping[str, Any], account: Mapping[str, Any]) -> list[str]:
    """Return the tags that settings add: where `auto_hashtags` is on, the account's word before the workspace's."""
    if not account.get("auto_hashtags", workspace.get("auto_hashtags", False)):
        return []
    return list(account.get("default_hashtags", workspace.get("default_hashtags", [])))
