"""Posts, the accounts that they go to, and their files."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.text import Truncator

from accounts.models import SocialAccount
from accounts.platforms.errors import LONGEST_CODE
from ouipost.claims import Claimable
from ouipost.db.stored_json import (
    JsonColumn,
    has,
    is_number,
    is_object,
    is_strings,
    is_text,
    list_of,
    may_have,
    object_of,
)
from ouipost.ids import public_id
from posts.schedules.slots import DAYS
from workspaces.models import Workspace

NUMBERS = ("impressions", "engagement", "clicks")
"""The numbers that posts and targets keep themselves, so that showing them needs no analytics query."""
IS_OVERRIDE = may_have(content=is_text, title=is_text, link=is_text, hashtags=is_strings, options=is_object)
IS_FILE = has(str, "id", "type", "name", "thumbnail")
MEASURED = ("seconds", "fps", "sample_rate", "channels", "pages", "frames", "bit_rate")
IS_FACTS = may_have(**dict.fromkeys(MEASURED, is_number))
IS_METRICS = may_have(**dict.fromkeys(NUMBERS, is_number), **dict.fromkeys(("read_at", "removed_at"), is_text))
"""The forms of JSON columns: an override, a post's copy of a file's row, a file's measurements, and a target's copy
of its numbers."""


class PostStatus(models.TextChoices):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    PARTIALLY_PUBLISHED = "partially_published"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    MISSED = "missed"


class TargetStatus(models.TextChoices):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    MISSED = "missed"
    CANCELLED = "cancelled"


REMOTE_ID_LENGTH = 255
"""The longest network id of a post that is stored. Networks document no limit, and a cut id would be another's."""
UNSETTLED = (TargetStatus.SCHEDULED, TargetStatus.PUBLISHING)
"""Targets that are still to be sent, or are being sent."""


class Schedule(models.Model):
    """Weekly slots of a workspace, by the clock of one zone, and the posts that wait for them."""

    id = public_id("sched")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="schedules")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    timezone = models.CharField(max_length=64)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    journal_name = "schedule"

    def __str__(self) -> str:
        return self.name


class Slot(models.Model):
    """A time of the week at which a schedule lets one post go out, to some networks or accounts."""

    id = public_id("slot")
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="slots")
    day = models.PositiveSmallIntegerField(choices=list(enumerate(day.capitalize() for day in DAYS)))
    time = models.TimeField()
    platforms = JsonColumn(default=list, fits=is_strings, instead=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["schedule", "day", "time"], name="one_slot_at_a_time_of_the_week")
        ]

    def __str__(self) -> str:
        return f"{self.get_day_display()} {self.time:%H:%M}"


class Post(models.Model):
    """A text to publish, and when. `status` and `moment` are derived from the targets. `platforms` and `media` are
    copies, so that a list reads one row per post."""

    id = public_id("post")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="posts")
    content = models.TextField()
    title = models.TextField(blank=True)
    link = models.TextField(blank=True)
    hashtags = JsonColumn(default=list, blank=True, fits=is_strings, instead=list)
    platform_content = JsonColumn(default=dict, blank=True, fits=object_of(IS_OVERRIDE), instead=dict)
    destinations = JsonColumn(
        default=list,
        fits=is_strings,
        instead=list,
        help_text="As the caller gave them: networks and account ids mixed.",
    )
    platforms = JsonColumn(default=list, fits=is_strings, instead=list)
    media = JsonColumn(default=list, blank=True, fits=list_of(IS_FILE), instead=list)
    status = models.CharField(max_length=20, choices=PostStatus.choices, default=PostStatus.DRAFT)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    scheduled_timezone = models.CharField(max_length=64, blank=True)
    scheduled_local = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="The local time as it was given, with its offset; empty for an exact moment or a slot.",
    )
    schedule = models.ForeignKey(Schedule, null=True, on_delete=models.SET_NULL, related_name="posts")
    slot = models.ForeignKey(Slot, null=True, on_delete=models.SET_NULL, related_name="posts")
    slot_date = models.DateField(null=True, help_text="The local date on which it takes its slot.")
    published_at = models.DateTimeField(null=True, blank=True)
    moment = models.DateTimeField(help_text="published_at, else scheduled_at, else created_at.")
    impressions = models.PositiveBigIntegerField(null=True, blank=True)
    engagement = models.PositiveBigIntegerField(null=True, blank=True)
    clicks = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)

    journal_name = "post"

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["workspace", "-moment", "-id"], name="post_listed"),
            models.Index(fields=["workspace", "status", "-moment", "-id"], name="post_listed_by_status"),
            models.Index(fields=["schedule", "status", "moment"], name="post_of_schedule"),
            models.Index(fields=["created_at", "workspace"], name="post_created"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slot", "slot_date"], name="one_post_in_a_slot_on_a_date")
        ]

    def __str__(self) -> str:
        return Truncator(self.content or self.title).chars(60)

    @property
    def is_editable(self) -> bool:
        return self.status in (PostStatus.DRAFT, PostStatus.SCHEDULED)

    @property
    def is_on_hold(self) -> bool:
        """Return whether the post waits in the queue of an inactive schedule."""
        return self.schedule is not None and not self.schedule.is_active


