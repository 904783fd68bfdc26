"""Check the stored rows for forms that this version does not expect, left by a person, a bug or another version."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.db.models import QuerySet

from accounts import registry
from accounts.models import Pause, PauseScope, SocialAccount, SocialAccountQuerySet
from adminapi.doctor.findings import Finding, warning, well
from ouipost import zones
from ouipost.db.stored_json import JsonColumn, misshapen
from ouipost.events.models import Webhook
from posts.models import Post, Schedule, Slot, Target
from workspaces.models import ApiKey, User, Workspace

TOLD = 10
ACTION = "Set it anew over the API or the console, or mend the row; until then nothing goes out that needs it."


def rows() -> Finding:
    """Check that the configuration, and the posts that are still to go out, are stored as this version expects."""
    found = [*_misshapen(), *_unknown()]
    if not found:
        return well("They are stored as this version expects them.")
    more = f", and {len(found) - TOLD:,} more" if len(found) > TOLD else ""
    return warning(f"Not as this version expects them: {', '.join(found[:TOLD])}{more}.", ACTION)


def _misshapen() -> Iterator[str]:
    """Give the JSON columns that have another form."""
    waiting = Target.objects.filter(due_at__isnull=False)
    looked_at: tuple[QuerySet[Any], ...] = (
        Workspace.objects.present(),
        _accounts(),
        ApiKey.objects.present(),
        User.objects.all(),
        Webhook.objects.present(),
        Slot.objects.filter(schedule__workspace__deleted_at=None),
        waiting,
        Post.objects.filter(pk__in=waiting.values("post")),
    )
    for every in looked_at:
        columns = [field.name for field in every.model._meta.concrete_fields if isinstance(field, JsonColumn)]
        for row in every.only("pk", *columns).iterator():
            yield from misshapen(row)


def _unknown() -> Iterator[str]:
    """Give the rows with a network, scope or time zone that this version, or this machine, does not know."""
    accounts = _accounts().exclude(platform__in=registry.IDS)
    yield from (f"{pk} (network {name})" for pk, name in accounts.values_list("pk", "platform"))
    pauses = Pause.objects.in_force().exclude(scope__in=PauseScope.values)
    yield from (f"{pk} (scope {name})" for pk, name in pauses.values_list("pk", "scope"))
    clocks = chain(
        Schedule.objects.filter(workspace__deleted_at=None).values_list("pk", "timezone").iterator(),
        ((row.pk, row.settings.get("timezone")) for row in Workspace.objects.present().iterator()),
    )
    yield from (f"{pk} (time zone {name})" for pk, name in clocks if name and not zones.is_known(name))


def _accounts() -> SocialAccountQuerySet:
    """Match the connected accounts of workspaces that are not being removed."""
    return SocialAccount.objects.connected().filter(workspace__deleted_at=None)
