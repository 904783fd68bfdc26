"""Migrations run while the version before goes on: they bring nothing that its code would have to know."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, migrations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

pytestmark = pytest.mark.django_db
FIRST = {
    "accounts.0002_add_guards_and_pace",
    "posts.0002_add_sent_text",
    "posts.0004_video_documents_and_replies",
    "api.0002_seal_secrets",
    "simulator.0002_videos",
}
"""They were there before this was asked of them; see `docs/operations/upgrade.md`."""
TABLES = (migrations.CreateModel, migrations.AddIndex, migrations.AddConstraint, migrations.AlterModelOptions)
ROWS = (migrations.RunPython, migrations.RunSQL)
NOT_OF_THE_COLUMN = {"help_text", "related_name", "verbose_name", "choices", "editable", "blank", "validators"}


def steps() -> Iterator[tuple[str, Operation, bool]]:
    """Give each operation of our migrations, with where it stands and whether the version before can go on with it."""
    executor = MigrationExecutor(connection)
    ours = {config.label for config in apps.get_app_configs() if not config.name.startswith("django")}
    state = ProjectState()
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True):
        for operation in migration.operations:
            if migration.app_label in ours:
                yield str(migration), operation, is_safe(migration.app_label, operation, state)
            operation.state_forwards(migration.app_label, state)


def is_safe(label: str, operation: Operation, state: ProjectState) -> bool:
    """Whether code that knows only what was there before goes on, and no table is written anew for another field."""
    if isinstance(operation, migrations.AddField):
        return operation.field.null or operation.field.db_default is not NOT_PROVIDED
    if isinstance(operation, migrations.AlterField):
        before = state.models[label, operation.model_name_lower].get_field(operation.name)
        return column(before) == column(operation.field)
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return all(is_safe(label, each, state) for each in operation.database_operations)
    return isinstance(operation, TABLES + ROWS)


def column(field: "Field[Any, Any]") -> object:
    """Return what the database knows of a field."""
    _, path, given, options = field.deconstruct()
    return path, given, {name: value for name, value in options.items() if name not in NOT_OF_THE_COLUMN}


def test_the_version_before_goes_on_with_what_a_migration_brings() -> None:
    assert {migration for migration, _, is_safe in steps() if not is_safe} <= FIRST


def test_every_migration_can_be_undone() -> None:
    assert [migration for migration, operation, _ in steps() if not operation.reversible] == []
