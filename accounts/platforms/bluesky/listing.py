"""Finding a post whose key is not known: https://docs.bsky.app/docs/api/com-atproto-repo-list-records"""

from datetime import datetime
from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Operation, Session
from accounts.platforms.bluesky.api import get
from accounts.platforms.bluesky.atproto import COLLECTION
from accounts.platforms.http import dig_list, dig_text, entries, is_since, moment

AT_ONCE = 100


def records_like(connector: Connector, session: Session, operation: Operation) -> list[Any]:
    """Return the records of this text, and in answer to the same post, that were made since it was armed."""
    account = operation.account
    asked = {"repo": account.remote_id, "collection": COLLECTION, "limit": str(AT_ONCE)}
    read = partial(get, connector, session, account, "com.atproto.repo.listRecords", **asked)
    cursor_of = partial(_following, since=operation.since)
    found = entries(read, at="records", cursor="cursor", cursor_of=cursor_of)
    return [each for each in found if _is_it(each, operation)]


def _following(page: Any, *, since: datetime) -> str:
    """Newest keys come first: behind a page that is older as a whole, all is. Some programs write earlier times."""
    made = [moment(dig_text(each, "value", "createdAt")) for each in dig_list(page, "records")]
    is_older = bool(made) and all(at is not None and at < since for at in made)
    return "" if is_older else dig_text(page, "cursor")


def _is_it(record: Any, operation: Operation) -> bool:
    parent = operation.parent.remote_id if operation.reply else ""
    return (
        is_since(dig_text(record, "value", "createdAt"), operation.since)
        and dig_text(record, "value", "text") == operation.text
        and dig_text(record, "value", "reply", "parent", "uri") == parent
    )
