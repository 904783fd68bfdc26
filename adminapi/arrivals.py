"""Large files on their way to a post: the sender may leave the page, and sees the result later."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models

from ouipost.db.pruning import Old
from ouipost.ids import public_id
from posts.models import Post

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


def begin(post: Post, filename: str, *, now: datetime) -> Arrival:
    """Note that a file of this post is being checked."""
    return Arrival.objects.create(post_id=post.pk, filename=filename[:255], began_at=now)


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
