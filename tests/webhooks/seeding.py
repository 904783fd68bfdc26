"""Accounts whose names come from everywhere, which end soon: a worker of the product tells of each."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.platforms.shapes import Tokens
from tests.factories import make_account
from workspaces.models import Workspace

NAMES = (
    "Bäckerei Süß & Söhne",
    "面包店 — 新鲜出炉",
    "مخبز الحي",
    "🥐👩🏽‍🍳🏳️‍🌈 Crumbs",
    'Zoë said "fresh" \\ </script>',
    "e\u0301 as two, \u00e9 as one",
    "line\u2028and\u2029paragraph",
    "\u202eright to left\u202c",
    "𐌲𐌿𐍄𐌹𐍃𐌺 ꧁꧂",
    "नमस्ते ขนมปัง パン屋 빵집",
)


@transaction.atomic
def accounts_that_end(count: int) -> None:
    """Connect so many accounts, each with a name of its own, to the first workspace."""
    workspace, ends = Workspace.objects.get(), timezone.now() + timedelta(days=3)
    for number in range(count):
        name = f"{NAMES[number % len(NAMES)]} {number}"
        values = {"remote_id": f"seed{number}", "name": name, "username": f"{name}!", "default_of": None}
        make_account(workspace, **values, tokens=Tokens(access_token="token", ends_at=ends))
