"""Where the benches run: a database and a Redis of their own, and Django over both in this process."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from tests import services
from tests.databases import fresh_database

SECRET = "of no worth: the bench's database is dropped when it is through"
UNLIMITED = 100_000_000
DATABASE = ("--innodb-buffer-pool-size=2G", "--innodb-log-file-size=1G")
"""Two million rows in memory and room for their changes, as a production has."""


@contextmanager
def prepared() -> Iterator[None]:
    """Set up a migrated product of production's kind; what is started in the block inherits its environment."""
    with (
        tempfile.TemporaryDirectory(prefix="ouipost-bench-", ignore_cleanup_errors=True) as home,
        services.database(*DATABASE) as server,
        services.redis() as redis_url,
        fresh_database(Path(home), server) as database_url,
    ):
        os.environ |= environment(home, database_url, redis_url)
        Path(home, "static").mkdir()
        django.setup()
        migrate()
        yield
        close()


def environment(home: str, database_url: str, redis_url: str) -> dict[str, str]:
    """Return the variables of a production whose limits no bench reaches."""
    return {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "ENVIRONMENT": "production",
        "SECRET_KEY": SECRET,
        "TOKEN_KEYS": "k1:" + "A" * 43 + "=",
        "SIMULATOR": "0",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "0",
        "PUBLIC_BASE_URL": "https://posts.example.com",
        "RATE_LIMITS": f"enterprise={UNLIMITED}",
        "OUIPOST_HOME": home,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "CELERY_BROKER_URL": "",
    }


def migrate() -> None:
    from django.core.management import call_command  # Django is there only now

    call_command("migrate", verbosity=0)


def close() -> None:
    """Let go of the database, so that it can be dropped."""
    from django.db import connections

    connections.close_all()
