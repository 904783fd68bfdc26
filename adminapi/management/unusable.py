"""Errors of commands whose database is away or not migrated; loads no models, as `manage.py` uses it, too."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error, InterfaceError, OperationalError

from adminapi.management import NOBODY_CAN_TELL
from ouipost.db.migrating import is_clash, is_unmigrated


@contextmanager
def on_the_database() -> Iterator[None]:
    """Turn the errors of an unusable database into a CommandError that says what to run."""
    try:
        yield
    except Error as error:
        if is_unmigrated(error):
            said = f"The database is not migrated for this version ({error.args[-1]}): run `manage.py prepare`."
        elif isinstance(error, OperationalError | InterfaceError) and not is_clash(error):
            said = f"The database does not answer ({error.args[-1]}): `manage.py doctor` says what is wrong with it."
        else:
            raise
        raise CommandError(said, returncode=NOBODY_CAN_TELL) from error
