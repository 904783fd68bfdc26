"""What higher apps must do when an account is changed or disconnected: they register it here in `AppConfig.ready`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from accounts.models import SocialAccount
from ouipost.events.journal import Actor

on_settings: list[Callable[[SocialAccount, Mapping[str, Any]], list[str]]] = []
"""Called in the transaction that changes settings, with those before; each returns warnings about what comes of it."""
on_standing: list[Callable[[SocialAccount], object]] = []
"""Called in the transaction that connects or disconnects an account, or makes it the default, once that is written."""
before_disconnect: list[Callable[[SocialAccount], object]] = []
"""Called before the account is locked, to lock what others lock ahead of accounts; they write nothing."""
on_disconnect: list[Callable[[SocialAccount, Actor, datetime], list[str]]] = []
"""Called in the transaction that disconnects; each returns the ids of the posts that it cancelled."""
in_flight: list[Callable[[SocialAccount], list[dict[str, str]]]] = []
"""Called after these; each returns the `post_id` and `target_id` of what is on its way to the account nevertheless."""


def tell_of_standing(account: SocialAccount) -> None:
    """Call what is registered for an account that came, went, or became its network's default."""
    for hook in on_standing:
        hook(account)
