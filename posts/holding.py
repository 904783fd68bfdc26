"""Making an account's posts wait, in their order."""

from datetime import datetime, timedelta

from ouipost import claims
from posts.models import Target

MOST_AT_ONCE = 500


def hold_account(account_id: str, *, until: datetime, spacing: timedelta = timedelta(milliseconds=1)) -> None:
    """Let what would go to the account before `until` wait, one `spacing` apart, so that the order stays.

    What is in flight goes on. The call belongs into a transaction that settles or claims.
    """
    waiting = Target.objects.filter(account=account_id, in_flight=None, due_at__lt=until).order_by("due_at", "pk")
    pks = list(waiting.values_list("pk", flat=True)[:MOST_AT_ONCE])
    if pks:
        claims.update_each(Target, {pk: {"due_at": until + place * spacing} for place, pk in enumerate(pks)})
