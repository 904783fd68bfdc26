"""`manage.py copy_from_sqlite`: the way from embedded mode to a database server."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from adminapi.management import copying
from adminapi.management.arguments import WrongArgument
from adminapi.management.base import OperatorCommand, add_dry_run, add_json, counted


class Command(OperatorCommand):
    help = (
        "Copy all that is in a file of embedded mode into the database of these settings, which must be empty; the "
        "file stays as it is."
    )
    details = """
Examples, in this order; the first two with the settings of embedded mode, and then its processes are ended:
  manage.py prepare
  manage.py pause --scope all --reason 'We move to MariaDB'
  manage.py prepare                                            with the new DATABASE_URL, as all that follows
  manage.py copy_from_sqlite var/ouipost.sqlite3 --dry-run
  manage.py copy_from_sqlite var/ouipost.sqlite3

All is copied or, where something is wrong, nothing. The copy is paused as the file is: `manage.py resume --scope all`
lets posts go out from there, once the new processes run. Leave the file paused.

Exits with 1 where it may not be copied yet, or a row does not fit, and with 2 where FILE is no database of embedded
mode."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="FILE", help="the database of embedded mode, ouipost.sqlite3")
        add_dry_run(parser, "whether it could be copied, and how many rows there are")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with copying.source(options["path"]):
                copying.require_ready()
                copied = copying.counted() if options["dry_run"] else self._copy()
        except copying.WrongFile as error:
            raise WrongArgument(str(error)) from error
        except copying.CannotCopy as error:
            raise CommandError(str(error)) from error
        self.show({"rows": copied})
        total = f"{counted(sum(copied.values()), 'row')} of {counted(len(copied), 'table')}"
        self.say(
            f"Would copy {total}." if options["dry_run"] else f"Copied {total}. Nothing goes out before it is resumed."
        )

    def _copy(self) -> dict[str, int]:
        copied: dict[str, int] = {}
        for table, many in copying.copy():
            copied[table] = many
            self.say(f"{table}: {many}")
        return copied
