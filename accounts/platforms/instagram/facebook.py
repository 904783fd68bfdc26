"""Instagram accounts that are connected by Facebook login, through their linked Page."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from accounts.platforms.base import Session
from accounts.platforms.facebook import MOST_LISTS, Facebook, edge_of
from accounts.platforms.http import dig_count, dig_text
from accounts.platforms.shapes import Account, Candidate, Profile, Tokens
from ouipost.phrases import Phrase

LOGIN = "login"
"""The key of the login in the metadata of an account."""
FACEBOOK = "facebook"
"""The value for Facebook login, and the product of an app that is registered for it."""
SCOPES = (
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_comments",
    "instagram_manage_insights",
    "pages_show_list",
    "pages_read_engagement",
    "business_management",
)
NOTHING_OPENED = Phrase(
    "The sign-in gave access to no Instagram account: it must be a professional "
    "one, linked to a Page of this person, and both must be ticked."
)
LINKED = "instagram_business_account"
PAGE_FIELDS = (
    "id,name,access_token,instagram_business_account{id,username,name,profile_picture_url,followers_count,media_count}"
)


def is_linked(account: Account) -> bool:
    """Whether this account was connected by Facebook login."""
    return dig_text(account.metadata, LOGIN) == FACEBOOK


def candidates(facebook: Facebook, session: Session, tokens: Tokens) -> list[Candidate]:
    """Return the accounts that are linked to a Page of this person or their businesses, each with the Page's token."""
    token = tokens.access_token
    user_id = dig_text(facebook.get(session, token, "me", fields="id"), "id")
    scopes = facebook.granted(session, token)
    found: dict[str, Candidate] = {}
    for page, reached in facebook.all_pages(session, token, scopes, partial(_pages, facebook, session, token)):
        candidate = _candidate(page, token, scopes, {"user_id": user_id, **reached})
        found.setdefault(candidate.remote_id, candidate)
    return list(found.values())


def refresh(facebook: Facebook, session: Session, account: Account) -> Tokens:
    """Return the present token of the account's Page."""
    lost = Phrase("The Instagram account is no longer linked to a Page of this person: connect it again.")
    read = partial(_pages, facebook, session, edge=edge_of(account))
    return facebook.renewed(session, account, read, id_at=(LINKED, "id"), lost=lost)


def _pages(facebook: Facebook, session: Session, token: str, edge: str) -> Iterator[Mapping[str, Any]]:
    for page in facebook.edge(session, token, edge, most=MOST_LISTS, fields=PAGE_FIELDS):
        if dig_text(page, LINKED, "id") and dig_text(page, "access_token"):
            yield page


def _candidate(page: Mapping[str, Any], token: str, scopes: tuple[str, ...], facts: Mapping[str, str]) -> Candidate:
    username = dig_text(page, LINKED, "username")
    return Candidate(
        remote_id=dig_text(page, LINKED, "id"),
        type="business",  # this login does not distinguish businesses and creators
        profile=Profile(
            name=dig_text(page, LINKED, "name") or username,
            username=username,
            profile_image=dig_text(page, LINKED, "profile_picture_url"),
            followers=dig_count(page, LINKED, "followers_count"),
        ),
        tokens=Tokens(access_token=dig_text(page, "access_token"), refresh_token=token, scopes=scopes),
        metadata={LOGIN: FACEBOOK, "page_id": dig_text(page, "id"), **facts},
    )
