"""What the simulated networks remember: a few tables that serve every network alike."""

from datetime import datetime, timedelta

from django.db import models, router, transaction

from ouipost.ids import public_id


def atomic() -> "transaction.Atomic":
    """Open a transaction on the simulator's own database."""
    return transaction.atomic(using=router.db_for_write(Post))


class Clock(models.Model):
    """How far the simulator's time is ahead of this machine's; one row."""

    offset = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"{self.offset:+} s"


class App(models.Model):
    """A client id, and the secret it came with first."""

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
        """Leave out what was deleted."""
        return self.filter(deleted_at=None)

    def living(self, network: str, external_id: str) -> "Post | None":
        """Return what has this id there, unless it was deleted."""
        return self.alive().filter(network=network, external_id=external_id).first()

    def of(self, network: str, account: str) -> "PostQuerySet":
        """Keep what this account published on this network."""
        return self.filter(network=network, account=account)

    def listed(self, now: datetime, lag: float) -> "PostQuerySet":
        """Leave out what listings do not show yet: what was created under a lag, or the last `lag` seconds."""
        from_start = self.alive().filter(listed_at__lte=now)
        return from_start.filter(created_at__lte=now - timedelta(seconds=lag)) if lag else from_start

    def older_than(self, post: "Post") -> "PostQuerySet":
        """Keep what a list that begins with the newest shows behind this post."""
        same_time = models.Q(created_at=post.created_at, pk__lt=post.pk)
        return self.filter(models.Q(created_at__lt=post.created_at) | same_time)


class Post(models.Model):
    """Something published: a post, a reply or comment, another record of a repository, or what the network gave up."""

    POST, COMMENT, RECORD, FAILED = "post", "comment", "record", "failed"
    UNSEEN = (RECORD, FAILED)
    """The kinds that nobody sees."""

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
    """How much of a rate limit is used in its current window."""

    key = models.CharField(max_length=200, unique=True)
    started_at = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.key}: {self.used}"


class Fault(models.Model):
    """A trouble that was ordered for the next calls that match."""

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
    """A request that reached a network, and what was answered: nothing, when `status` is empty."""

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
