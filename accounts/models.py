"""Connected accounts and the sign-ins that connect them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts import platforms
from accounts.platforms.shapes import Account, Tokens
from ouipost.claims import Claimable
from ouipost.db import sealed
from ouipost.db.stored_json import JsonColumn, has, is_object, is_strings
from ouipost.ids import public_id
from ouipost.unicode import apart
from workspaces.models import IS_SETTINGS, Mode, Workspace

NAME_LENGTH, REASON_LENGTH = 255, 500
SAME_END = timedelta(minutes=2)
"""Ends that differ by less are the same: networks give the seconds left, and their answer takes a while."""
AFTER_RESTORE = "manage.py reconcile --after-restore"


class AccountStatus(models.TextChoices):
    ACTIVE = "active"
    EXPIRED = "expired"
    ERROR = "error"


class Guarded(models.Model):
    """Columns of a row with a circuit breaker: nothing is sent before `held_until`."""

    held_until = models.DateTimeField(null=True, blank=True, editable=False)
    recent_calls = models.CharField(
        max_length=20,
        blank=True,
        default="",
        editable=False,
        help_text="The last calls: + was answered, - was not, ! was refused because of the app.",
    )
    recent_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True


class Network(Guarded):
    """A network's health; there is no row while nothing is wrong with it."""

    id = models.CharField(primary_key=True, max_length=20)
    rested_from = models.DateTimeField(
        null=True, editable=False, help_text="When its breaker last opened: what waited then is not late for that."
    )
    rested_until = models.DateTimeField(
        null=True, editable=False, help_text="When it closed; while it is open, until when it excuses at most."
    )

    def __str__(self) -> str:
        return self.id


class CallCount(models.Model):
    """Number of calls of one kind with one result, within five minutes or in total; written by `accounts.calls`."""

    pk = models.CompositePrimaryKey("at", "network", "kind", "outcome")
    at = models.DateTimeField(help_text="When the five minutes begin; 1970 for the sum of all times.")
    network = models.CharField(max_length=28, help_text="By the key of its health.")
    kind = models.CharField(max_length=7)
    outcome = models.CharField(max_length=20)
    calls = models.PositiveBigIntegerField()
    milliseconds = models.PositiveBigIntegerField()
    last_at = models.DateTimeField(null=True, help_text="The last one; kept for what was published.")

    def __str__(self) -> str:
        return f"{self.calls} {self.kind} {self.outcome} at {self.network} from {self.at}"


class SocialAccountQuerySet(models.QuerySet["SocialAccount"]):
    def connected(self) -> "SocialAccountQuerySet":
        """Leave out disconnected accounts, whose rows stay for the posts that they published."""
        return self.filter(disconnected_at=None)

    def live(self) -> "SocialAccountQuerySet":
        """Keep the connected accounts of live workspaces that are not deleted."""
        return self.connected().filter(workspace__mode=Mode.LIVE, workspace__deleted_at=None)

    def needing_refresh(self) -> "SocialAccountQuerySet":
        """Keep the accounts whose tokens we can renew, at `due_at`."""
        return self.connected().exclude(status=AccountStatus.EXPIRED).filter(due_at__isnull=False)


class SocialAccount(Claimable, Guarded):
    """One account at one network, in one workspace; its tokens are refreshed at `due_at`."""

    id = public_id("acc")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="accounts")
    platform = models.CharField(max_length=20)
    type = models.CharField(max_length=20)
    remote_id = models.CharField(max_length=255)
    name = models.CharField(max_length=NAME_LENGTH)
    name_is_ours = models.BooleanField(
        default=False, help_text="Set by hand: the network's name no longer replaces it."
    )
    username = models.CharField(max_length=NAME_LENGTH, blank=True)
    profile_image = models.TextField(blank=True)
    status = models.CharField(max_length=7, choices=AccountStatus.choices, default=AccountStatus.ACTIVE)
    default_of = models.CharField(max_length=20, null=True, blank=True)  # noqa: DJ001 (null is not unique)
    settings = JsonColumn(default=dict, blank=True, fits=IS_SETTINGS, instead=dict)
    metadata = JsonColumn(default=dict, blank=True, fits=is_object, instead=dict)
    permissions = JsonColumn(default=list, blank=True, fits=is_strings, instead=list)
    access_token = sealed.SealedField(blank=True, editable=False)
    refresh_token = sealed.SealedField(blank=True, editable=False)
    access_expires_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="When the connection ends unless a person acts.")
    end_told = models.DateTimeField(null=True, editable=False, help_text="The end that was announced.")
    followers = models.PositiveBigIntegerField(null=True, blank=True)
    following = models.PositiveBigIntegerField(null=True, blank=True)
    last_sync = models.DateTimeField(null=True, blank=True)
    last_error = JsonColumn(null=True, blank=True, fits=has(str, "code", "message"))
    paced_at = models.DateTimeField(
        null=True, editable=False, help_text="Until when posts already sent use up the network's quota."
    )
    connected_at = models.DateTimeField()
    disconnected_at = models.DateTimeField(null=True, blank=True)

    objects = SocialAccountQuerySet.as_manager()
    journal_name = "account"

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "platform", "remote_id"], name="one_row_per_account"),
            models.UniqueConstraint(fields=["workspace", "default_of"], name="one_default_per_platform"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="account_due"),
            models.Index(fields=["remote_id"], name="account_remote"),
        ]

    def __str__(self) -> str:
        return f"{apart(self.name)} ({platforms.NAMES[self.platform]})"

    @property
    def introduced(self) -> str:
        """The account's name, with its network and username, if it has one: two accounts often have the same name."""
        return f"{apart(self.name)} ({', '.join(filter(None, [platforms.NAMES[self.platform], apart(self.handle)]))})"

    @property
    def is_default(self) -> bool:
        return self.default_of == self.platform

    @property
    def is_connected(self) -> bool:
        return self.disconnected_at is None

    def seal(self, tokens: Tokens) -> None:
        """Store new tokens, encrypted for this row; an empty refresh token keeps the old one and its end."""
        sealed.seal(self, "access_token", tokens.access_token)
        if tokens.refresh_token:
            sealed.seal(self, "refresh_token", tokens.refresh_token)
        self.access_expires_at = tokens.access_expires_at
        if tokens.ends_at or tokens.refresh_token or not self.refresh_token:
            self.expires_at = self._known_end(tokens.ends_at)

    def _known_end(self, ends_at: datetime | None) -> datetime | None:
        """Return the stored end if this is the same one: it varies, since networks give the seconds that are left."""
        known = self.expires_at
        return known if known and ends_at and abs(ends_at - known) <= SAME_END else ends_at

    @property
    def handle(self) -> str:
        """The username as people see it."""
        return platforms.BY_ID[self.platform].handle(self.username)

    def unseal(self) -> Account:
        """Return the account as its network's connector expects it, with tokens decrypted."""
        return replace(
            self.without_tokens(),
            access_token=sealed.opened(self, "access_token"),
            refresh_token=sealed.opened(self, "refresh_token"),
            access_expires_at=self.access_expires_at,
        )

    def without_tokens(self) -> Account:
        """Return the account as its network's connector expects it where nothing is asked of the network."""
        return Account(remote_id=self.remote_id, access_token="", username=self.username, metadata=self.metadata)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def open(self, now: datetime) -> "ConnectionQuerySet":
        """Keep the sign-ins that can still be completed."""
        return self.filter(used_at=None, expires_at__gt=now)


