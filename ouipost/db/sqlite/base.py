"""SQLite whose writers take turns: a thread begins its transaction when those of its process's other threads ended.

SQLite has one writer. Other writers sleep and try again, in the end ten times a second, while newcomers try at once:
the longer a writer has waited, the less likely it is to be next (decision 46).
"""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

TURNS: dict[str, threading.Lock] = {}
"""Locks by file. Writes of other processes, or outside of transactions, are waited for in SQLite's own way."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that holds its turn from the beginning of a transaction to its end.

    Raises OperationalError, as SQLite does, when its turn does not come within the connection's timeout.
    """

    _turn: "threading.Lock | None" = None

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect; a new file is readable for its owner only, and so are the files that SQLite creates beside it.

        A present file is not opened here, since closing it again would drop the locks of the process's connections.
        """
        if not self.is_in_memory_db():
            with suppress(OSError):  # SQLite reports the error itself
                Path(self.settings_dict["NAME"]).touch(mode=0o600, exist_ok=False)
        return super().get_new_connection(conn_params)

    def _start_transaction_under_autocommit(self) -> None:
        if not self.is_in_memory_db():
            self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # Django's stubs leave it out
        except BaseException:
            self._end_turn()
            raise

    def commit(self) -> None:
        try:
            super().commit()
        finally:  # even if that fails: until the rollback, SQLite's own lock keeps others out
            self._end_turn()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._end_turn()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._end_turn()

    def _take_turn(self) -> None:
        turn = TURNS.setdefault(str(self.settings_dict["NAME"]), threading.Lock())
        if not turn.acquire(timeout=self.settings_dict["OPTIONS"]["timeout"]):
            raise OperationalError("database is locked")
        self._turn = turn

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()
