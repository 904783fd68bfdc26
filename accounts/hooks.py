"""What higher apps must do when an account is disconnected: they register it here in their `AppConfig.ready`."""

from collections.abc import Callable
from datetime import datetime

from accounts.models import SocialAccount
from ouipost.events.journal import Actor

before_disconnect: list[Callable[[SocialAccount], object]] = []
"""Called before the account is locked, to lock what others lock ahead of accounts; they write nothing."""
on_disconnect: list[Callable[[SocialAccount, Actor, datetime], list[str]]] = []
"""Called in the transaction that disconnects; each returns the ids of the posts that it cancelled."""
in_flight: list[Callable[[SocialAccount], list[dict[str, str]]]] = []
"""Called after these; each returns the `post_id` and `target_id` of what is on its way to the account nevertheless."""
