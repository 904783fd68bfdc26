"""Numbers as the networks gave them, and the sums for reports. Their row ids are internal."""

from typing import ClassVar

from django.db import models

from accounts.models import SocialAccount
from analytics.gains import COUNTED
from ouipost.claims import Claimable
from ouipost.db.stored_json import JsonColumn, has, is_number, is_number_or_null, is_object, object_of
from posts.models import Target
from workspaces.models import Workspace


class Counts(models.Model):
    """The counts that every model has; null means that no network has given the number."""

    impressions = models.BigIntegerField(null=True)
    reach = models.BigIntegerField(null=True)
    engagement = models.BigIntegerField(null=True)
    clicks = models.BigIntegerField(null=True)

    class Meta:
        abstract = True

    @property
    def counts(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in COUNTED}


class AccountSync(Claimable):
    """The next reading of an account, and the result of the last; only the worker that claims the row reads."""

    account = models.OneToOneField(SocialAccount, primary_key=True, on_delete=models.CASCADE, related_name="sync")
    account_due_at = models.DateTimeField(help_text="When the account's own numbers are read next.")
    failures = models.PositiveIntegerField(default=0, help_text="Readings in a row that failed.")
    error = JsonColumn(null=True, fits=has(str, "code", "message"), help_text="Why the last reading failed.")
    read_at = models.DateTimeField(null=True, help_text="When the network last gave any numbers.")
    paced_at = models.DateTimeField(null=True, help_text="Until when requests already made use up the budget.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["due_at"], name="account_sync_due")]

    def __str__(self) -> str:
        return self.account_id


class TargetNumbers(Counts):
    """The numbers of a published target as last read, and when it is read again."""

    target = models.OneToOneField(Target, on_delete=models.CASCADE, related_name="numbers")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="+", db_index=False)
    platform = models.CharField(max_length=20)
    published_at = models.DateTimeField()
    published_hour = models.DateTimeField(help_text="The hour that counts it as a post.")
    own = JsonColumn(
        default=dict, fits=object_of(is_number_or_null), instead=dict, help_text="By the network's own names."
    )
    most = models.BigIntegerField(default=0, help_text="All engagement it ever gained: no period can have more.")
    read_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True, help_text="Since when the network does not have it any more.")
    due_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "target numbers"
        indexes: ClassVar = [
            models.Index(fields=["account", "due_at"], name="numbers_due"),
            models.Index(fields=["workspace", "-most", "-id", "published_at", "platform"], name="numbers_most"),
        ]

    def __str__(self) -> str:
        return self.target_id


class Snapshot(Counts):
    """One reading of one target, and its gain since the previous one; kept for some weeks."""

    numbers = models.ForeignKey(TargetNumbers, on_delete=models.CASCADE, related_name="snapshots", db_index=False)
    read_at = models.DateTimeField()
    hour = models.DateTimeField(help_text="The hour that its gains are counted in.")
    read = JsonColumn(fits=is_object, instead=dict, help_text="The numbers as the network gave them.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["numbers", "read_at"], name="snapshot_of_numbers"),
            models.Index(fields=["read_at"], name="snapshot_old"),
        ]

    def __str__(self) -> str:
        return f"{self.numbers_id} at {self.read_at}"


class Gains(Counts):
    """The gain of a period: the sum of the differences between readings. Corrections can make it negative."""

    posts = models.IntegerField(default=0, help_text="Targets that were published.")

    class Meta:
        abstract = True

    @property
    def summed(self) -> dict[str, int | None]:
        return {"posts": self.posts, **self.counts}


class DayTotal(Gains):
    """The gain of a workspace at one network on one day of its own calendar."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    platform = models.CharField(max_length=20)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "day", "platform"], name="one_total_a_day_and_platform")
        ]

    def __str__(self) -> str:
        return f"{self.platform} of {self.workspace_id} on {self.day}"


class HourTotal(Gains):
    """The gain of a workspace at one network in one hour; kept for some weeks."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    platform = models.CharField(max_length=20)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "hour", "platform"], name="one_total_an_hour_and_platform")
        ]
        indexes: ClassVar = [models.Index(fields=["hour"], name="hour_total_old")]

    def __str__(self) -> str:
        return f"{self.platform} of {self.workspace_id} at {self.hour}"


class InstallationDay(Gains):
    """The gain of all workspaces at one network on one day, each by its own calendar."""

    day = models.DateField()
    platform = models.CharField(max_length=20)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "platform"], name="one_installation_total_a_day_and_platform")
        ]

    def __str__(self) -> str:
        return f"{self.platform} on {self.day}"


class WorkspaceDay(Gains):
    """The gain of a workspace at all networks on one day of its own calendar."""

    pk = models.CompositePrimaryKey("workspace_id", "day")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()

    def __str__(self) -> str:
        return f"{self.workspace_id} on {self.day}"


class PlatformTotal(models.Model):
    """The number of targets that a workspace ever published at one network."""

    pk = models.CompositePrimaryKey("workspace_id", "platform")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    platform = models.CharField(max_length=20)
    posts = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.posts} of {self.workspace_id} on {self.platform}"


class TargetDay(Gains):
    """One target's share of a day's total."""

    pk = models.CompositePrimaryKey("total_id", "numbers_id")
    total = models.ForeignKey(DayTotal, on_delete=models.CASCADE, related_name="shares", db_index=False)
    numbers = models.ForeignKey(TargetNumbers, on_delete=models.CASCADE, related_name="days")

    def __str__(self) -> str:
        return f"{self.numbers_id} in {self.total_id}"


class AccountDay(Counts):
    """The numbers of an account on one day of its workspace's calendar."""

    pk = models.CompositePrimaryKey("account_id", "day")
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    followers = models.BigIntegerField(null=True)
    following = models.BigIntegerField(null=True)
    posts = models.BigIntegerField(null=True)
    profile_views = models.BigIntegerField(null=True)
    demographics = JsonColumn(
        null=True,
        fits=object_of(object_of(is_number)),
        help_text="Who follows, where the network says something of it.",
    )
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id} on {self.day}"
