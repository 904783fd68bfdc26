"""Pins of one image, of a carousel, or of a video; and the lists of Pins."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import publishing
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Media, Post, PostQuerySet, Token, atomic
from ouipost.simulator.networks.pinterest import boards, insights
from ouipost.simulator.networks.pinterest.access import (
    ID,
    READ,
    authorized,
    error,
    existing,
    has_trial_access,
    invalid,
    page,
    page_size,
)
from ouipost.simulator.networks.pinterest.sources import files_of, kind_of

WRITE = (*READ, "boards:write", "pins:write")
TEXTS = {"title": 100, "description": 800, "alt_text": 500, "link": 2048}
FIELDS = {*TEXTS, "board_id", "board_section_id", "dominant_color", "media_source"}
SPAMMER = "spam.example"
"""Links to this host count as spam here; the real rules are not known."""
CREATIVE_TYPES = {"image": "REGULAR", "multiple_images": "CAROUSEL", "video": "VIDEO"}


def create(call: Call) -> HttpResponse:
    """Publish a Pin."""
    token = authorized(call, *WRITE)
    pin = fields_of(call)
    board_id, section_id = place_of(token, pin)
    source = pin.get("media_source")
    if not isinstance(source, dict):
        raise invalid("media_source is required")
    with atomic():
        files = files_of(call, token, source)
        post = publish(call, token, pin, files, kind_of(source), board_id=board_id, section_id=section_id)
    return JsonResponse(shown(call, post), status=201)


def fields_of(call: Call) -> dict[str, Any]:
    """Return the sent Pin without null fields, or refuse an invalid field."""
    if not isinstance(call.json, dict):
        raise invalid("send a JSON object")
    pin = {name: value for name, value in call.json.items() if value is not None}
    if unknown := sorted(pin.keys() - FIELDS):
        raise invalid(f"'{unknown[0]}' was unexpected")
    for name, most in TEXTS.items():
        text = pin.get(name, "")
        if not isinstance(text, str):
            raise invalid(f"'{name}' is not of type 'string'")
        if len(text) > most:
            raise invalid(f"'{name}' is longer than {most}")
    check_link(pin.get("link", ""))
    return pin


def check_link(link: str) -> None:
    """Refuse an invalid address, and one that counts as spam."""
    if not link:
        return
    try:
        parts = urlsplit(link)
    except ValueError:
        raise invalid("'link' is not a 'uri'") from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or "." not in host.strip(".") or re.search(r"[\s\x00-\x1f\x7f]", link):
        raise invalid("'link' is not a 'uri'")
    if host == SPAMMER:
        raise error(429, 8, "This Pin was blocked because it may be spam. Try again later.")


def place_of(token: Token, pin: dict[str, Any]) -> tuple[str, str]:
    """Return the board and the section for the Pin, or refuse."""
    board_id, section_id = pin.get("board_id", ""), pin.get("board_section_id", "")
    for name, value in (("board_id", board_id), ("board_section_id", section_id or "0")):
        if not isinstance(value, str) or not re.fullmatch(r"\d+", value, re.ASCII):
            raise invalid(f"'{name}' does not match '^\\d+$'")
    board = existing_place(token, board_id, section_id)
    if board["privacy"] == "SECRET" and "pins:write_secret" not in token.scopes:
        raise error(403, 3, "Your application doesn't have the scope pins:write_secret.")
    return board_id, section_id


def existing_place(token: Token, board_id: str, section_id: str) -> boards.Board:
    """Return a board of the account, or refuse if it, or the named section, does not exist."""
    _, board = boards.board_of(token, board_id)
    if section_id and section_id not in [each["id"] for each in board["sections"]]:
        raise error(404, 2031, "Board section not found.")
    return board


def publish(
    call: Call, token: Token, pin: dict[str, Any], files: list[Media], kind: str, *, board_id: str, section_id: str
) -> Post:
    """Make a Pin visible, or only to its creator if the app has Trial access."""
    external_id = publishing.snowflake(call.now)
    alt_text = pin.get("alt_text", "")
    return publishing.publish(
        call,
        ID,
        account=token.account,
        external_id=external_id,
        text=pin.get("description", ""),
        media=[{"id": each.external_id, "alt": alt_text} for each in files],
        url=f"https://www.pinterest.com/pin/{external_id}/",
        data={
            "title": pin.get("title", ""),
            "link": pin.get("link", ""),
            "alt_text": alt_text,
            "board_id": board_id,
            "board_section_id": section_id,
            "media_type": kind,
            "is_trial": has_trial_access(token.client_id),
        },
    )


def shown(call: Call, post: Post) -> dict[str, Any]:
    """Return a Pin as Pinterest shows it."""
    data, account = post.data, Account.objects.get(network=ID, external_id=post.account)
    pin = {
        "id": post.external_id,
        "created_at": f"{post.created_at:%Y-%m-%dT%H:%M:%S}",
        "link": data["link"] or None,
        "title": data["title"] or None,
        "description": post.text or None,
        "alt_text": data["alt_text"] or None,
        "dominant_color": None,
        "board_id": data["board_id"],
        "board_section_id": data["board_section_id"] or None,
        "board_owner": {"username": account.username},
        "creative_type": CREATIVE_TYPES[data["media_type"]],
        "is_owner": True,
        "is_standard": data["media_type"] == "image",
        "media": {"media_type": data["media_type"], "images": pictures(call, post)},
    }
    if call.flag("pin_metrics", default=False):
        pin["pin_metrics"] = insights.short(call, post)
    return pin


def pictures(call: Call, post: Post) -> dict[str, Any]:
    """Return the Pin's first picture at the size for lists."""
    media_id = post.media[0]["id"]
    file = Media.objects.defer("content").get(network=ID, account=post.account, external_id=media_id)
    height = round(600 * file.height / file.width)
    return {"600x": {"url": f"{call.base}/_media/{file.pk}", "width": 600, "height": height}}


