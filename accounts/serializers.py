"""Accounts and platforms as the API shows and takes them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts import connecting, pacing, platforms, registry, services
from accounts.addresses import is_hosted
from accounts.models import NAME_LENGTH, AccountStatus, SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import WhoActs
from accounts.platforms.limits import Limits, Option
from accounts.platforms.shapes import Candidate
from ouipost.api.inputs import Boolean, Choice, JsonObject, StrictInput, StringList, Text
from ouipost.api.vocabulary import STRINGS, at_least, or_null
from ouipost.errors import problems_in
from workspaces.serializers import SETTINGS
from workspaces.settings import check_settings

CALLBACK_CHARACTERS = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
"""Printable ASCII without the space and the backslash, at which browsers end a host, and `urlsplit` does not."""
HASHTAG_SETTINGS = ("auto_hashtags", "default_hashtags")
"""Settings of a workspace that an account may override."""


class AccountErrorSerializer(serializers.Serializer[Any]):
    """The reason why an account cannot be used or read, and who can fix it."""

    code = serializers.CharField()
    message = serializers.CharField()
    who_acts = serializers.ChoiceField(choices=list(map(str, WhoActs)), required=False)  # older rows lack it


class AccountHealthSerializer(serializers.Serializer[Any]):
    """Whether an account works."""

    def get_fields(self) -> dict[str, Any]:  # a serializer has `errors` of its own
        return {
            "token_valid": serializers.BooleanField(),
            "last_sync": serializers.DateTimeField(allow_null=True),
            "errors": AccountErrorSerializer(many=True),
        }


def show_platform(platform: Connector, *, sandbox: bool) -> dict[str, Any]:
    """Return a network as `GET /api/platforms` shows it."""
    limits = platform.limits
    return {
        "id": platform.id,
        "name": platform.name,
        "supports_images": limits.max_images > 0,
        "supports_videos": any(platform.limits_of(name).max_videos for name in platform.post_types),
        "supports_carousel": platform.supports_carousel,
        "supports_stories": platform.supports_stories,
        "max_characters": limits.max_characters,
        "max_images": limits.max_images,
        "max_video_duration": platform.max_video_duration,
        "oauth_supported": True,
        "limits": asdict(limits),
        "pace": {"posts": pace.most, "seconds": pace.seconds} if (pace := pacing.pace_of(platform.id)) else None,
        "post_types": {name: asdict(platform.limits_of(name)) for name in platform.post_types},
        "account_types": list(platform.account_types),
        "scopes": list(platform.scopes),
        "configured": not registry.lacking(platform, sandbox=sandbox),
        "metrics": list(platform.metrics),
    }


FIELDS: dict[Any, Callable[[], serializers.Field[Any, Any, Any, Any]]] = {
    bool: serializers.BooleanField,
    int: serializers.IntegerField,
    int | None: partial(serializers.IntegerField, allow_null=True),
    float | None: partial(serializers.FloatField, allow_null=True),
    str: serializers.CharField,
    tuple[str, ...]: lambda: serializers.ListField(child=serializers.CharField()),
}
"""Serializer fields for the fields of dataclasses, by their type."""


class OptionSerializer(serializers.Serializer[Option]):
    """One key of `platform_content.<network>.options`."""

    def get_fields(self) -> dict[str, Any]:
        return {each.name: FIELDS[each.type]() for each in dataclass_fields(Option)}


class LimitsSerializer(serializers.Serializer[Limits]):
    """The rules that the validator applies; null: no such limit, 0: not supported, an empty list of codecs: any."""

    def get_fields(self) -> dict[str, Any]:
        shown = {each.name: FIELDS[each.type]() for each in dataclass_fields(Limits) if each.name != "options"}
        return shown | {"options": OptionSerializer(many=True)}


class PaceSerializer(serializers.Serializer[Any]):
    """The number of posts that an account may send in a moving window of `seconds`."""

    posts = serializers.IntegerField()
    seconds = serializers.IntegerField()


class PlatformSerializer(serializers.Serializer[Any]):
    """A network, with its limits and whether it can be connected here. Units are in the names of the limits."""

    id = serializers.ChoiceField(choices=registry.IDS)
    name = serializers.CharField()
    supports_images = serializers.BooleanField()
    supports_videos = serializers.BooleanField()
    supports_carousel = serializers.BooleanField()
    supports_stories = serializers.BooleanField()
    max_characters = serializers.IntegerField()
    max_images = serializers.IntegerField()
    max_video_duration = serializers.IntegerField()
    oauth_supported = serializers.BooleanField()
    limits = LimitsSerializer()
    pace = PaceSerializer(allow_null=True)
    post_types = serializers.DictField(child=LimitsSerializer())
    account_types = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(child=serializers.CharField())
    configured = serializers.BooleanField()
    metrics = serializers.ListField(child=serializers.CharField())


@extend_schema_serializer(many=False)
class PlatformsSerializer(serializers.Serializer[Any]):
    """All networks."""

    resource = ""
    platforms = PlatformSerializer(many=True)


class AccountCountsSerializer(serializers.Serializer[SocialAccount]):
    """Numbers of an account's followers and posts."""

    followers = serializers.IntegerField(allow_null=True)
    posts_this_month = serializers.IntegerField()


