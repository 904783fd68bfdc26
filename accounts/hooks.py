"""Hooks for changed and disconnected accounts, which higher apps register in `AppConfig.ready`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from accounts.models import SocialAccount
from ouipost.events.journal import Actor

on_settings: list[Callable[[SocialAccount, Mapping[str, Any]], list[str]]] = []
"""Called in the transaction that changes settings, with the old settings; each returns warnings about the effects."""
before_disconnect: list[Callable[[SocialAccount], object]] = []
"""Called before the account is locked, to lock rows that others lock before accounts; they write nothing."""
on_disconnect: list[Callable[[SocialAccount, Actor, datetime], list[str]]] = []
"""Called in the transaction that disconnects; each returns the ids of the posts that it cancelled."""
in_flight: list[Callable[[SocialAccount], list[dict[str, str]]]] = []
"""Called last; each returns the `post_id` and `target_id` of publications still under way to the account."""
