"""The state of the simulated networks, in a few tables that all networks share."""

from datetime import datetime, timedelta

from django.db import models, router, transaction

from ouipost.ids import public_id


def atomic() -> "transaction.Atomic":
    """Open a transaction on the simulator's own database."""
    return transaction.atomic(using=router.db_for_write(Post))


class Clock(models.Model):
    """The offset of the simulator's time ahead of this machine's; one row."""

    offset = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.offset:+} s"


class App(models.Model):
    """A client id, and the secret of its first use."""

    network = models.CharField(max_length=20)
    client_id = models.CharField(max_length=200)
    secret = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network", "client_id"], name="simulator_one_app")]

    def __str__(self) -> str:
        return f"{self.network} {self.client_id}"


class Account(models.Model):
    """A profile or page that can be posted to, or a person who owns some."""

    network = models.CharField(max_length=20)
    external_id = models.CharField(max_length=100)
    username = models.CharField(max_length=253)
    name = models.CharField(max_length=200)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network", "external_id"], name="simulator_one_account")]
        indexes = [models.Index(fields=["network", "username"], name="simulator_username")]

    def __str__(self) -> str:
        return f"{self.network} {self.username}"


class Token(models.Model):
    """An authorization code, access, refresh or page token; found by the digest of its value."""

    network = models.CharField(max_length=20)
    kind = models.CharField(max_length=10)
    digest = models.CharField(max_length=64, unique=True)
    grant = models.CharField(max_length=64)
    client_id = models.CharField(max_length=200)
    person = models.CharField(max_length=100)
    account = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    data = models.JSONField(default=dict)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["network", "grant"], name="simulator_grant")]

    def __str__(self) -> str:
        return f"{self.network} {self.kind} of {self.account}"

    def expired(self, now: datetime) -> bool:
        """Return whether this token has outlived its time."""
        return self.expires_at is not None and self.expires_at <= now


class Media(models.Model):
    """An uploaded file, that posts of its account may use while it lives."""

    network = models.CharField(max_length=20)
    account = models.CharField(max_length=100)
    external_id = models.CharField(max_length=100)
    mime = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    animated = models.BooleanField(default=False)
    alt_text = models.TextField(default="")
    content = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ready_at = models.DateTimeField()
    failed = models.BooleanField(default=False)
    used = models.BooleanField(default=False)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network", "account", "external_id"], name="simulator_one_file")]

    def __str__(self) -> str:
        return f"{self.network} {self.external_id}"


class Piece(models.Model):
    """A part of a file that comes in several requests, until the file is whole."""

    network = models.CharField(max_length=20)
    upload = models.CharField(max_length=100)
    start = models.PositiveBigIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network", "upload", "start"], name="simulator_one_piece")]

    def __str__(self) -> str:
        return f"{self.network} {self.upload} from {self.start}"


class PostQuerySet(models.QuerySet["Post"]):
    def alive(self) -> "PostQuerySet":
        """Leave out deleted posts."""
        return self.filter(deleted_at=None)

    def living(self, network: str, external_id: str) -> "Post | None":
        """Return the post with this id at this network, unless it was deleted."""
        return self.alive().filter(network=network, external_id=external_id).first()

    def of(self, network: str, account: str) -> "PostQuerySet":
        """Keep the posts of this account on this network."""
        return self.filter(network=network, account=account)

    def listed(self, now: datetime, lag: float) -> "PostQuerySet":
        """Leave out posts that lists do not show yet: those created under a lag, or in the last `lag` seconds."""
        from_start = self.alive().filter(listed_at__lte=now)
        return from_start.filter(created_at__lte=now - timedelta(seconds=lag)) if lag else from_start

    def older_than(self, post: "Post") -> "PostQuerySet":
        """Keep the posts that follow this one in a list with the newest first."""
        same_time = models.Q(created_at=post.created_at, pk__lt=post.pk)
        return self.filter(models.Q(created_at__lt=post.created_at) | same_time)


class Post(models.Model):
    """Published content: a post, a reply or comment, another record of a repository, or a post that the network gave
    up."""

    POST, COMMENT, RECORD, FAILED = "post", "comment", "record", "failed"
    UNSEEN = (RECORD, FAILED)
    """The kinds that are shown to nobody."""

    network = models.CharField(max_length=20)
    account = models.CharField(max_length=100)
    external_id = models.CharField(max_length=300)
    kind = models.CharField(max_length=10, default=POST)
    root = models.CharField(max_length=300, default="")
    parent = models.CharField(max_length=300, default="")
    text = models.TextField(default="")
    media = models.JSONField(default=list)
    url = models.CharField(max_length=500, default="")
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    listed_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = PostQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network", "external_id"], name="simulator_one_post")]
        indexes = [models.Index(fields=["network", "account", "created_at"], name="simulator_timeline")]

    def __str__(self) -> str:
        return f"{self.network} {self.external_id}"


class Counter(models.Model):
    """The use of a rate limit in its current window."""

    key = models.CharField(max_length=200, unique=True)
    started_at = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key}: {self.used}"


class Fault(models.Model):
    """A fault ordered for the next matching calls."""

    id = public_id("fault")
    network = models.CharField(max_length=20)
    account = models.CharField(max_length=100, default="")
    match = models.CharField(max_length=300, default="")
    effect = models.CharField(max_length=30)
    options = models.JSONField(default=dict)
    times = models.PositiveIntegerField(default=1)
    fired = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["network", "fired"], name="simulator_faults")]

    def __str__(self) -> str:
        return f"{self.effect} on {self.network}"


class Request(models.Model):
    """A request that reached a network, and its answer; an empty `status` means no answer."""

    network = models.CharField(max_length=20)
    account = models.CharField(max_length=100)
    method = models.CharField(max_length=10)
    host = models.CharField(max_length=253)
    path = models.TextField()
    status = models.PositiveSmallIntegerField(null=True)
    fault = models.CharField(max_length=200, default="")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["network", "account"], name="simulator_requests")]

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path}"
