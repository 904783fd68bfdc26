"""Stored responses of idempotent requests."""

from django.db import models

from ouipost.db.sealed import SealedField


class StoredAnswer(models.Model):
    """An idempotent request: running under a lease while `status` is null, then its stored response."""

    digest = models.CharField(primary_key=True, max_length=64)
    """SHA-256 of the scope and the key: keys are not stored, and no collation can confuse two of them."""
    fingerprint = models.CharField(max_length=64)
    """A keyed mark of the body, which may hold passwords."""
    owner = models.CharField(max_length=32)
    """The run that owns the row: only the owner may store a response."""
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    sealed = SealedField(blank=True, default="")
    """The response's secret values, encrypted; `body` has null in their place."""

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="answer_created")]

    def __str__(self) -> str:
        return f"{self.digest[:12]} ({self.status or 'started'})"
