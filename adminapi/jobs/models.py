"""Background work that a person began in the console: a number of rows, each done once."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy

from ouipost.claims import Claimable
from ouipost.events.journal import Actor
from ouipost.ids import public_id

NAME_LENGTH, NOTE_LENGTH = 200, 500


class JobStatus(models.TextChoices):
    WORKING = "working", gettext_lazy("under way")
    DONE = "done", gettext_lazy("done")
    STOPPED = "stopped", gettext_lazy("stopped")
    REFUSED = "refused", gettext_lazy("not allowed any more")


class Job(Claimable):
    """An action on many rows, with the person in whose name it runs, and its progress."""

    id = public_id("job")
    kind = models.CharField(max_length=60, help_text="The name of one of the kinds.")
    key = models.CharField(
        max_length=45, unique=True, help_text="Of the form that was confirmed: sent twice, it begins one job."
    )
    status = models.CharField(max_length=7, choices=JobStatus.choices, default=JobStatus.WORKING)
    total = models.PositiveIntegerField(help_text="What there was to do when it began.")
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0, help_text="Rows that could not be done.")
    user_id = models.CharField(max_length=45)
    user_email = models.CharField(max_length=254)
    ip_address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    language = models.CharField(max_length=10, help_text="Of whoever began it: reasons are told in it.")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    journal_name = "job"

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="job_due"),
            models.Index(fields=["created_at"], name="job_created"),
            models.Index(fields=["user_id", "created_at"], name="job_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.user_email}"

    @property
    def actor(self) -> Actor:
        """The person who began it, as they were then; everything that it does is recorded in their name."""
        return Actor(
            user_id=self.user_id,
            user_email=self.user_email,
            ip_address=self.ip_address,
            user_agent=self.user_agent,
        )

    @property
    def is_over(self) -> bool:
        return self.status != JobStatus.WORKING


class RowStatus(models.TextChoices):
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class JobRow(models.Model):
    """One subject of a job, done at once or in several parts."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="rows")
    place = models.PositiveIntegerField()
    subject_id = models.CharField(max_length=45)
    name = models.CharField(max_length=NAME_LENGTH, help_text="What people know it by.")
    status = models.CharField(max_length=7, choices=RowStatus.choices, default=RowStatus.WAITING)
    done = models.PositiveIntegerField(default=0)
    note = models.CharField(
        max_length=NOTE_LENGTH, blank=True, help_text="Why it could not be done, or what came of it."
    )

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "place"], name="one_row_per_place")]
        indexes: ClassVar = [models.Index(fields=["job", "status", "place"], name="job_row_next")]

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"
