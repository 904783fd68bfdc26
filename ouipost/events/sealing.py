"""The journal's hash chain: each row's seal is a hash of the row and of the previous seal.

Rows are sealed after their commit, in the order in which they are found. Ids are given before the commit, so a row may
appear that is older than the last sealed one. `seq` is the position in the chain, without gaps.
"""

import hashlib
import json
import time
from collections.abc import Sequence

from django.db import transaction

from ouipost.db.locks import lock_free
from ouipost.db.rows import in_parts, update_each
from ouipost.db.stored_json import as_stored
from ouipost.events.models import ChainHead, Event

COLUMNS = (
    "seq",
    "id",
    "type",
    "resource_type",
    "resource_id",
    "workspace_id",
    "user_id",
    "user_email",
    "key_id",
    "ip_address",
    "user_agent",
    "details",
    "created_at",
)
"""The columns that a seal covers, in this order; a new column must be appended, and only hashed if not empty."""
BATCH, AT_ONCE = 1_000, 200
SECONDS = 2.0


def seal_of(event: Event, before: str) -> str:
    """Return the SHA-256 of the previous seal and the row, as JSON that is the same on every database."""
    values = [as_stored(getattr(event, name)) for name in COLUMNS]
    values[-1] = event.created_at.isoformat(timespec="microseconds")
    text = json.dumps([before, *values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal_new(*, seconds: float = SECONDS) -> int:
    """Seal unsealed rows in batches, for up to `seconds`; returns how many rows."""
    ends, total = time.monotonic() + seconds, 0
    while Event.objects.unsealed().exists():
        count = seal_batch()
        total += count
        if not count or time.monotonic() > ends:
            break
    return total


@transaction.atomic
def seal_batch() -> int:
    """Append up to 1,000 rows to the chain; returns how many, 0 while another process seals.

    The head stays locked until the commit, so that no two rows follow the same one.
    """
    head = _lock_head()
    rows = list(Event.objects.unsealed().order_by("id")[:BATCH]) if head else []
    if not head or not rows:
        return 0
    for row in rows:
        row.seq = head.seq = head.seq + 1
        row.seal = head.seal = seal_of(row, head.seal)
    _write(rows)
    head.save()
    return len(rows)


def _lock_head() -> ChainHead | None:
    """Return the locked head; None if another transaction holds it and the database can skip locked rows."""
    ChainHead.objects.get_or_create(pk=1)
    return lock_free(ChainHead.objects.filter(pk=1)).first()


def _write(rows: Sequence[Event]) -> None:
    """Write the two columns of the chain; no other statement changes a row of the journal."""
    for some in in_parts(rows, AT_ONCE):
        update_each(Event, {row.pk: {"seq": row.seq, "seal": row.seal} for row in some})
