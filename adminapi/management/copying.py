"""Copy all rows of an SQLite file into the database of these settings, to move from embedded mode to servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    DataError,
    IntegrityError,
    connection,
    connections,
    models,
    router,
    transaction,
)
from django.db.migrations.executor import MigrationExecutor

from accounts.models import Pause, PauseScope
from adminapi import keyring
from adminapi.models import Heartbeat
from adminapi.processes.heartbeats import SILENCE
from ouipost.claims import database_now
from ouipost.db import rows
from ouipost.db.configuration import database

SOURCE = "source"
AT_ONCE = 2000
MADE_BY_MIGRATE: tuple[type[models.Model], ...] = (ContentType, Permission)
"""Models whose rows `migrate` creates. The file's rows replace them, as other rows name the file's numbers."""


class CannotCopy(Exception):
    """Nothing was copied; the message has the reason and the remedy."""


class WrongFile(CannotCopy):
    """The file is missing, unreadable, or not the product's database."""


@contextmanager
def source(path: Path) -> Iterator[None]:
    """Make SOURCE an alias of this file's database; raises WrongFile if the file is no database."""
    try:
        is_there = path.is_file()
    except OSError as error:
        raise WrongFile(f"{path} cannot be read: {error.strerror}.") from error
    if not is_there:  # SQLite would make an empty one
        raise WrongFile(f"There is no file {path}.")
    added = connections.configure_settings({DEFAULT_DB_ALIAS: database(f"sqlite:///{path.absolute()}")})
    connections.settings[SOURCE] = added[DEFAULT_DB_ALIAS]
    try:
        connections[SOURCE].ensure_connection()
        yield
    except DatabaseError as error:
        if connections[SOURCE].connection is not None:
            raise
        raise WrongFile(f"{path} cannot be read: {error}.") from error
    finally:
        connections[SOURCE].close()
        del connections[SOURCE], connections.settings[SOURCE]


def tables() -> list[type[models.Model]]:
    """Return the models to copy: all of ours and of Django's, without the simulator's."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and router.allow_migrate_model(DEFAULT_DB_ALIAS, model)
    ]


def require_ready() -> None:
    """Raise CannotCopy if copying could lose a row or send a post twice, WrongFile if there is nothing to copy."""
    executor = MigrationExecutor(connections[SOURCE])
    known = executor.loader.disk_migrations
    newer = [key for key in executor.loader.applied_migrations if key[0] in apps.app_configs and key not in known]
    if newer or executor.migration_plan([key for key in executor.loader.graph.leaf_nodes() if key[0] != "simulator"]):
        raise CannotCopy(
            "The file is of another version: run `manage.py prepare` of this one with the file's settings."
        )
    if Pause._meta.db_table not in connections[SOURCE].introspection.table_names():
        raise WrongFile("The file is the simulator's: give ouipost.sqlite3.")
    paused = Pause.objects.using(SOURCE).filter(scope=PauseScope.ALL, resumed_at=None)
    if not paused.exists():
        raise CannotCopy(
            "The file is not paused, and whoever starts it again would send what the copy sends: run `manage.py pause "
            "--scope all` with the file's settings. The copy is paused as well, until you resume it."
        )
    heard = Heartbeat.objects.using(SOURCE).filter(pk__contains=":", at__gt=database_now(SOURCE) - SILENCE)
    if heard.exists():
        raise CannotCopy("A worker is still running with the file, or was killed just now: stop it, and wait a minute.")
    filled = [model._meta.db_table for model in tables() if model not in MADE_BY_MIGRATE and _is_filled(model)]
    if filled:
        raise CannotCopy(f"The new database is in use: there are rows in {', '.join(filled)}. Give an empty one.")


def _is_filled(model: type[models.Model]) -> bool:
    return model._base_manager.exists()


def counted() -> dict[str, int]:
    """Return how many rows of each table the file has."""
    found = {model._meta.db_table: model._base_manager.using(SOURCE).count() for model in tables()}
    return {table: many for table, many in found.items() if many}


def copy() -> Iterator[tuple[str, int]]:
    """Copy every row unchanged, all or nothing, and give the name of each table with rows and their number.

    The file is locked against writes meanwhile. Raises CannotCopy.
    """
    with transaction.atomic(using=SOURCE), transaction.atomic():
        with connection.constraint_checks_disabled():
            for model in MADE_BY_MIGRATE:
                model._base_manager.all()._raw_delete(DEFAULT_DB_ALIAS)
            for model in tables():
                if many := _copy(model):
                    yield model._meta.db_table, many
        try:
            connection.check_constraints()
        except IntegrityError as error:
            raise CannotCopy(f"A row of the file names another that is not there: {error}") from error
        try:
            keyring.check()
        except keyring.WrongKeyRing as error:
            raise CannotCopy(f"{error} The file's keys are in `secrets.env` beside it.") from error


def _copy(model: type[models.Model]) -> int:
    names = [str(field.attname) for field in model._meta.local_concrete_fields]
    found = model._base_manager.using(SOURCE).order_by().values_list(*names).iterator(chunk_size=AT_ONCE)
    many = 0
    while batch := list(islice(found, AT_ONCE)):
        many += _insert(model, batch)
    return many


def _insert(model: type[models.Model], batch: list[tuple[Any, ...]]) -> int:
    try:
        rows.insert_values(model, batch)
    except (DataError, IntegrityError) as error:
        raise CannotCopy(f"A row of {model._meta.db_table} does not fit into the new database: {error}") from error
    return len(batch)
