"""`manage.py prepare`: what must be done once, before the processes of a new version start."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adminapi import web
from posts.storage import StorageUnavailable


class Command(BaseCommand):
    help = "Migrate every database, and make the bucket of files where there is none; run again, it changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = web.prepare()
        except StorageUnavailable as error:
            raise CommandError(f"The databases are ready, the storage of files is not: {error.reason}") from error
        self.stdout.write("The databases are ready, and the bucket was made." if made else "All is ready.")
