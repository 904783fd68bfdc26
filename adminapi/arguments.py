"""What several operators' commands ask of their arguments."""

from django.core.management.base import CommandError

from ouipost.errors import InvalidInput
from workspaces.models import Workspace


def require_workspace(pk: str) -> None:
    """Raise CommandError where a workspace is named that does not exist."""
    if pk and not Workspace.objects.filter(pk=pk).exists():
        raise CommandError(f"There is no workspace {pk}.")


def require_between(name: str, value: int, *, least: int, most: int) -> None:
    """Raise CommandError where a number is out of its range."""
    if not least <= value <= most:
        raise CommandError(f"{name} must be {least} to {most}.")


def problems_of(error: InvalidInput) -> str:
    """Return what is wrong with arguments that are named like the fields of a body."""
    fields: dict[str, list[str]] = error.details["fields"]
    return " ".join(f"--{name}: {' '.join(problems)}" for name, problems in fields.items())
