"""Profiles and permissions on Threads, and the length of texts."""

from datetime import timedelta

from ouipost.simulator import counting, graph, longlived, pages, people
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account

ID = "threads"
LOOK = pages.Look(name="Threads", colour="#000000")
BASIC, PUBLISH, REPLY, INSIGHTS = (
    "threads_basic",
    "threads_content_publish",
    "threads_manage_replies",
    "threads_manage_insights",
)
DELETE, READ_REPLIES = "threads_delete", "threads_read_replies"
SCOPES = (
    BASIC,
    PUBLISH,
    REPLY,
    READ_REPLIES,
    INSIGHTS,
    DELETE,
    "threads_manage_mentions",
    "threads_keyword_search",
    "threads_location_tagging",
    "threads_profile_discovery",
)


def account_of(someone: people.Person) -> Account:
    """Return a person's profile."""
    number = people.number(ID, someone.key)
    return people.keep(ID, str(number), username=someone.handle, name=someone.name)


LOGIN = longlived.Login(
    id=ID,
    look=LOOK,
    prefix="th",
    scopes=SCOPES,
    needed=BASIC,
    account_of=account_of,
    refuse=lambda message: graph.error(message, 100),
    private_consent=timedelta(days=90),
)


def authorized(call: Call, *scopes: str, user: str = "me") -> str:
    """Return the profile of the call's token, or refuse."""
    token = longlived.living(call, BASIC, *scopes)
    if user not in ("me", token.account):
        raise graph.missing(call)
    return token.account


def measured(text: str) -> int:
    """Return the length of a text as Threads counts it: an emoji counts as its bytes."""
    return sum(len(each.encode()) if counting.EMOJI.search(each) else len(each) for each in counting.clusters(text))
