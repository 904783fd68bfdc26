"""Facebook's persons, their pages, and the pages that they reach through a business."""

from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import graph, growth, people, tokens
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Token
from ouipost.simulator.networks.facebook.access import EDGES, ID, authorized, tasks_of, user_token
from ouipost.simulator.networks.instagram import insights as instagram_insights

KINDS = ("Bakery", "Books")
OF_BUSINESS = {"owned_pages": "Garden", "client_pages": "Market"}


def page_of(someone: people.Person, kind: str) -> Account:
    """Return one of the pages that this person manages, or reaches through a business."""
    external_id = str(people.number(ID, someone.key, kind))
    username = f"{someone.handle}{kind.lower()}"
    return people.keep(ID, external_id, username=username, name=f"{someone.name} {kind}", kind="page", category=kind)


def reached(someone: people.Person, chosen: list[str]) -> dict[str, list[str]]:
    """Return the ids of the pages that a person reaches by each edge: those that were ticked, and a business's."""
    kinds = {"pages": chosen} | {edge: [kind] for edge, kind in OF_BUSINESS.items()}
    return {edge: [page_of(someone, kind).external_id for kind in kinds[edge]] for edge in EDGES}


def me(call: Call) -> HttpResponse:
    """Show whom the token stands for: a person, or a page."""
    token = authorized(call)
    return JsonResponse(account_node(call, token.account))


def account_node(call: Call, external_id: str) -> dict[str, Any]:
    """Return the asked fields of a person or page."""
    account = Account.objects.filter(network=ID, external_id=external_id).first()
    if account is None:
        raise graph.missing(call)
    fields = graph.fields_of(call.text("fields") or "id,name")
    if account.data["kind"] == "page":
        return graph.pick(page_node(call, account), fields, "Page")
    node = {"id": account.external_id, "name": account.name, "picture": picture(call, account)}
    return graph.pick(node, fields, "User")


def page_node(call: Call, page: Account, user: Token | None = None) -> dict[str, Any]:
    """Return all fields of a page; only to the token of a person does it show its own, and the person's tasks."""
    followers = growth.followers(page.external_id, call.now)
    return {
        "id": page.external_id,
        "name": page.name,
        "username": page.username,
        "access_token": page_token(call, user, page) if user else None,
        "category": page.data["category"],
        "link": f"https://www.facebook.com/{page.username}",
        "picture": picture(call, page),
        "followers_count": followers,
        "fan_count": followers * 9 // 10,
        "tasks": list(tasks_of(user.person)) if user else None,
        "instagram_business_account": instagram_insights.linked(call, page),
    }


def picture(call: Call, account: Account) -> dict[str, Any]:
    """Return a picture in Graph's nesting."""
    return {"data": {"url": people.avatar(call.base, account), "height": 120, "width": 120, "is_silhouette": False}}


def my_accounts(call: Call) -> HttpResponse:
    """List the pages that the person chose, each with its own token."""
    token = user_token(call, "pages_show_list")
    return pages_shown(call, token, token.data["pages"])


def businesses(call: Call) -> HttpResponse:
    """List the one business portfolio that the person works in."""
    token = user_token(call, "business_management")
    business = {"id": business_of(token), "name": "Demo Business"}
    return JsonResponse({"data": [graph.pick(business, graph.fields_of(call.text("fields") or "id,name"), "Business")]})


def business_of(token: Token) -> str:
    """Return the id of the business portfolio that this person works in."""
    return str(people.number(ID, token.person, "business"))


def business_pages(call: Call, business: str, edge: str) -> HttpResponse:
    """List the pages that the business owns, or that clients have entrusted to it."""
    token = user_token(call, "business_management", "pages_show_list")
    if business != business_of(token):
        raise graph.missing(call)
    return pages_shown(call, token, token.data[edge])


def pages_shown(call: Call, token: Token, external_ids: list[str]) -> HttpResponse:
    """List these pages, each with its own token."""
    fields = graph.fields_of(call.text("fields") or "access_token,category,name,id,tasks")
    found = Account.objects.filter(network=ID, external_id__in=external_ids).order_by("pk")

    def shown(page: Account) -> dict[str, Any]:
        return graph.pick(page_node(call, page, token), fields, "Page")

    return JsonResponse(graph.page_of(call, list(found), shown))


def page_token(call: Call, user: Token, page: Account) -> str:
    """Return the page's token of this user token: always the same, endless if the user token is long-lived."""
    rest = None if user.data["long"] or user.expires_at is None else user.expires_at - call.now
    value, proof = page_value(user.digest, page.external_id), user.data.get("proofs", {}).get(page.external_id)
    data = {"proof": proof}
    return tokens.issue(value, like=user, now=call.now, lifetime=rest, kind="page", account=page.external_id, data=data)


def page_value(user: str, page: str) -> str:
    """Return the token that the user token with this digest gives for a page."""
    return f"EAAP{tokens.digest(user + page)}{tokens.digest(page + user)}"


def proofs(value: str, source: Token, *, secret: str) -> dict[str, Any]:
    """Return what proves that the app sends a user token, or one of the page tokens to come: only now is its secret
    here."""
    user = tokens.digest(value)
    pages = {page: graph.proof(page_value(user, page), secret) for edge in EDGES for page in source.data[edge]}
    return {"proof": graph.proof(value, secret), "proofs": pages}
