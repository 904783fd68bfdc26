"""Users, workspaces and API keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy

from ouipost import zones
from ouipost.db.stored_json import JsonColumn, for_nobody, is_number, is_strings, is_text, may_have
from ouipost.events.journal import Actor, record
from ouipost.ids import public_id
from ouipost.unicode import apart, composed
from workspaces.keys import admission
from workspaces.permissions import ADMIN_PERMISSIONS, ROLE_PERMISSIONS, admin_permission, console_permissions

KEY_NAME_LENGTH = 100
USUAL_LATE_MINUTES, MAX_LATE_MINUTES = 360, 7 * 24 * 60
IS_SETTINGS = may_have(timezone=is_text, default_hashtags=is_strings, publish_late_up_to_minutes=is_number)


class Role(models.TextChoices):
    ADMIN = "admin", gettext_lazy("Admin")
    EDITOR = "editor", gettext_lazy("Editor")
    VIEWER = "viewer", gettext_lazy("Viewer")


class Mode(models.TextChoices):
    LIVE = "live", gettext_lazy("Live")
    SANDBOX = "sandbox", gettext_lazy("Sandbox")


class Tier(models.TextChoices):
    STARTER = "starter", gettext_lazy("Starter")
    PROFESSIONAL = "professional", gettext_lazy("Professional")
    ENTERPRISE = "enterprise", gettext_lazy("Enterprise")


class UserManager(BaseUserManager["User"]):
    """Makes users; names are e-mail addresses, compared without case."""

    def create_user(self, email: str, password: str | None = None, **values: Any) -> "User":
        """Create a user with a hashed password; without a password the user cannot log in."""
        user = self.model(email=email.strip().lower(), **values)
        user.set_password(password)
        user.save()
        return user

    @transaction.atomic
    def create_superuser(self, email: str, password: str | None = None, **values: Any) -> "User":
        """Create an administrator; Django's createsuperuser command calls this."""
        user = self.create_user(email, password, **{"role": Role.ADMIN} | values)
        record("created", user, actor=Actor.of_command("createsuperuser"), email=user.email, role=user.role)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person who uses the console or the admin API."""

    id = public_id("user")
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    permissions = JsonColumn(
        null=True,
        blank=True,
        fits=is_strings,
        instead=list,
        help_text="Replaces the role's permissions; empty: the role's.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    signed_out_at = models.DateTimeField(
        null=True, editable=False, help_text="Whoever logged in before has to log in again."
    )

    objects = UserManager()
    journal_name = "user"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def set_password(self, raw_password: str | None) -> None:
        """Set a new password; saving it ends all of the user's sessions."""
        super().set_password(raw_password and composed(raw_password))
        if not self._state.adding:
            self.signed_out_at = timezone.now()

    @transaction.atomic
    def save(self, *args: Any, **options: Any) -> None:
        """Save the user, and record a password set before it in the journal, as by Django's changepassword command."""
        is_changed = getattr(self, "_password", None) is not None and not self._state.adding
        super().save(*args, **options)
        if is_changed:
            actor = Actor.of_command("changepassword")
            record("updated", self, actor=actor, before={}, after={}, password_changed=True)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Include `signed_out_at`, so that signing a user out also ends their console sessions."""
        signed_in_by = f"{self.password}{self.signed_out_at}"
        return salted_hmac("workspaces.User", signed_in_by, secret=secret, algorithm="sha256").hexdigest()

    @property
    def is_staff(self) -> bool:
        """Whether the console lets this user in: every active user may see some of it."""
        return self.is_active

    @property
    def granted(self) -> frozenset[str]:
        """The permissions in force: the explicit list, else the role's."""
        return frozenset(self.granted_in_order if self.is_active else ())

    @property
    def granted_in_order(self) -> list[str]:
        """The permissions in force while the user is active, in the order of the table."""
        given = ROLE_PERMISSIONS.get(self.role, ()) if self.permissions is None else self.permissions
        return [name for name in ADMIN_PERMISSIONS if name in given]

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Map Django's `app.action_model` to the permissions that the admin API checks."""
        needed = admin_permission(perm)
        return needed is not None and needed in self.granted

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        return bool(console_permissions(app_label) & self.granted)


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def present(self) -> "WorkspaceQuerySet":
        """Leave out deleted workspaces whose rows are still being removed."""
        return self.filter(deleted_at=None)

    def open_to(self, user: User) -> "WorkspaceQuerySet":
        """Match all workspaces for an administrator, and for other users those they are members of."""
        present = self.present()
        return present if user.role == Role.ADMIN else present.filter(memberships__user=user)

    def visible_to(self, key: "ApiKey") -> "WorkspaceQuerySet":
        """Keep the workspaces that this key may see."""
        return self.seen_with(key.mode, key.workspace_ids)

    def seen_with(self, mode: str, workspace_ids: Sequence[str]) -> "WorkspaceQuerySet":
        """Keep what a key of this mode and list sees: the list if it has one, and only sandboxes for a test key."""
        workspaces = self.present()
        if mode == KeyMode.TEST:
            workspaces = workspaces.filter(mode=Mode.SANDBOX)
        return workspaces.filter(pk__in=workspace_ids) if workspace_ids else workspaces


