"""The simulator's time: this machine's, moved by the control API."""

from datetime import datetime, timedelta

from django.utils import timezone

from ouipost.simulator.models import Clock, atomic


def now() -> datetime:
    """Return the simulator's time."""
    offset = Clock.objects.filter(pk=1).values_list("offset", flat=True).first() or 0
    return timezone.now() + timedelta(seconds=offset)


def advance(seconds: float) -> datetime:
    """Move the time by this many seconds, and return it."""
    with atomic():
        clock, _ = Clock.objects.select_for_update().get_or_create(pk=1)
        clock.offset += seconds
        clock.save()
    return now()


def set_to(moment: datetime) -> datetime:
    """Make it this moment now; time runs on from there."""
    Clock.objects.update_or_create(pk=1, defaults={"offset": (moment - timezone.now()).total_seconds()})
    return now()
