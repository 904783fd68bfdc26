"""Transactions that are run again when the database asks for it."""

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db import OperationalError, transaction

from ouipost.databases import is_lock_error

Result = TypeVar("Result")
ATTEMPTS = 5


def in_transaction(work: Callable[[], Result]) -> Result:
    """Run the work in a transaction of its own and commit it, up to five times over lost races.

    The work starts from nothing each time. It is not run again once it is committed, whatever fails after that.
    """
    attempt = 1
    while True:
        committed: list[bool] = []
        try:
            with transaction.atomic(durable=True):
                transaction.on_commit(partial(committed.append, True))
                return work()
        except OperationalError as error:
            if committed or attempt == ATTEMPTS or not is_lock_error(error):
                raise
        time.sleep(secrets.randbelow(20 << attempt) / 1000)
        attempt += 1
