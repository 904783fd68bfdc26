"""Pages for a person's browser: consent pages, and posts at their permalinks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string

from ouipost.simulator import people
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post

ALLOWING = ("allow", "continue", "connect")
"""The buttons that consent."""
DENIED = {"error": "access_denied"}
"""What the application learns of a person who did not consent."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The look of a network's pages, and its word for yes."""

    name: str
    colour: str
    allow: str = "allow"
    allow_label: str = "Allow"


def ask(
    call: Call,
    look: Look,
    scopes: list[str],
    grant: Callable[[Call, people.Person, list[str]], str],
    *,
    choices: Sequence[tuple[str, str]] = (),
    choosable: bool = False,
    denied: Mapping[str, str] = DENIED,
    behind: str = "",
) -> HttpResponse:
    """Ask the person for consent, then send them back with the code that `grant` returns, or as `denied` says.

    The form has the pages or channels to choose from; if the scopes are `choosable`, each can be left out. `behind` is
    appended to the address that has the code.
    """
    client_id = call.text("client_id")
    if call.method == "GET":
        asked = {"scopes": scopes, "pages": choices, "choosable": choosable}
        context = {"look": look, "client_id": client_id, "login": people.DEFAULT_LOGIN} | asked
        return HttpResponse(render_to_string("simulator/consent.html", context))
    if call.text("decision") not in ALLOWING:
        return send_back(call, **denied)
    answer = send_back(call, code=grant(call, people.person(client_id, call.text("login")), scopes))
    answer.headers["Location"] += behind
    return answer


def granted(call: Call, scopes: Sequence[str]) -> list[str]:
    """Return the scopes that the person left ticked, or all if none could be left out."""
    ticked = call.request.POST.getlist("scopes")
    return [scope for scope in scopes if scope in ticked or "choosing" not in call.request.POST]


def is_redirect_uri(address: str) -> bool:
    """Return whether a browser can be sent back to this address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.fragment


def is_address(text: str) -> bool:
    """Return whether this is a web address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text


def send_back(call: Call, **values: str) -> HttpResponse:
    """Send the browser back to the application with these values and the original state."""
    if "state" in call.params:
        values["state"] = call.text("state")
    address = call.text("redirect_uri")
    return HttpResponseRedirect(f"{address}{'&' if '?' in address else '?'}{urlencode(values)}")


def problem(look: Look, message: str, status: int = 400) -> HttpResponse:
    """Show the person an error."""
    return HttpResponse(render_to_string("simulator/problem.html", {"look": look, "message": message}), status=status)


def permalink(call: Call, look: Look, network: str, external_id: str) -> HttpResponse:
    """Show a post with its pictures and replies, or a page for a missing post."""
    post = Post.objects.alive().filter(network=network, external_id=external_id).exclude(kind__in=Post.UNSEEN).first()
    if post is None:
        return problem(look, "This post does not exist, or was deleted.", status=404)
    account = Account.objects.get(network=network, external_id=post.account)
    replies = Post.objects.alive().filter(network=network, root=post.external_id).order_by("created_at", "pk")
    context = {
        "look": look,
        "account": account,
        "avatar": people.avatar(call.prefix, account),
        "entry": entry(call, post),
        "replies": [entry(call, reply) for reply in replies],
    }
    return HttpResponse(render_to_string("simulator/post.html", context))


def entry(call: Call, post: Post) -> dict[str, Any]:
    """Return the page's data of one post."""
    files = Media.objects.defer("content").filter(network=post.network, account=post.account)
    found = {file.external_id: file for file in files.filter(external_id__in=[item["id"] for item in post.media])}
    media = [
        {
            "src": f"{call.prefix}/_media/{found[item['id']].pk}",
            "alt": item.get("alt", ""),
            "kind": found[item["id"]].mime.partition("/")[0],
        }
        for item in post.media
        if item["id"] in found
    ]
    told = {"title": post.data.get("title", ""), "link": post.data.get("link", "")}
    return told | {"text": post.text, "media": media, "at": post.created_at}