class AccountDetailCountsSerializer(AccountCountsSerializer):
    """Numbers of an account's followers, accounts it follows, and posts."""

    following = serializers.IntegerField(allow_null=True)
    posts_total = serializers.IntegerField()


class AccountSerializer(serializers.ModelSerializer[SocialAccount]):
    """A connected account in a list."""

    platform = serializers.ChoiceField(choices=registry.IDS)
    username = serializers.CharField(source="handle")
    stats = serializers.SerializerMethodField()

    class Meta:
        model = SocialAccount
        fields: tuple[str, ...] = (
            "id",
            "platform",
            "type",
            "remote_id",
            "name",
            "username",
            "profile_image",
            "status",
            "is_default",
            "connected_at",
            "expires_at",
            "permissions",
            "stats",
        )

    @extend_schema_field(AccountCountsSerializer)
    def get_stats(self, account: SocialAccount) -> dict[str, int | None]:
        return {"followers": account.followers, "posts_this_month": getattr(account, "posts_this_month", 0)}


@extend_schema_field(at_least(**{name: SETTINGS[name] for name in HASHTAG_SETTINGS}))
class ShownSettings(serializers.JSONField):
    """The settings of an account."""


@extend_schema_field(at_least(**{name: or_null(SETTINGS[name]) for name in HASHTAG_SETTINGS}))
class SettingsInput(JsonObject):
    """Settings to change; null removes one."""


class AccountDetailSerializer(AccountSerializer):
    """A connected account's own page."""

    settings = ShownSettings()
    health = serializers.SerializerMethodField()
    scopes_missing = serializers.SerializerMethodField()

    class Meta(AccountSerializer.Meta):
        fields = (*AccountSerializer.Meta.fields, "settings", "metadata", "scopes_missing", "health")

    @extend_schema_field(AccountDetailCountsSerializer)
    def get_stats(self, account: SocialAccount) -> dict[str, int | None]:
        return {
            "followers": account.followers,
            "following": account.following,
            "posts_total": getattr(account, "posts_total", 0),
            "posts_this_month": getattr(account, "posts_this_month", 0),
        }

    @extend_schema_field(STRINGS)
    def get_scopes_missing(self, account: SocialAccount) -> list[str]:
        return registry.scopes_missing(account)

    @extend_schema_field(AccountHealthSerializer)
    def get_health(self, account: SocialAccount) -> dict[str, Any]:
        ended = account.expires_at is not None and account.expires_at <= timezone.now()
        read = account.last_sync
        return {
            "token_valid": account.status != AccountStatus.EXPIRED and not ended,
            "last_sync": serializers.DateTimeField().to_representation(read) if read else None,
            "errors": [account.last_error] if account.last_error else [],
        }


class CandidateSerializer(serializers.Serializer[Any]):
    """An account that a sign-in gave access to and that can be chosen."""

    id = serializers.CharField(source="remote_id")
    type = serializers.CharField()
    name = serializers.CharField(source="profile.name")
    username = serializers.SerializerMethodField()
    profile_image = serializers.CharField(source="profile.profile_image")

    def get_username(self, candidate: Candidate) -> str:
        return platforms.BY_ID[self.context["platform"]].handle(candidate.profile.username)


