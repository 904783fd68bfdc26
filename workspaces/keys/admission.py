"""One trip to Redis per request: look the key up, count the request in its minute, and count it as use.

A record is the database's answer about a key, kept for seconds. A changed key is marked, and while it is marked no
record of it is used or stored: see `docs/decisions/0013-one-trip-to-redis-admits-a-request.md`. The record of a key
that lets nobody in, such as an expired one, begins with a minus: its requests count in their minute, but not as use.
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from ouipost.api.limits import WINDOW_SECONDS, Window
from ouipost.redis import RedisAway, Script, server

RECORD_SECONDS = 5
STORE_SECONDS = 5
"""Time after a miss during which a process may still store the row it read."""
MARK_SECONDS = 12
"""Longer than both together, so that a record read before the change has expired when the mark ends."""
USE = "ouipost:use"
"""Hash of unflushed counts: `<key id> <day>` is a number of requests, `<key id> at` the time of the last one."""

COUNT = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local store_within = {STORE_SECONDS * 1000}

local function count(id, is_use)
  local window = 'ouipost:requests:' .. id
  local requests = redis.call('INCR', window)
  if requests > 1 and redis.call('PTTL', window) > {WINDOW_SECONDS * 1000} then  -- Redis' clock was set back
    redis.call('SET', window, 1)
    requests = 1
  end
  if requests == 1 then redis.call('EXPIRE', window, {WINDOW_SECONDS}) end
  if is_use then
    redis.call('HINCRBY', '{USE}', id .. ' ' .. math.floor(time[1] / 86400), 1)
    redis.call('HSET', '{USE}', id .. ' at', now)
  end
  return requests, redis.call('PTTL', window)
end

local function is_changed(id)
  return redis.call('EXISTS', 'ouipost:changed:' .. id) == 1
end
"""
ASK = Script(
    COUNT
    + """
local kept = redis.call('GET', KEYS[1])
if not kept then return {now} end
local space = string.find(kept, ' ', 1, true)
local is_use = string.sub(kept, 1, 1) ~= '-'
local id = string.sub(kept, is_use and 1 or 2, space - 1)
if is_changed(id) then return {now} end
local requests, left = count(id, is_use)
return {now, requests, left, string.sub(kept, space + 1)}
"""
)
ADMIT = Script(
    COUNT
    + """
local id, record, milliseconds, asked_at, is_use = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
if now - asked_at < store_within and not is_changed(id) then
  redis.call('SET', KEYS[1], (is_use and '' or '-') .. id .. ' ' .. record, 'PX', milliseconds)
end
local requests, left = count(id, is_use)
return {now, requests, left}
"""
)
MARK = Script(f"for _, key in ipairs(KEYS) do redis.call('SET', key, 1, 'EX', {MARK_SECONDS}) end")


@dataclass(frozen=True, kw_only=True)
class Known:
    """Redis has a record of the key, and has counted the request."""

    record: bytes
    window: Window


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Redis has no record of the key: the database must be asked. Nothing was counted."""

    name: str
    asked_at: int
    """Milliseconds on Redis' clock."""


def ask(digest: str) -> Known | Unknown | None:
    """Ask Redis for the record of the key with this digest; returns None if Redis cannot be reached."""
    redis, name = server(), f"ouipost:key:{digest}"
    if redis is None:
        return None
    with suppress(RedisAway):
        match redis.run(ASK, [name]):
            case [now]:
                return Unknown(name=name, asked_at=now)
            case [now, requests, left, record]:
                return Known(record=record, window=_window(now, requests, left))
    return None


def admit(miss: Unknown, *, key_id: str, record: bytes, milliseconds: int, is_use: bool) -> Window | None:
    """Count a request whose key is in the database, and keep the key's record for `milliseconds`, at most 5 s.

    None if Redis cannot be reached.
    """
    redis = server()
    kept = min(milliseconds, RECORD_SECONDS * 1000)
    with suppress(RedisAway):
        if redis is not None:
            return _window(*redis.run(ADMIT, [miss.name], [key_id, record, kept, miss.asked_at, int(is_use)]))
    return None


def _window(now: int, requests: int, left: int) -> Window:
    """Return the minute from the script's milliseconds."""
    return Window(requests=requests, seconds_left=left / 1000, ends_at=math.ceil((now + left) / 1000), is_shared=True)


def forget_changed(instance: models.Model, *, created: bool = False, **_: Any) -> None:
    """Forget a key that is changed or deleted: the receiver of Django's signals. Of a new key there is no record."""
    if not created and not instance._state.adding:
        forget(instance.pk)


def forget(*key_ids: str) -> None:
    """Have every process read these keys again, from now on and once more when the current transaction is committed.

    Call it before the change: then it holds even if this process dies right after its commit.
    """
    _mark(key_ids)
    transaction.on_commit(lambda: _mark(key_ids))


def _mark(key_ids: tuple[str, ...]) -> None:
    redis = server()
    if redis is None or not key_ids:
        return
    with suppress(RedisAway):  # then a record lives on for its 5 s at most
        redis.run(MARK, [f"ouipost:changed:{key_id}" for key_id in key_ids], insist=True)
