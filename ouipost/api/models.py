"""Answers that are kept so that a repeated request gets the first one."""

from django.db import models

from ouipost.sealed import SealedField


class StoredAnswer(models.Model):
    """One idempotent request: started, under a lease, until it has a status; then its answer."""

    digest = models.CharField(primary_key=True, max_length=64)
    """SHA-256 of scope and key: callers' keys are not kept, and no collation takes two of them for one."""
    fingerprint = models.CharField(max_length=64)
    owner = models.CharField(max_length=32)
    """Who runs it; only who still is the owner may store an answer."""
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    sealed = SealedField(blank=True, default="")
    """The secrets of an answer that shows some, encrypted; they are left out of `body`."""

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="answer_created")]

    def __str__(self) -> str:
        return f"{self.digest[:12]} ({self.status or 'started'})"
