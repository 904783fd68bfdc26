"""Hooks for connected, changed and disconnected accounts, which higher apps register in `AppConfig.ready`.

A disconnection calls `before_disconnect`, locks the account, and calls `on_disconnect`, `cancels` and `in_flight`, each
in the order of registration, which matters: what rescues posts comes before what cancels the rest, and what locks
schedules before what locks posts, as everywhere else.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import SocialAccount
from ouipost.events.journal import Actor


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """The ids of the posts that a hook has cancelled, and what records them."""

    posts: list[str]
    record: Callable[[], object]
    """Called once the posts that are drafts now have moved to other accounts, as webhooks are told where they go."""


on_settings: list[Callable[[SocialAccount, Mapping[str, Any]], list[str]]] = []
"""Called in the transaction that changes settings, with the old settings; each returns warnings about the effects."""
on_standing: list[Callable[[SocialAccount], object]] = []
"""Called in the transaction that connects or disconnects an account, or makes it the default, after that is written."""
on_sign_in: list[Callable[[SocialAccount, datetime], object]] = []
"""Called in the transaction that gives an account the tokens of a sign-in, new or known, after that is written."""
on_doubt: list[Callable[[Collection[str], datetime], object]] = []
"""Called with the ids of accounts whose tokens may have ended, which only a call of the network can tell."""
before_disconnect: list[Callable[[SocialAccount], object]] = []
"""Called before the account is locked, to lock rows that others lock before accounts; they write nothing."""
on_disconnect: list[Callable[[SocialAccount, Actor, datetime], None]] = []
"""Called in the transaction that disconnects, before anything is cancelled."""
cancels: list[Callable[[SocialAccount, Actor, datetime], Cancelled]] = []
"""Called after `on_disconnect`; each cancels what is unsent."""
in_flight: list[Callable[[SocialAccount], list[dict[str, str]]]] = []
"""Called last; each returns the `post_id` and `target_id` of publications still under way to the account."""


def tell_of_standing(account: SocialAccount) -> None:
    """Call the hooks for an account that was connected or disconnected, or became its network's default."""
    for hook in on_standing:
        hook(account)


def tell_of_sign_in(account: SocialAccount, *, now: datetime) -> None:
    """Call the hooks for an account that got the tokens of a sign-in."""
    for hook in on_sign_in:
        hook(account, now)