class PostCount(models.Model):
    """The number of posts of a workspace; without a row they have to be counted. `posts.counts` maintains it."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="post_count")
    total = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.total} in {self.workspace_id}"


class MediaBytes(models.Model):
    """The bytes of a workspace's files; without a row it never had a file. `posts.counts` maintains it."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="+")
    total = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.total} bytes in {self.workspace_id}"


NEVER_SENT = models.Q(sends=0, armed_at=None)
"""Targets whose present content nothing was sent of: no answer can still name a post of theirs."""
WORKED_ON = models.Q(fence__gt=0) | models.Q(sends__gt=0)
"""Targets that a worker has had: of their content something may have been prepared, or sent."""


class TargetQuerySet(models.QuerySet["Target"]):
    def active(self) -> "TargetQuerySet":
        """Leave out the cancelled targets."""
        return self.exclude(status=TargetStatus.CANCELLED)

    def take_out(self) -> None:
        """Take these out of their posts. Targets that were sent stay, cancelled and without a time: a late answer may
        still name a post, and their history is needed if they are put back."""
        self.filter(NEVER_SENT).delete()
        self.update(status=TargetStatus.CANCELLED, scheduled_at=None, **TAKEN_FROM_WORKERS)

    def placed(self) -> "TargetQuerySet":
        """Leave out targets that were taken out of their posts."""
        return self.exclude(status=TargetStatus.CANCELLED, scheduled_at=None)

    def forget(self) -> None:
        """Forget earlier sends, and what was prepared: the post has changed since, so they would be of another post.

        The fence is noted and raised: what workers that lost their claim before still answer is about that other post.
        """
        fences = {"forgotten_fence": models.F("fence"), "fence": models.F("fence") + 1}
        self.filter(WORKED_ON).update(armed_at=None, sends=0, handles={}, **fences)


class Target(Claimable):
    """One post for one account, to be published exactly once. `due_at` is when it is to be worked on next."""

    id = public_id("tgt")
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="targets")
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="targets")
    platform = models.CharField(max_length=20)
    status = models.CharField(max_length=12, choices=TargetStatus.choices, default=TargetStatus.DRAFT)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    give_up_at = models.DateTimeField(null=True, blank=True)
    in_flight = models.CharField(  # noqa: DJ001 (null is not unique)
        max_length=45, null=True, unique=True, editable=False, help_text="The account while claimed: one at a time."
    )
    attempts = models.PositiveIntegerField(default=0)
    armed_at = models.DateTimeField(null=True, editable=False, help_text="When the visible call was first allowed.")
    sent_at = models.DateTimeField(null=True, editable=False, help_text="When the visible call was last allowed.")
    sends = models.PositiveIntegerField(default=0, editable=False, help_text="How often the visible call was allowed.")
    forgotten_fence = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="The fence when its post was last changed after a send: no earlier answer counts.",
    )
    outcome_unknown = models.BooleanField(default=False, editable=False)
    absences = models.PositiveIntegerField(
        default=0, editable=False, help_text="Looks since the last send that found nothing."
    )
    handles = JsonColumn(
        default=dict,
        blank=True,
        editable=False,
        fits=is_object,
        instead=dict,
        help_text="Of the visible call that is next, or under way.",
    )
    parts = JsonColumn(
        default=list,
        blank=True,
        editable=False,
        fits=list_of(has(str, "remote_id", "url")),
        instead=list,
        help_text="What is out: the post, then its replies, in order.",
    )
    replies = models.PositiveIntegerField(
        default=0, editable=False, help_text="How many replies follow the post: the rest of a thread, a comment."
    )
    waits_for = models.TextField(
        blank=True, default="", editable=False, help_text="What the network is at work on, while it is."
    )
    sent_text = models.TextField(blank=True, default="", editable=False)
    remote_id = models.CharField(max_length=REMOTE_ID_LENGTH, blank=True)
    url = models.TextField(blank=True)
    error = JsonColumn(null=True, blank=True, fits=has(str, "code", "message"))
    published_at = models.DateTimeField(null=True, blank=True)
    metrics = JsonColumn(null=True, blank=True, fits=IS_METRICS)

    objects = TargetQuerySet.as_manager()
    journal_name = "target"

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["post", "account"], name="one_target_per_account")]
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id", "account", "platform"], name="target_due"),
            models.Index(fields=["account", "due_at"], name="target_in_line"),
            models.Index(fields=["account", "remote_id"], name="target_remote"),
            models.Index(fields=["account", "published_at"], name="target_published"),
            models.Index(fields=["published_at"], name="target_just_published"),
        ]

    def __str__(self) -> str:
        return f"{self.platform} · {self.post_id}"

    @property
    def has_waited(self) -> bool:
        """Return whether the target is due later than its scheduled time."""
        return self.due_at is not None and self.scheduled_at is not None and self.due_at > self.scheduled_at

    @property
    def next_attempt_at(self) -> datetime | None:
        """Return when the next attempt is due, if it is being published or waits beyond its time."""
        return self.due_at if self.status == TargetStatus.PUBLISHING or self.has_waited else None

    @property
    def is_taken_out(self) -> bool:
        """Return whether the target was taken out of its post: then it has no time, unlike one that was called off."""
        return self.status == TargetStatus.CANCELLED and self.scheduled_at is None

    @property
    def is_repeated(self) -> bool:
        """Return whether an earlier visible call than the last one may have arrived."""
        return self.armed_at is not None and self.sent_at is not None and self.armed_at < self.sent_at

    @property
    def may_be_out(self) -> bool:
        """Return whether the target is, or may be, at its network, in whole or in part."""
        return self.outcome_unknown or bool(self.remote_id)


