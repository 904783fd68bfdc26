"""Finding a post whose key is not known: https://docs.bsky.app/docs/api/com-atproto-repo-list-records"""

from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Session
from accounts.platforms.bluesky.api import get
from accounts.platforms.bluesky.atproto import COLLECTION
from accounts.platforms.http import dig_text, pages, recent, text_at, time_at
from accounts.platforms.shapes import Operation

AT_ONCE = 100


def records_like(connector: Connector, session: Session, operation: Operation) -> list[Any]:
    """Return the records with this text and the same parent post that were made since the operation was armed."""
    account = operation.account
    asked = {"repo": account.remote_id, "collection": COLLECTION, "limit": str(AT_ONCE)}
    read = partial(get, connector, session, account, "com.atproto.repo.listRecords", **asked)
    records = pages(read, at="records", cursor="cursor", cursor_of=text_at("cursor"))
    young = recent(records, since=operation.since, dated=time_at("value", "createdAt"))
    return list({dig_text(each, "uri"): each for each in young if _is_it(each, operation)}.values())


def _is_it(record: Any, operation: Operation) -> bool:
    parent = operation.parent.remote_id if operation.reply else ""
    return (
        dig_text(record, "value", "text") == operation.text
        and dig_text(record, "value", "reply", "parent", "uri") == parent
    )
