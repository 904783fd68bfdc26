"""Where higher apps hang what must happen when an account goes: they register in their `AppConfig.ready`."""

from collections.abc import Callable
from datetime import datetime

from accounts.models import SocialAccount
from ouipost.events.journal import Actor

on_disconnect: list[Callable[[SocialAccount, Actor, datetime], int]] = []
"""Called in the transaction that disconnects; each returns how many posts it cancelled."""