def show(call: Call, pin_id: str) -> HttpResponse:
    """Show a Pin of the account."""
    return JsonResponse(shown(call, existing(authorized(call, *READ), pin_id)))


def delete(call: Call, pin_id: str) -> HttpResponse:
    """Delete a Pin of the account."""
    post = existing(authorized(call, *WRITE), pin_id)
    Post.objects.filter(pk=post.pk).update(deleted_at=call.now)
    return HttpResponse(status=204)


def edit(call: Call, pin_id: str) -> HttpResponse:
    """Refuse to change a Pin: only beta partners may."""
    existing(authorized(call, *WRITE), pin_id)
    raise error(403, 29, "You are not permitted to access that resource.")


def pins(call: Call) -> HttpResponse:
    """List the account's Pins, newest first."""
    token = authorized(call, *READ)
    return JsonResponse(listed(call, Post.objects.of(ID, token.account)))


def board_pins(call: Call, board_id: str) -> HttpResponse:
    """List the Pins of a board, newest first; those of its sections are left out, as the real behaviour is unknown."""
    return pins_at(call, board_id)


def section_pins(call: Call, board_id: str, section_id: str) -> HttpResponse:
    """List the Pins of a section of a board, newest first."""
    return pins_at(call, board_id, section_id)


def pins_at(call: Call, board_id: str, section_id: str = "") -> HttpResponse:
    """List the Pins directly on a board or section, or refuse."""
    token = authorized(call, *READ)
    existing_place(token, board_id, section_id)
    there = Post.objects.of(ID, token.account).filter(data__board_id=board_id, data__board_section_id=section_id)
    return JsonResponse(listed(call, there))


def listed(call: Call, posts: PostQuerySet) -> dict[str, Any]:
    """Return the page of a list after the bookmark's Pin."""
    size, bookmark = page_size(call), call.text("bookmark")
    seen = posts.listed(call.now, call.seconds("list_lag"))
    if bookmark:
        last = posts.filter(external_id=bookmark).first()
        if last is None:
            raise invalid("bookmark is not one of this list")
        seen = seen.older_than(last)
    found = list(seen.order_by("-created_at", "-pk")[: size + 1])
    more = found[size - 1].external_id if len(found) > size else ""
    return page([shown(call, each) for each in found[:size]], more)