class SignInSerializer(serializers.Serializer[Any]):
    """An opened sign-in; once it was used or has expired, a repeated answer has null for `auth_url` and `state`."""

    resource = ""
    auth_url = serializers.CharField(allow_null=True)
    state = serializers.CharField(allow_null=True)
    expires_in = serializers.IntegerField()
    warnings = serializers.ListField(child=serializers.CharField(), required=False)


class ChoiceSerializer(serializers.Serializer[Any]):
    """The accounts that a sign-in gave access to, if there are several."""

    resource = ""
    connection = serializers.CharField()
    candidates = CandidateSerializer(many=True)
    expires_in = serializers.IntegerField()


class ConnectedSerializer(serializers.Serializer[Any]):
    """The account that a sign-in gave access to, or those that were chosen among several."""

    resource = ""
    account = AccountDetailSerializer(required=False)
    accounts = AccountDetailSerializer(many=True, required=False)


class Scopes(StringList):
    """Scopes as OAuth has them: https://www.rfc-editor.org/rfc/rfc6749#section-3.3"""

    child = Text(
        validators=[
            RegexValidator(
                r"^[\x21\x23-\x5b\x5d-\x7e]+\Z",
                'Name one scope: printable ASCII characters, without spaces, " and \\.',
            )
        ]
    )


class ReconnectInput(StrictInput):
    """The body that opens a sign-in for an existing account; without `callback_url` it comes back to our own page."""

    callback_url = Text(max_length=2000, required=False)
    scopes = Scopes(required=False)

    def validate_callback_url(self, value: str) -> str:
        if not (_is_callback_url(value) or is_hosted(value)):
            raise serializers.ValidationError("Must be an https address, or http on a loopback host; without a # part.")
        if "@" in urlsplit(value).netloc:
            raise serializers.ValidationError("A URL must not contain a user name or password.")
        return value


def _is_callback_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.fragment or not CALLBACK_CHARACTERS.fullmatch(value):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ConnectInput(ReconnectInput):
    """The body that opens a sign-in."""

    callback_url = Text(max_length=2000)
    platform = Choice(choices=list(registry.IDS))

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        if "platform" not in values:
            return {}
        return problems_in(lambda: connecting.require_usable(**values))


@extend_schema_field({"oneOf": [{**STRINGS, "minItems": 1}, {"type": "string", "const": "all"}]})
class Selection(serializers.JSONField):
    """Ids of candidates, or "all"."""


OTHER_HALF = {"state": "code", "connection": "select", "select": "connection"}


class CallbackInput(StrictInput):
    """The parameters of the consent page's callback, or the choice among the candidates."""

    state = Text(required=False)
    code = Text(required=False)
    error = Text(required=False)
    connection = Text(required=False)
    select = Selection(required=False)

    def validate_select(self, value: Any) -> list[str] | None:
        if value == "all":
            return None
        if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
            return value
        raise serializers.ValidationError('Must be a list of candidate ids, or "all".')

    def field_conflicts(self, given: Mapping[str, Any]) -> dict[str, Any]:
        sent = given.keys() & set(self.fields)
        if sent in ({"state", "code"}, {"state", "error"}, {"connection", "select"}):
            return {}
        lacking = OTHER_HALF.get(next(iter(sent)), "state") if len(sent) == 1 else "state"
        return {lacking: ["Give state and code, or state and error, or connection and select."]}


class AccountInput(StrictInput):
    """The body that changes an account."""

    shown = AccountDetailSerializer.Meta.fields
    guarded = {"status": "POST /api/accounts/{id}/refresh or reconnect"}
    name = Text(required=False, max_length=NAME_LENGTH)
    is_default = Boolean(required=False)
    settings = SettingsInput(required=False)

    def validate_settings(self, value: dict[str, Any]) -> dict[str, Any]:
        return value | check_settings({name: value[name] for name in HASHTAG_SETTINGS if name in value})

    def service_problems(self, values: dict[str, Any]) -> dict[str, Any]:
        account = self.context["instance"]
        return problems_in(lambda: services.require_default(account, values.get("is_default", True)))
