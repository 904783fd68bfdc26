"""The accounts of Pinterest and their boards, which are kept in the account's row."""

from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import growth, people
from ouipost.simulator.call import Call
from ouipost.simulator.models import Account, Post, Token, atomic
from ouipost.simulator.networks.pinterest.access import ID, authorized, error, invalid, page, page_size

PRIVACIES = ("PUBLIC", "PROTECTED", "SECRET")
FILTERS = {"": PRIVACIES, "ALL": PRIVACIES, "PUBLIC_AND_SECRET": ("PUBLIC", "SECRET")} | {
    privacy: (privacy,) for privacy in PRIVACIES
}
MAX_NAME = 50
MAX_DESCRIPTION = 500

Board = dict[str, Any]


def keep_account(someone: people.Person) -> Account:
    """Return this person's account; a new one has three boards, and is a business unless its name says "pinner"."""
    external_id = str(people.number(ID, someone.key))
    boards = [
        new_board(external_id, "Bread", sections=("Rye", "Wheat")),
        new_board(external_id, "Cakes", privacy="PROTECTED"),
        new_board(external_id, "Plans", privacy="SECRET"),
    ]
    kind = "PINNER" if "pinner" in someone.handle else "BUSINESS"
    return people.keep(ID, external_id, username=someone.handle, name=someone.name, account_type=kind, boards=boards)


def new_board(
    account: str, name: str, *, description: str = "", privacy: str = "PUBLIC", sections: tuple[str, ...] = ()
) -> Board:
    """Return a board whose ids follow from the account and the names."""
    return {
        "id": str(people.number(ID, account, "board", name)),
        "name": name,
        "description": description,
        "privacy": privacy,
        "sections": [new_section(account, name, section) for section in sections],
    }


def new_section(account: str, board: str, name: str) -> dict[str, str]:
    """Return a section whose id follows from its board and name."""
    return {"id": str(people.number(ID, account, "section", board, name)), "name": name}


def account_of(token: Token) -> Account:
    """Return the account that a token acts for."""
    return Account.objects.get(network=ID, external_id=token.account)


def user_account(call: Call) -> HttpResponse:
    """Show whose token this is."""
    token = authorized(call, "user_accounts:read")
    account = account_of(token)
    pins = Post.objects.alive().of(ID, account.external_id).count()
    return JsonResponse(
        {
            "id": account.external_id,
            "account_type": account.data["account_type"],
            "username": account.username,
            "business_name": account.name if account.data["account_type"] == "BUSINESS" else None,
            "profile_image": people.avatar(call.base, account),
            "website_url": "",
            "about": "",
            "follower_count": growth.followers(account.external_id, call.now),
            "following_count": 3,
            "monthly_views": 10 * growth.followers(account.external_id, call.now),
            "pin_count": pins,
            "board_count": len(account.data["boards"]),
        }
    )


def boards(call: Call) -> HttpResponse:
    """List the account's boards; the secret ones only with their scope."""
    token = authorized(call, "boards:read")
    wanted = FILTERS.get(call.text("privacy"))
    if wanted is None:
        raise invalid(f"privacy must be one of {', '.join(name for name in FILTERS if name)}")
    account = account_of(token)
    seen = [each for each in account.data["boards"] if each["privacy"] in wanted and may_see(token, each)]
    return JsonResponse(cut(call, [shown(account, each) for each in seen]))


def cut(call: Call, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the page of a list that follows the entry which the bookmark names."""
    ids = [each["id"] for each in items]
    bookmark = call.text("bookmark")
    if bookmark and bookmark not in ids:
        raise invalid("bookmark is not one of this list")
    start = ids.index(bookmark) + 1 if bookmark else 0
    end = start + page_size(call)
    return page(items[start:end], ids[end - 1] if end < len(ids) else "")


def may_see(token: Token, board: Board) -> bool:
    """Return whether a token shows this board."""
    return board["privacy"] != "SECRET" or "boards:read_secret" in token.scopes


def shown(account: Account, board: Board) -> dict[str, Any]:
    """Return a board as Pinterest shows it."""
    pins = Post.objects.alive().of(ID, account.external_id).filter(data__board_id=board["id"]).count()
    return {
        "id": board["id"],
        "name": board["name"],
        "description": board["description"],
        "privacy": board["privacy"],
        "owner": {"username": account.username},
        "pin_count": pins,
        "follower_count": 0,
        "collaborator_count": 0,
    }


def board_of(token: Token, board_id: str) -> tuple[Account, Board]:
    """Return a board of the account and its row, or refuse: it is another account's, secret, or nobody's."""
    account = account_of(token)
    board = next((each for each in account.data["boards"] if each["id"] == board_id), None)
    if board is not None and may_see(token, board):
        return account, board
    others = Account.objects.filter(network=ID).exclude(pk=account.pk).values_list("data", flat=True)
    if any(each["id"] == board_id and each["privacy"] != "SECRET" for data in others for each in data["boards"]):
        raise error(403, 7, "You are not permitted to access that board.")
    raise error(404, 40, "Board not found.")


def add_board(call: Call) -> HttpResponse:
    """Make a board."""
    token = authorized(call, "boards:read", "boards:write")
    name, description = call.text("name").strip(), call.text("description")
    privacy = call.text("privacy") or "PUBLIC"
    if not 0 < len(name) <= MAX_NAME or len(description) > MAX_DESCRIPTION or privacy not in PRIVACIES:
        raise invalid("send a name, a description and a privacy")
    if privacy == "SECRET" and "boards:write_secret" not in token.scopes:
        raise error(403, 3, "Your application doesn't have the scope boards:write_secret.")
    with atomic():
        account = Account.objects.select_for_update().get(network=ID, external_id=token.account)
        if any(each["name"] == name for each in account.data["boards"]):
            raise error(400, 58, "You already have a board with this name.")
        made = new_board(account.external_id, name, description=description, privacy=privacy)
        account.data["boards"].append(made)
        account.save()
    return JsonResponse(shown(account, made), status=201)


def sections(call: Call, board_id: str) -> HttpResponse:
    """List the sections of a board."""
    _, found = board_of(authorized(call, "boards:read"), board_id)
    return JsonResponse(cut(call, found["sections"]))