class Workspace(models.Model):
    """A tenant: accounts, posts and schedules belong to exactly one."""

    id = public_id("ws")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    settings = JsonColumn(default=dict, blank=True, fits=IS_SETTINGS, instead=dict)
    mode = models.CharField(max_length=7, choices=Mode.choices, default=Mode.LIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = WorkspaceQuerySet.as_manager()
    journal_name = "workspace"

    class Meta:
        indexes: ClassVar = [models.Index(fields=["deleted_at", "created_at"], name="workspace_listed")]

    def __str__(self) -> str:
        return self.name

    @property
    def timezone(self) -> str:
        """The time zone for times given without one: UTC if the settings name none, or an unknown one."""
        named = self.settings.get("timezone")
        return named if named and zones.is_known(named) else "UTC"

    @property
    def publish_late_up_to_minutes(self) -> int:
        given = self.settings.get("publish_late_up_to_minutes")
        return USUAL_LATE_MINUTES if given is None else min(max(0, int(given)), MAX_LATE_MINUTES)

    @property
    def is_sandbox(self) -> bool:
        return self.mode == Mode.SANDBOX


class Membership(models.Model):
    """A user who works in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.workspace_id}"


class KeyMode(models.TextChoices):
    LIVE = "live", gettext_lazy("Live")
    TEST = "test", gettext_lazy("Test")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def present(self) -> "ApiKeyQuerySet":
        """Leave out revoked keys, whose rows stay for their usage counts."""
        return self.filter(revoked_at=None)

    def holding(self, digest: str) -> "ApiKeyQuerySet":
        """Match the key with this secret, also as its previous one."""
        return self.filter(Q(digest=digest) | Q(previous_digest=digest))

    @transaction.atomic
    def update(self, **values: Any) -> int:
        """Update the rows; cached records of these keys are dropped, as when one is saved or deleted."""
        if values.keys() == {"last_used_at"}:
            return super().update(**values)
        admission.forget(*self.select_for_update().values_list("pk", flat=True))
        return super().update(**values)


class ApiKey(models.Model):
    """A secret with which a program calls the API; only its SHA-256 is kept."""

    id = public_id("key")
    name = models.CharField(max_length=KEY_NAME_LENGTH)
    prefix = models.CharField(max_length=11, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    previous_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001 (null is not unique)
    previous_expires_at = models.DateTimeField(null=True, editable=False)
    mode = models.CharField(max_length=4, choices=KeyMode.choices, default=KeyMode.LIVE)
    tier = models.CharField(max_length=12, choices=Tier.choices, default=Tier.STARTER)
    permissions = JsonColumn(default=list, blank=True, fits=is_strings, instead=list)
    workspace_ids = JsonColumn(
        default=list,
        blank=True,
        fits=is_strings,
        instead=for_nobody,
        help_text="Empty: every workspace.",
    )
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False, help_text="It is gone for good, but for its usage.")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()
    journal_name = "api_key"

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{apart(self.name)} ({self.prefix}…)"

    def has_permission(self, permission: str) -> bool:
        return permission in self.permissions

    def has_ended(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def may_see(self, workspace_id: str) -> bool:
        """Whether this key's own list has the workspace; an empty list has all."""
        return not self.workspace_ids or workspace_id in self.workspace_ids


class KeyUsage(models.Model):
    """Number of requests that a key made on a day in UTC."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="usage_days")
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "day"], name="one_usage_per_key_and_day")]
        indexes: ClassVar = [models.Index(fields=["day", "requests"], name="usage_of_day")]

    def __str__(self) -> str:
        return f"{self.key_id} on {self.day}: {self.requests}"


class UsageBatch(models.Model):
    """The name of a batch of counts that is in KeyUsage, so that it is never added twice."""

    id = models.CharField(primary_key=True, max_length=32)
    written_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.id
