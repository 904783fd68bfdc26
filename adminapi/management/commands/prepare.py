"""`manage.py prepare`: the steps to run once, before the processes of a new version start."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from adminapi.management.arguments import A_DAY, require_between
from adminapi.management.base import OperatorCommand, add_dry_run, add_json, add_wait, counted
from adminapi.processes import web
from posts.media.storage import StorageUnavailable


class Command(OperatorCommand):
    help = "Migrate every database, and create the bucket for files if there is none; running it again changes nothing."
    details = """
Examples:
  manage.py prepare --dry-run   how many migrations are missing
  manage.py prepare             before the processes of a new version start
  manage.py prepare --wait 600  at boot, when the database may take longer to start

Exits with 1 if a database cannot be migrated or the storage of files does not answer."""
    requires_system_checks = "__all__"

    def add_arguments(self, parser: CommandParser) -> None:
        add_wait(parser, "a database")
        add_dry_run(parser, "how many migrations each database lacks")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between("--wait", options["wait"], least=0, most=A_DAY)
        if options["wait"] and not web.databases_answer():
            self.say(f"A database does not answer yet: waiting for it, up to {options['wait']} s.")
            web.wait_for_databases(options["wait"])
        found: dict[str, Any] = {"migrations": web.pending()}
        if options["dry_run"]:
            for alias, many in found["migrations"].items():
                self.say(f"The database {alias} lacks {counted(many, 'migration')}.")
        else:
            found["bucket_made"] = self._prepare()
        self.show(found)

    def _prepare(self) -> bool:
        try:
            made = web.prepare()
        except StorageUnavailable as error:
            raise CommandError(f"The databases are ready, the storage of files is not: {error.reason}") from error
        self.say("The databases are ready, and the bucket was made." if made else "All is ready.")
        return made
