"""First comments on Instagram, looked for before they are sent again: a refusal does not prove that there is none.

https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/comment-moderation
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from accounts.platforms.base import Account, Operation, Published, Rejected, Session, Unknown
from accounts.platforms.http import call_visible, dig, dig_list, dig_text, is_since, paged
from accounts.platforms.meta.containers import ContainerConnector
from accounts.platforms.text import comparable
from ouipost.phrases import Phrase

DOUBTFUL = {"20", "20/1772107"}
"""Answered at times although the comment was made."""
FIELDS = "id,text,timestamp,username"
AT_ONCE = 50


def write(connector: ContainerConnector, session: Session, operation: Operation) -> Published:
    """Comment on the account's own post."""
    assert operation.reply is not None
    account, post = operation.account, operation.parent
    url = f"{connector.base(account)}/{post.remote_id}/comments"
    request = connector.form(account, {"message": operation.reply.text})
    try:
        comment_id = call_visible(connector, session, "POST", url, id_at=("id",), **request)
    except Rejected as refusal:
        if refusal.network_code not in DOUBTFUL:
            raise
        raise Unknown(**refusal.facts) from refusal
    return Published(remote_id=comment_id, url=post.url)


def find(connector: ContainerConnector, session: Session, operation: Operation) -> list[Published]:
    """Return the account's own comments that say this, from the time of the first try on."""
    assert operation.reply is not None
    since = operation.since.replace(microsecond=0)
    text = comparable(operation.reply.text)
    same = [each for each in _comments(connector, session, operation) if _is_it(each, text, since=since)]
    name = operation.account.username
    if same and all(dig_text(each, "username") != name for each in same):
        name = _present_name(connector, session, operation.account)  # it may have changed since it was read
    found = [dig_text(each, "id") for each in same if dig_text(each, "username") == name]
    return [Published(remote_id=each, url=operation.parent.url) for each in dict.fromkeys(found)]


def _is_it(comment: Any, text: str, *, since: datetime) -> bool:
    return is_since(dig_text(comment, "timestamp"), since) and comparable(dig_text(comment, "text")) == text


def _present_name(connector: ContainerConnector, session: Session, account: Account) -> str:
    return dig_text(connector.get(session, account, account.remote_id, fields="username"), "username")


def _comments(connector: ContainerConnector, session: Session, operation: Operation) -> Iterator[Any]:
    path = f"{operation.parent.remote_id}/comments"

    def read(after: str) -> Any:
        cursor: dict[str, Any] = {"after": after} if after else {}
        return connector.get(session, operation.account, path, fields=FIELDS, limit=AT_ONCE, **cursor)

    for page in paged(read, cursor_of=_following):
        if not isinstance(dig(page, "data"), list):
            raise Unknown(Phrase("Instagram answered without the list of comments."))
        yield from dig_list(page, "data")


def _following(page: Any) -> str:
    return dig_text(page, "paging", "cursors", "after") if dig_text(page, "paging", "next") else ""
