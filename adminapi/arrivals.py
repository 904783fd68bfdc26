"""Large files on their way to a post: the sender may leave the page, and sees the result later."""

import logging
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import Error, models

from ouipost.db.pruning import Old
from ouipost.ids import derived_id, public_id
from posts.models import Post

logger = logging.getLogger(__name__)

SLOW_BYTES = 5_000_000
"""Checking a larger file takes so long that people leave meanwhile."""
LONGEST = timedelta(minutes=15)
"""A check that takes longer was cut short: its process is gone."""
KEPT = timedelta(days=1)


class Arrival(models.Model):
    """A completely sent file that is being checked, or was refused. A file that is on its post has no row."""

    id = public_id("arr")
    post_id = models.CharField(max_length=45)
    filename = models.CharField(max_length=255)
    began_at = models.DateTimeField()
    refusal = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["post_id", "began_at"], name="arrival_of_post"),
            models.Index(fields=["began_at"], name="arrival_began"),
        ]

    def __str__(self) -> str:
        return f"{self.filename} for {self.post_id}"

    def is_awaited(self, now: datetime) -> bool:
        """Return whether the file may still reach its post."""
        return not self.refusal and self.began_at > now - LONGEST


def begin(post: Post, filename: str, *, file_id: str, now: datetime) -> Arrival:
    """Note that a file of this post, which will have this id, is being checked; sent again, it gets no second note."""
    values = {"post_id": post.pk, "filename": filename[:255], "began_at": now, "refusal": ""}
    return Arrival.objects.update_or_create(pk=derived_id("arr", file_id, "arrival"), defaults=values)[0]


def refuse(arrival: Arrival, reason: str) -> None:
    """Note why the file is not awaited any more. A failing database is only logged: the caller has its own error."""
    try:
        Arrival.objects.filter(pk=arrival.pk).update(refusal=reason)
    except Error:
        logger.warning("The note on %s still says that it is being checked", arrival, exc_info=True)


def of(post: Post) -> "list[Arrival]":
    """Return the files on their way to a post, and the refused and lost ones, in the order of sending."""
    return list(Arrival.objects.filter(post_id=post.pk).order_by("began_at", "pk"))


def forget_lost(post: Post, *, now: datetime) -> None:
    """Forget files that did not reach a post, once somebody has seen that."""
    lost = [each.pk for each in of(post) if not each.is_awaited(now)]
    Arrival.objects.filter(pk__in=lost).delete()


def old(now: datetime) -> tuple[Old, ...]:
    """Return old rows that nobody came back to see."""
    return (Old(name="arrivals", rows=Arrival.objects.filter(began_at__lt=now - KEPT).order_by("began_at", "pk")),)
