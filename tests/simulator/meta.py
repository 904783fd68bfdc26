"""Files that Meta's networks fetch, and people who are logged in on Instagram and Threads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

from ouipost.simulator import pulling
from tests.simulator.clip import film
from tests.simulator.conftest import CALLBACK, Net, body, facebook_user, png, returned

IG = "graph.instagram.com/v26.0"
THREADS = "graph.threads.net/v1.0"
IG_SCOPES = (
    "instagram_business_basic,instagram_business_content_publish,instagram_business_manage_comments,"
    "instagram_business_manage_insights"
)
IG_FACEBOOK_SCOPES = (
    "pages_show_list,pages_read_engagement,instagram_basic,instagram_content_publish,instagram_manage_comments,"
    "instagram_manage_insights,instagram_manage_contents"
)
THREADS_SCOPES = (
    "threads_basic,threads_content_publish,threads_manage_replies,threads_read_replies,threads_manage_insights,"
    "threads_delete"
)


@dataclass
class Member:
    """An account with its token, and the address of its network's graph."""

    id: str
    token: str
    graph: str


def jpeg(width: int = 800, height: int = 800) -> bytes:
    return png(width, height, kind="JPEG").getvalue()


def clip(**values: Any) -> bytes:
    return film(**{"width": 90, "height": 160, "seconds": 4, "fps": 25} | values)


class Files(dict[str, bytes]):
    """What can be fetched, by address."""

    def fetch(self, address: str, *, most: int, agent: str) -> bytes:
        if address not in self:
            raise pulling.Unreachable("Nobody answers there.")
        assert agent == "facebookexternalhit/1.1"
        return self[address][: most + 1]

    def put(self, content: bytes) -> str:
        address = f"https://ours.example/{len(self)}"
        self[address] = content
        return address


def served() -> Iterator[Files]:
    """Let files be fetched while this goes on."""
    files = Files()
    with patch("ouipost.simulator.pulling.fetch", files.fetch):
        yield files


def code(net: Net, page: str, scope: str, **form: Any) -> str:
    """Go through a consent page and return the code."""
    query = {"client_id": "app", "redirect_uri": CALLBACK, "response_type": "code", "state": "s1", "scope": scope}
    return returned(net.form(f"{page}?{urlencode(query)}", **{"decision": "allow", "login": "Demo"} | form))["code"]


def trade(net: Net, address: str, fresh: str, **change: str) -> Any:
    fields = {"client_id": "app", "client_secret": "sec", "grant_type": "authorization_code"}
    return net.form(address, **fields | {"redirect_uri": CALLBACK, "code": fresh} | change)


def instagram_member(net: Net, scope: str = IG_SCOPES, **form: Any) -> Member:
    """Return an account with its token of Instagram's own login."""
    fresh = code(net, "www.instagram.com/oauth/authorize", scope, **form)
    answer = body(trade(net, "api.instagram.com/oauth/access_token", fresh))
    return Member(str(answer["user_id"]), answer["access_token"], IG)


def linked_member(net: Net, **values: Any) -> Member:
    """Return an account that is linked to a Facebook Page, with the Page's token."""
    user = facebook_user(net, **{"scope": IG_FACEBOOK_SCOPES} | values)
    fields = "access_token,instagram_business_account{id}"
    found = body(net.get("graph.facebook.com/v26.0/me/accounts", user, fields=fields))["data"][0]
    return Member(found["instagram_business_account"]["id"], found["access_token"], "graph.facebook.com/v26.0")


def threads_member(net: Net, scope: str = THREADS_SCOPES, **form: Any) -> Member:
    """Return a profile with its token."""
    fresh = code(net, "www.threads.net/oauth/authorize", scope, **form)
    answer = body(trade(net, "graph.threads.net/oauth/access_token", fresh))
    return Member(str(answer["user_id"]), answer["access_token"], THREADS)


def error(response: Any) -> tuple[int, int, int | None]:
    problem = body(response)["error"]
    return response.status_code, problem["code"], problem.get("error_subcode")
