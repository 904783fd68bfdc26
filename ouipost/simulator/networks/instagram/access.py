"""Permissions on Instagram: accounts, and the tokens of both kinds of login."""

import secrets

from ouipost.simulator import graph, longlived, pages, people, tokens
from ouipost.simulator.call import Call, Refusal
from ouipost.simulator.models import Account, Token

ID = "instagram"
OWN_HOST, FACEBOOK_HOST = "graph.instagram.com", "graph.facebook.com"
LOOK = pages.Look(name="Instagram", colour="#c13584")
SCOPES = (
    "instagram_business_basic",
    "instagram_business_content_publish",
    "instagram_business_manage_comments",
    "instagram_business_manage_insights",
)
FACEBOOK_SCOPES = {
    "instagram_business_basic": ("instagram_basic",),
    "instagram_business_content_publish": ("instagram_basic", "instagram_content_publish", "pages_read_engagement"),
    "instagram_business_manage_comments": ("instagram_basic", "instagram_manage_comments"),
    "instagram_business_manage_insights": ("instagram_basic", "instagram_manage_insights", "pages_read_engagement"),
}
"""The scopes of Facebook login for each of Instagram's scopes."""
LINKED_PAGES = ("Bakery", "Garden")
"""The categories of the Facebook Pages that have an Instagram account: one of a person's, one of a business's."""


def account_of(someone: people.Person) -> Account:
    """Return the professional account of a person; some are businesses, some creators."""
    number = people.number(ID, someone.key)
    kind = "BUSINESS" if number % 2 else "MEDIA_CREATOR"
    return people.keep(ID, external_id(number), username=someone.handle, name=someone.name, kind=kind)


def linked_to(page: Account) -> Account | None:
    """Return the Instagram account that is linked to a Facebook Page."""
    if page.data.get("category") not in LINKED_PAGES:
        return None
    number = people.number(ID, page.network, page.external_id)
    return people.keep(ID, external_id(number), username=page.username, name=page.name, kind="BUSINESS")


def external_id(number: int) -> str:
    """Return an account id in Instagram's form, which differs from all Facebook ids."""
    return f"17841{number % 10**12:012}"


def refuse(message: str) -> Refusal:
    """Return an error of api.instagram.com."""
    return Refusal(400, {"error_type": "OAuthException", "code": 400, "error_message": message})


LOGIN = longlived.Login(
    id=ID,
    look=LOOK,
    prefix="ig",
    scopes=SCOPES,
    needed="instagram_business_basic",
    account_of=account_of,
    refuse=refuse,
    shows_permissions=True,
)


def identify(call: Call) -> str:
    """Find the call's token, one of Instagram's or of Facebook's, and return the account that it acts for."""
    if call.host != FACEBOOK_HOST:
        return LOGIN.identify(call)
    call.token = tokens.find("facebook", call.credential, "user", "page")
    return next(iter(reachable(call.token)), "") if call.token else ""


def reachable(token: Token) -> list[str]:
    """Return the Instagram accounts that a token can act for."""
    if token.network == ID:
        return [token.account]
    ids = [token.account] if token.kind == "page" else token.data["pages"]
    linked = [linked_to(page) for page in Account.objects.filter(network="facebook", external_id__in=ids)]
    return [account.external_id for account in linked if account]


def authorized(call: Call, scope: str, account: str = "") -> str:
    """Return the account that a call may act for, the named one or the token's own; else refuse."""
    facebook = call.token is not None and call.token.network != ID
    token = longlived.living(call, *(FACEBOOK_SCOPES[scope] if facebook else (scope,)))
    accounts = reachable(token)
    if account in ("", "me") and accounts:
        return accounts[0]
    if account not in accounts:
        raise graph.missing(call)
    return account


def shortcode() -> str:
    """Return a new code for the address of a post."""
    return f"C{secrets.token_urlsafe(8)}"