class Connection(models.Model):
    """One sign-in on its way: from the consent page to the accounts that it opens."""

    id = public_id("conn")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="connections")
    key_id = models.CharField(max_length=45)
    platform = models.CharField(max_length=20)
    account = models.ForeignKey(SocialAccount, null=True, on_delete=models.CASCADE, help_text="The one to reconnect.")
    state_digest = models.CharField(max_length=64, unique=True)
    code_digest = models.CharField(max_length=64, blank=True, help_text="Of the code that our own sign-in page gave.")
    callback_url = models.TextField()
    scopes = JsonColumn(default=list, fits=is_strings, instead=list)
    sealed = sealed.SealedField(blank=True, help_text="PKCE verifier, then tokens and candidates, encrypted.")
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Of an app password on our own page.")
    trying_until = models.DateTimeField(null=True, help_text="The lease of the try that asks the network now.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    exchanged_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects = ConnectionQuerySet.as_manager()
    journal_name = "connection"

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="connection_expires")]

    def __str__(self) -> str:
        return f"{self.platform} for {self.workspace_id}"

    def seal(self, text: str) -> None:
        sealed.seal(self, "sealed", text)

    def unseal(self) -> str:
        return sealed.opened(self, "sealed")


class PauseScope(models.TextChoices):
    ALL = "all"
    NETWORK = "network"
    WORKSPACE = "workspace"
    ACCOUNT = "account"


class PauseQuerySet(models.QuerySet["Pause"]):
    def in_force(self) -> "PauseQuerySet":
        """Keep the pauses that have not ended."""
        return self.filter(resumed_at=None)

    def after(self, moment: datetime) -> "PauseQuerySet":
        """Keep the pauses that were in force at some time after this moment."""
        return self.filter(Q(resumed_at=None) | Q(resumed_at__gt=moment))


class Pause(models.Model):
    """A time in which an operator stops publishing; the rows stay: posts that waited then do not count as late."""

    id = public_id("pause")
    scope = models.CharField(max_length=9, choices=PauseScope.choices)
    subject_id = models.CharField(max_length=45, blank=True, help_text="A network's, workspace's or account's id.")
    in_force = models.CharField(  # noqa: DJ001 (null is not unique)
        max_length=60,
        null=True,
        unique=True,
        editable=False,
        help_text="What it pauses, while it does: once at a time.",
    )
    reason = models.CharField(max_length=REASON_LENGTH)
    after_restore = models.BooleanField(
        default=False,
        db_default=False,
        help_text="For a restored copy, which does not know what went out since.",
    )
    restored_at = models.DateTimeField(
        null=True,
        help_text="When a restored copy was noticed: what fell due later was not out by then.",
    )
    paused_by = models.CharField(max_length=254, blank=True, help_text="An e-mail address; empty: by a command.")
    paused_at = models.DateTimeField()
    resumed_at = models.DateTimeField(null=True)

    objects = PauseQuerySet.as_manager()
    journal_name = "pause"

    class Meta:
        indexes: ClassVar = [models.Index(fields=["resumed_at"], name="pause_resumed")]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject_id}".rstrip()

    @property
    def is_after_restore(self) -> bool:
        """Whether the pause is for a restored copy; workers of a version without that column write only the reason."""
        return self.after_restore or AFTER_RESTORE in self.reason

    def covers(self, account_id: str, platform: str, workspace_id: str) -> bool:
        """Whether the pause holds up posts to this account."""
        own = {
            PauseScope.ALL: "",
            PauseScope.NETWORK: platform,
            PauseScope.WORKSPACE: workspace_id,
            PauseScope.ACCOUNT: account_id,
        }
        return self.subject_id == own[PauseScope(self.scope)]
