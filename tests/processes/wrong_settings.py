"""Settings with one thing wrong about the connection to the database, for the doctor to find: `WRONG` says which."""

import os

from ouipost.settings import *  # noqa: F403
from ouipost.settings import DATABASES

OPTIONS = DATABASES["default"]["OPTIONS"]
OPTIONS |= {
    "journal": {"init_command": "PRAGMA journal_mode=DELETE"},
    "isolation": {"isolation_level": "repeatable read"},
    "clock": {"init_command": "SET SESSION time_zone = '+00:00', timestamp = UNIX_TIMESTAMP() - 600"},
}[os.environ["WRONG"]]
