"""Permissions on Facebook: scopes, and the state of a call's token."""

from ouipost.simulator import tokens
from ouipost.simulator.call import Call
from ouipost.simulator.graph import error
from ouipost.simulator.models import Account, Token

ID = "facebook"
UPLOAD_HOST = "rupload.facebook.com"
VIDEO_HOST = "graph-video.facebook.com"
SCOPES = (
    "public_profile",
    "email",
    "business_management",
    "pages_show_list",
    "pages_manage_posts",
    "pages_read_engagement",
    "pages_manage_engagement",
    "pages_read_user_content",
    "pages_manage_metadata",
    "read_insights",
    "publish_video",
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_comments",
    "instagram_manage_insights",
    "instagram_manage_contents",
    "ads_read",
    "ads_management",
)
WRITE = ("pages_manage_posts", "pages_read_engagement")
EDGES = ("pages", "owned_pages", "client_pages")
"""The keys of a person's token that list pages."""
ANALYZE, MODERATE, CREATE_CONTENT = "ANALYZE", "MODERATE", "CREATE_CONTENT"
PAGE_TASKS = (ANALYZE, "ADVERTISE", MODERATE, CREATE_CONTENT, "MANAGE")
TASKS_BY_WORD = {"analyst": (ANALYZE,), "moderator": (ANALYZE, MODERATE), "author": (CREATE_CONTENT,)}
"""What a person may do on Pages whose name has one of these words; others may do everything."""


def identify(call: Call) -> str:
    """Find the call's token, and return its account: a page, or a person."""
    call.token = tokens.find(ID, credential(call), "user", "page")
    source = call.token or tokens.find(ID, call.text("code") or call.text("fb_exchange_token"), "code", "user")
    return source.account if source else ""


def credential(call: Call) -> str:
    """Return the call's token: the upload host takes only an OAuth header, the video host only a parameter."""
    scheme, _, value = call.request.headers.get("Authorization", "").partition(" ")
    if call.host == UPLOAD_HOST:
        return value.strip() if scheme.lower() == "oauth" else ""
    return call.text("access_token") if call.host == VIDEO_HOST else call.credential


def authorized(call: Call, *scopes: str) -> Token:
    """Return the call's token if it is valid and has these scopes, or refuse."""
    token = call.token
    if token is None and not credential(call):
        raise error("An active access token must be used to query information about the current user.", 2500)
    if token is None:
        raise error("Invalid OAuth access token - Cannot parse access token", 190)
    if token.revoked_at:
        raise error("Error validating access token: The user has not authorized application.", 190, 458)
    if token.expired(call.now):
        raise error("Error validating access token: Session has expired.", 190, 463)
    for scope in scopes:
        if scope not in token.scopes:
            raise error(f"(#200) Requires {scope} permission to manage the object", 200)
    return token


def user_token(call: Call, *scopes: str) -> Token:
    """Return the call's token if it is a person's valid one, or refuse."""
    token = authorized(call, *scopes)
    if token.kind != "user":
        raise error("(#100) This call needs a user access token", 100)
    return token


def sees(token: Token, page: str) -> bool:
    """Return whether a token may see a page: its own, or one of its person's."""
    return page == token.account or (token.kind == "user" and any(page in token.data[edge] for edge in EDGES))


def tasks_of(person: str) -> tuple[str, ...]:
    """Return what a person may do on Pages, by the words of the person's name."""
    words = Account.objects.get(network=ID, external_id=person).name.lower().split()
    return next((TASKS_BY_WORD[word] for word in words if word in TASKS_BY_WORD), PAGE_TASKS)


def require_task(token: Token, task: str) -> None:
    """Refuse a call if the token's person may not do this on the Page.

    Meta lists this answer for the Pages API, but not which calls give it.
    """
    if task not in tasks_of(token.person):
        raise error("Viewer doesn't have permission to perform this action.", 1, 2853006)


def page_token(call: Call, page: str, *scopes: str, task: str = "") -> Token:
    """Return the call's token if it is this page's valid one and its person has this task, or refuse."""
    token = authorized(call, *scopes)
    if token.kind != "page":
        raise error("User Access Token Is Not Supported: a Page access token is required.", 190, 2069032)
    if page not in ("me", token.account):
        raise error("(#200) The user hasn't authorized the application to perform this action", 200)
    if task:
        require_task(token, task)
    return token
