"""`manage.py rotate_key`: another secret for an API key."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import Http404
from django.utils import timezone

from ouipost.events.journal import SYSTEM
from workspaces.keys import GRACE, KeyRevoked, rotate_key
from workspaces.models import ApiKey


class Command(BaseCommand):
    help = "Give an API key another secret and show it: this once only. The old one holds for 24 hours more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id", metavar="KEY_ID", help="as `GET /admin/keys` shows it")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        key = ApiKey.objects.filter(pk=options["key_id"]).first()
        if key is None:
            raise CommandError(f"There is no key {options['key_id']}.")
        if not key.is_active:
            raise CommandError(KeyRevoked.message)
        now, secret = timezone.now(), ""
        ends_at = now + GRACE
        if not options["dry_run"]:
            try:
                key, secret = rotate_key(key, actor=SYSTEM, now=now)
            except (KeyRevoked, Http404) as error:
                raise CommandError(KeyRevoked.message) from error
        if options["json"]:
            shown = {"id": key.pk, "new_api_key": secret or None, "old_key_expires_at": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"}
            self.stdout.write(json.dumps(shown))
        elif secret:
            self.stdout.write(f"{key.pk}: {secret}\nStore it now: it cannot be shown again.")
            self.stdout.write(f"The old one holds until {ends_at:%Y-%m-%d %H:%M} UTC.")
        else:
            self.stdout.write(f"{key} would get another secret; the old one would hold for 24 hours more.")
