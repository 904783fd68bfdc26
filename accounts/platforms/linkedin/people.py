"""Members and the organizations that they act for: https://learn.microsoft.com/linkedin/marketing/community-management/organizations"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from accounts.platforms.errors import Rejected, Unavailable, Unknown
from accounts.platforms.http import dig, dig_text
from accounts.platforms.linkedin.api import Api
from accounts.platforms.linkedin.numbers import Numbers
from accounts.platforms.linkedin.posts import ORGANIZATION, is_organization
from accounts.platforms.shapes import Candidate, Profile, Tokens
from ouipost.phrases import Phrase

MEMBER = "urn:li:person:"
COMMUNITY = "community"
"""The product Community Management; the other, Share on LinkedIn, is open to every app, but only for members."""
MAY_POST = {"ADMINISTRATOR", "CONTENT_ADMIN", "CONTENT_ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER"}
"""One role has two spellings."""


def candidates(api: Api, tokens: Tokens, *, product: str) -> Iterator[Candidate]:
    """Yield the member who signed in and, if the app may act for them, their organizations, only with names.

    Pictures and followers come with the first reading, since each would cost one of the member's daily calls.
    """
    member_id, profile = _named_member(api, product)
    metadata = {"user_id": member_id, "product": product}
    yield Candidate(
        remote_id=f"{MEMBER}{member_id}",
        type="profile",
        profile=profile,
        tokens=tokens,
        metadata=metadata | {"kind": "profile"},
    )
    if product == COMMUNITY:
        yield from _organizations(api, tokens, metadata)


def member(api: Api, product: str) -> Profile:
    """Return the profile of the token's member."""
    _, named = _named_member(api, product)
    return replace(named, followers=Numbers(api, "").member_followers()) if product == COMMUNITY else named


def _named_member(api: Api, product: str) -> tuple[str, Profile]:
    """Return the id and name of the token's member; raises Unknown if LinkedIn does not give them."""
    member_id, profile = _member(api) if product == COMMUNITY else _person(api)
    if not member_id:
        raise Unknown(Phrase("LinkedIn did not say whose token this is."))
    return member_id, profile


def _person(api: Api) -> tuple[str, Profile]:
    me = api.get_unversioned("/v2/userinfo")
    return dig_text(me, "sub"), Profile(name=dig_text(me, "name"), profile_image=dig_text(me, "picture"))


def _member(api: Api) -> tuple[str, Profile]:
    me = api.get_unversioned("/v2/me")
    name = " ".join(filter(None, (dig_text(me, "localizedFirstName"), dig_text(me, "localizedLastName"))))
    return dig_text(me, "id"), Profile(name=name, username=dig_text(me, "vanityName"))


def _organizations(api: Api, tokens: Tokens, metadata: Mapping[str, Any]) -> Iterator[Candidate]:
    """Yield the organizations that this person may post for."""
    roles: dict[str, list[str]] = {}
    listed = api.pages("/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100")
    for each in chain.from_iterable(listed):
        roles.setdefault(dig_text(each, "organization"), []).append(dig_text(each, "role"))
    for urn, held in roles.items():
        if is_organization(urn) and not MAY_POST.isdisjoint(held):
            yield Candidate(
                remote_id=urn,
                type="organization",
                profile=_offered(api, urn),
                tokens=tokens,
                metadata={**metadata, "kind": "organization", "roles": sorted(set(held))},
            )


def _offered(api: Api, urn: str) -> Profile:
    """Return an organization's name, or its URN if it cannot be read, so that one failure does not hide the others."""
    try:
        return _named_organization(api, urn)
    except (Rejected, Unavailable, Unknown):
        return Profile(name=urn)


def _named_organization(api: Api, urn: str) -> Profile:
    shown = api.get(f"/rest/organizations/{urn.removeprefix(ORGANIZATION)}")
    return Profile(name=dig_text(shown, "localizedName"), username=dig_text(shown, "vanityName"))


def organization(api: Api, urn: str) -> Profile:
    """Return the profile of an organization."""
    named = _named_organization(api, urn)
    return replace(named, profile_image=_logo(api, urn), followers=Numbers(api, urn).organization_followers())


def _logo(api: Api, urn: str) -> str:
    """Return the address of a logo, which only the older API gives; empty if it cannot be read."""
    number = urn.removeprefix(ORGANIZATION)
    try:
        shown = api.get_unversioned(f"/v2/organizations/{number}?projection=(logoV2(original~:playableStreams))")
    except (Rejected, Unavailable, Unknown):
        return ""
    return dig_text(dig(shown, "logoV2", "original~", "elements", 0), "identifiers", 0, "identifier")
