"""Counts of requests on their way to the database: kept in Redis for all processes, else in each process.

`usage` takes the counts in named batches and writes them.
"""

import threading
import uuid
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from ouipost.redis import Script, server
from workspaces.keys.admission import USE

EPOCH = date(1970, 1, 1)
TAKE_SECONDS = 2.0
TAKEN = f"{USE}:taken"
TAKE = Script(f"""
if redis.call('EXISTS', '{TAKEN}') == 0 and redis.call('EXISTS', '{USE}') == 1 then
  redis.call('RENAME', '{USE}', '{TAKEN}')
  redis.call('HSETNX', '{TAKEN}', 'name', ARGV[1])
end
return redis.call('HGETALL', '{TAKEN}')
""")
DROP = Script(f"if redis.call('HGET', '{TAKEN}', 'name') == ARGV[1] then redis.call('DEL', '{TAKEN}') end")
LOOK = Script(f"""
if redis.call('EXISTS', '{USE}') == 1 then redis.call('HSETNX', '{USE}', 'name', ARGV[1]) end
return {{redis.call('HGETALL', '{USE}'), redis.call('HGETALL', '{TAKEN}')}}
""")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Counts that go into the database together, once."""

    name: str
    requests: Counter[tuple[str, date]] = field(default_factory=Counter)
    """Number of requests by key and day."""
    last_used: dict[str, datetime] = field(default_factory=dict)


class Source(Protocol):
    """A store of counts; its methods raise RedisAway if it cannot be reached."""

    def take(self) -> Batch | None:
        """Return the batch to write: the same one until it is dropped; None if there is nothing."""

    def drop(self, name: str) -> None:
        """Forget the batch with this name: it is written."""

    def pending(self) -> list[Batch]:
        """Return the batches that were not dropped yet; one that still grows already has its final name."""


class InRedis:
    """The counts of all processes; a request is counted in the same trip that admits it."""

    def take(self) -> Batch | None:
        redis = server()
        fields = redis.run(TAKE, args=[uuid.uuid4().hex], timeout=TAKE_SECONDS) if redis else []
        return _batch(fields) if fields else None

    def drop(self, name: str) -> None:
        redis = server()
        if redis:
            redis.run(DROP, args=[name], timeout=TAKE_SECONDS)

    def pending(self) -> list[Batch]:
        redis = server()
        found = redis.run(LOOK, args=[uuid.uuid4().hex]) if redis else []
        return [_batch(fields) for fields in found if fields]


class InProcess:
    """The counts of this process alone; safe to share between threads."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget everything, since a forked process inherits the counts of its parent."""
        self._lock = threading.Lock()
        self._growing = Batch(name=uuid.uuid4().hex)
        self._taken: Batch | None = None

    def count(self, key_id: str, *, now: datetime) -> None:
        """Count one request of this key."""
        with self._lock:
            self._growing.requests[key_id, now.astimezone(UTC).date()] += 1
            self._growing.last_used[key_id] = now

    def take(self) -> Batch | None:
        with self._lock:
            if self._taken is None and self._growing.requests:
                self._taken, self._growing = self._growing, Batch(name=uuid.uuid4().hex)
            return self._taken

    def drop(self, name: str) -> None:
        with self._lock:
            if self._taken is not None and self._taken.name == name:
                self._taken = None

    def pending(self) -> list[Batch]:
        with self._lock:
            growing = deepcopy(self._growing)
            return [growing] if self._taken is None else [self._taken, growing]


def _batch(fields: list[bytes]) -> Batch:
    """Read a hash as Redis returns it: names and values in turn."""
    values = dict(zip((name.decode() for name in fields[::2]), fields[1::2], strict=True))
    batch = Batch(name=values.pop("name", b"").decode())
    for name, value in values.items():
        key_id, _, what = name.partition(" ")
        if what == "at":
            batch.last_used[key_id] = datetime.fromtimestamp(int(value) / 1000, UTC)
        else:
            batch.requests[key_id, EPOCH + timedelta(days=int(what))] = int(value)
    return batch
