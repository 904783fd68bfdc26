"""`manage.py rotate_key`: another secret for an API key."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from adminapi.management.arguments import WrongArgument
from adminapi.management.base import OperatorCommand, add_dry_run, add_json
from ouipost.moments import written_in_utc
from workspaces.keys.services import KeyRevoked, grace_ends, require_working, rotate_key
from workspaces.models import ApiKey

MINUTES = "%Y-%m-%d %H:%M UTC"


class Command(OperatorCommand):
    help = (
        "Give an API key a new secret and show it: it is shown only once. The old one stays valid for another 24 "
        "hours; within them the key is rotated again only with --again."
    )
    details = """
Examples:
  manage.py rotate_key key_019a2b3c… --dry-run
  manage.py rotate_key key_019a2b3c… --json    {"id", "new_api_key", "old_key_expires_at"}

Exits with 1 if the key was revoked, has expired or was rotated within the last 24 hours, and with 2 if there is no such
key."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id", metavar="KEY_ID", help="as `GET /admin/keys` shows it")
        parser.add_argument(
            "--again", action="store_true", help="even if the secret from before the last rotation ends at once by it"
        )
        add_dry_run(parser, "what would be done")
        add_json(parser)

    @transaction.atomic  # a secret that cannot be shown is not given
    def handle(self, *args: Any, **options: Any) -> None:
        key = ApiKey.objects.select_for_update().filter(pk=options["key_id"]).first()  # of two at once, one is refused
        if key is None:
            raise WrongArgument(f"There is no key {options['key_id']}.")
        now, secret = timezone.now(), ""
        ends_at, older_until = grace_ends(key, now=now), _older_until(key, now=now)
        try:
            require_working(key, now=now)
            if not options["again"]:
                _require_one_secret(older_until)
            if not options["dry_run"]:
                key, secret = rotate_key(key, actor=self.actor, now=now)
        except KeyRevoked as error:
            raise CommandError(error.message) from error
        except Http404 as error:
            raise CommandError(KeyRevoked.message) from error
        shown = {"id": key.pk, "new_api_key": secret or None, "old_key_expires_at": written_in_utc(ends_at)}
        self.show(shown)
        if secret:
            self.say(f"{key.pk}: {secret}\nStore it now: it cannot be shown again.")
            self.say(f"The old one stays valid until {ends_at:{MINUTES}}.")
        else:
            self.say(f"{key} would get a new secret; the old one would stay valid until {ends_at:{MINUTES}}.")
            if older_until is not None:
                self.say(f"Its older secret, valid until {older_until:{MINUTES}}, would end at once.")


def _older_until(key: ApiKey, *, now: datetime) -> datetime | None:
    """Return when the secret from before the last rotation ends; None if there is none that is still valid."""
    until = key.previous_expires_at
    return until if until is not None and until > now else None


def _require_one_secret(until: datetime | None) -> None:
    """Raise CommandError while a secret from before the last rotation is valid: programs may still use it."""
    if until is not None:
        raise CommandError(
            f"The key was rotated before: its older secret is valid until {until:{MINUTES}}, and another rotation "
            "would end it at once. Rotate it after that, or with --again."
        )
