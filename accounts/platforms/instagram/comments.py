"""First comments on Instagram; before a retry they are searched for, as a refusal does not prove that there is none.

https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/comment-moderation
"""

from functools import partial
from typing import Any

from accounts.platforms.base import Session
from accounts.platforms.errors import Rejected, Unknown
from accounts.platforms.http import dig_text, pages, recent, time_at
from accounts.platforms.meta.containers import ContainerConnector
from accounts.platforms.shapes import Account, Operation, Published
from accounts.platforms.text import comparable

DOUBTFUL = {"20", "20/1772107"}
"""Codes that Instagram sometimes answers although the comment was made."""
FIELDS = "id,text,timestamp,username"
AT_ONCE = 50


def write(connector: ContainerConnector, session: Session, operation: Operation) -> Published:
    """Comment on the account's own post."""
    account, post = operation.account, operation.parent
    url = f"{connector.base(account)}/{post.remote_id}/comments"
    request = connector.form(account, {"message": operation.text})
    try:
        comment_id = connector.call_visible(session, "POST", url, id_at=("id",), **request)
    except Rejected as refusal:
        if refusal.network_code not in DOUBTFUL:
            raise
        raise Unknown(**refusal.facts) from refusal
    return Published(remote_id=comment_id, url=post.url)


def find(connector: ContainerConnector, session: Session, operation: Operation) -> list[Published]:
    """Return the account's own comments with this text, since the time of the first try."""
    since = operation.since.replace(microsecond=0)
    path = f"{operation.parent.remote_id}/comments"
    read = partial(connector.read, session, operation.account, path, fields=FIELDS, limit=AT_ONCE)
    comments = pages(read, at="data", cursor="after", cursor_of=_following)
    young = recent(comments, since=since, dated=time_at("timestamp"))
    text = comparable(operation.text)
    same = [each for each in young if comparable(dig_text(each, "text")) == text]
    name = operation.account.username
    if same and all(dig_text(each, "username") != name for each in same):
        name = _present_name(connector, session, operation.account)  # the name may have changed
    found = [dig_text(each, "id") for each in same if dig_text(each, "username") == name]
    return [Published(remote_id=each, url=operation.parent.url) for each in dict.fromkeys(found)]


def _present_name(connector: ContainerConnector, session: Session, account: Account) -> str:
    return dig_text(connector.read(session, account, account.remote_id, fields="username"), "username")


def _following(page: Any) -> str:
    return dig_text(page, "paging", "next") and dig_text(page, "paging", "cursors", "after")
