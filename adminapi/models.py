"""Signs of life for the watchdog and the operator; logins to the admin API; canaries of encryption keys."""

from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from django.db import models

from adminapi.arrivals import Arrival
from adminapi.jobs.models import Job, JobRow
from ouipost import crypto
from ouipost.claims import database_now
from ouipost.db import sealed
from ouipost.ids import MAX_LENGTH, new_id, public_id
from workspaces.models import User

__all__ = ["Arrival", "Canary", "Heartbeat", "Job", "JobRow", "LoginAttempt", "LoginTurn", "Session"]

CANARY_TEXT = "canary"


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, name: str) -> None:
        """Record that this is alive now, by the database's clock."""
        now = database_now(self.db)
        if not self.filter(pk=name).update(at=now):
            self.get_or_create(pk=name, defaults={"at": now})

    def forget_old(self) -> None:
        """Remove processes that were not heard from for a day; other names are kept."""
        self.filter(pk__contains=":", at__lt=database_now(self.db) - timedelta(days=1)).delete()

    def silence(self, name: str) -> timedelta | None:
        """Return the time since the last heartbeat of this name; None if there never was one.

        A heartbeat ahead of now is older than a clock that was set back, so its distance still counts as silence.
        """
        heard = self.filter(pk=name).values_list("at", flat=True).first()
        return abs(database_now(self.db) - heard) if heard else None


class Heartbeat(models.Model):
    """The last sign of life of a process, or of something that must always run."""

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField()

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name}: {self.at}"


class Mark(models.Model):
    """The time that this database has reached; `adminapi.processes.restored` notes it beside it, too. One row."""

    database = models.CharField(max_length=MAX_LENGTH, default=partial(new_id, "db"), editable=False)
    """The id of this database, as several may have used one home."""
    at = models.DateTimeField(help_text="It advances with each beat, even while the clock is behind it.")
    written_at = models.DateTimeField(null=True, help_text="What the database's clock showed then, right or wrong.")
    copied_at = models.DateTimeField(null=True, help_text="When it was copied, if it was found to be a restored copy.")
    files_kept_until = models.DateTimeField(
        null=True,
        help_text="No stored file is swept before this: the database is a copy, or new, and may not know it.",
    )
    files_since = models.DateTimeField(
        null=True, help_text="Older files were stored before this database was made, and are not swept."
    )

    def __str__(self) -> str:
        return f"{self.database}: {self.at}"

    @property
    def clock(self) -> datetime:
        """What the clock showed at the last beat; an earlier version wrote that to `at` alone."""
        return self.written_at or self.at

    def keep_files(self, *, until: datetime) -> None:
        """Have no stored file swept before this; the caller saves."""
        self.files_kept_until = max(until, self.files_kept_until or until)


class Gap(models.Model):
    """Marks that were skipped: no worker ran, or the database is a copy made at the gap's beginning."""

    since = models.DateTimeField()
    until = models.DateTimeField()
    began_at = models.DateTimeField(null=True, help_text="What the database's clock showed at `since`.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["until"], name="gap_until")]

    def __str__(self) -> str:
        return f"{self.since} to {self.until}"


class Session(models.Model):
    """One login to the admin API; its token is valid as long as this row is. Permissions are read from the user."""

    id = public_id("ses")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="admin_sessions")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    signed_out_at = models.DateTimeField(null=True, help_text="The user's, as it was at the login.")
    ip_address = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="session_expires")]

    tier = ""
    """Administrators have no limit of requests."""

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at}"

    def holds(self, now: datetime) -> bool:
        """Return whether it is still valid: no logout has ended it, and its user was not signed out everywhere since.

        The two `signed_out_at` are compared for equality, as the clocks of two machines may disagree about the order.
        """
        is_signed_in = self.user.is_active and self.signed_out_at == self.user.signed_out_at
        return self.revoked_at is None and self.expires_at > now and is_signed_in

    def has_permission(self, name: str) -> bool:
        return name in self.user.granted


class LoginTurn(models.Model):
    """A lock: each login attempt updates the rows of its address and its caller, so that they are counted in turn."""

    name = models.CharField(primary_key=True, max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class LoginAttempt(models.Model):
    """A login attempt that failed, or has not succeeded yet.

    While its password is checked it takes a place among the failures that are allowed, and is none. One whose process
    died meanwhile counts as a failure once `checking_until` is over.
    """

    email = models.CharField(max_length=64, help_text="SHA-256 of the address: it need not belong to anybody.")
    ip_address = models.CharField(max_length=45, help_text="The address, or the network of one, that is one caller.")
    at = models.DateTimeField()
    checking_until = models.DateTimeField(null=True, help_text="None: its password was checked, and is wrong.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["email", "at"], name="attempt_of_email"),
            models.Index(fields=["ip_address", "at"], name="attempt_from_address"),
            models.Index(fields=["at"], name="attempt_old"),
        ]

    def __str__(self) -> str:
        return f"from {self.ip_address} at {self.at}"

    def has_failed(self, now: datetime) -> bool:
        return self.checking_until is None or self.checking_until <= now


class Canary(models.Model):
    """A known text, encrypted with one key of TOKEN_KEYS: only that key decrypts it. `adminapi.keyring` checks them.

    The column is no SealedField: moving secrets to another key must leave it alone.
    """

    key_id = models.CharField(primary_key=True, max_length=100)
    sealed = models.TextField(editable=False)

    journal_name = "encryption_key"

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return self.key_id

    def seal(self) -> None:
        """Encrypt the text with the first key of the ring, whose id must be this row's."""
        sealed.seal(self, "sealed", CANARY_TEXT)

    @property
    def opens(self) -> bool:
        """Return whether the ring's key with this id is still the key that encrypted the text."""
        try:
            return sealed.opened(self, "sealed") == CANARY_TEXT
        except crypto.CannotDecrypt:
            return False