TAKEN_FROM_WORKERS: dict[str, Any] = {
    "due_at": None,
    "lease_until": None,
    "in_flight": None,
    "fence": models.F("fence") + 1,
}
"""The columns that take a target from workers: none claims it any more, and one that holds it loses its claim."""


LATE = "late"
"""The outcome of an attempt whose claim was lost before its answer came."""


class Attempt(models.Model):
    """One visible call, or one look for its effect; rows are only ever added."""

    id = public_id("att")
    target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="attempt_log")
    number = models.PositiveIntegerField()
    fence = models.PositiveBigIntegerField()
    step = models.CharField(max_length=10, help_text="prepare, commit or recover.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    http_status = models.PositiveIntegerField(null=True)
    code = models.CharField(max_length=40, blank=True)
    who_acts = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="Who can mend what its code tells; empty where nothing is to be mended, and in older rows.",
    )
    network_code = models.CharField(max_length=LONGEST_CODE, blank=True)
    message = models.TextField(blank=True)
    remote_id = models.CharField(max_length=REMOTE_ID_LENGTH, blank=True)
    url = models.TextField(blank=True)
    next_at = models.DateTimeField(null=True)
    exchanges = JsonColumn(
        null=True, fits=list_of(is_object), help_text="The last requests to the network, and its answers."
    )

    class Meta:
        indexes: ClassVar = [models.Index(fields=["target", "started_at"], name="attempt_of_target")]

    def __str__(self) -> str:
        return f"{self.step} {self.number} of {self.target_id}: {self.outcome}"


LAST_POSITION = 1000
"""The highest position of a file. Files of equal position keep the order of their upload."""


class MediaType(models.TextChoices):
    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"


class Media(models.Model):
    """A file of a post."""

    id = public_id("media")
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="files")
    type = models.CharField(max_length=8, choices=MediaType.choices)
    filename = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField()
    mime_type = models.CharField(max_length=100)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    facts = JsonColumn(
        default=dict,
        blank=True,
        fits=IS_FACTS,
        instead=dict,
        help_text="What else is known of the file: seconds, fps, pages.",
    )
    stored_name = models.CharField(max_length=100)
    thumbnail_name = models.CharField(max_length=100, blank=True)
    alt_text = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    journal_name = "media"

    class Meta:
        verbose_name_plural = "media"
        indexes: ClassVar = [
            models.Index(fields=["post", "position", "id"], name="media_of_post"),
            models.Index(fields=["stored_name"], name="media_stored"),
            models.Index(fields=["thumbnail_name"], name="media_thumbnail"),
        ]

    def __str__(self) -> str:
        return self.filename
