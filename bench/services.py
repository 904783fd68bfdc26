"""The database and the Redis that the bench runs on, as processes of this machine."""

from pathlib import Path

from django.conf import settings
from django.db import connection
from redis import Redis


def service_pids() -> list[int]:
    """Return the process ids of the database and of Redis, where they run on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@pid_file, @@datadir")
        name, folder = cursor.fetchone()
    kept = Path(folder, name)
    database = int(kept.read_text()) if kept.exists() else 0
    cache = int(Redis.from_url(settings.REDIS_URL).info("server")["process_id"])
    return [pid for pid in (database, cache) if Path(f"/proc/{pid}").exists()]
