"""/api/platforms and /api/accounts."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import connecting, registry, services
from accounts.addresses import hosted_url
from accounts.filters import AccountFilter
from accounts.models import SocialAccount
from accounts.serializers import (
    AccountDetailSerializer,
    AccountInput,
    AccountSerializer,
    CallbackInput,
    CandidateSerializer,
    ChoiceSerializer,
    ConnectedSerializer,
    ConnectInput,
    PlatformsSerializer,
    ReconnectInput,
    SignInSerializer,
    show_platform,
)
from ouipost.api.viewsets import Lists, Retrieves, once
from ouipost.api.vocabulary import TEXT, WARNINGS, Schema
from ouipost.claims import database_now
from ouipost.crypto import digest
from ouipost.runtime import waiting
from workspaces.counts import count_related
from workspaces.models import KeyMode, Mode, Workspace
from workspaces.scoping import KeyedViewSet, WorkspaceScopedViewSet

SECRETS_OF_A_SIGN_IN = [("auth_url",), ("state",)]
"""Anyone with the state could come back with a code of their own; the address contains the state, too."""
ON_ITS_WAY = {"post_id": TEXT, "target_id": TEXT}
IN_FLIGHT: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": ON_ITS_WAY, "required": [*ON_ITS_WAY]},
}
SANDBOX = OpenApiParameter(
    "X-Workspace-ID",
    str,
    OpenApiParameter.HEADER,
    description="A sandbox workspace here makes `configured` describe the simulator.",
)


class PlatformViewSet(KeyedViewSet[SocialAccount]):
    """/api/platforms: the networks, with exactly the limits that the validator applies."""

    queryset = SocialAccount.objects.none()
    pagination_class = None
    required_permission = None

    @extend_schema(parameters=[SANDBOX], responses=PlatformsSerializer)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return all networks; `configured` says whether this installation can connect them."""
        sandbox = self._in_sandbox()
        found = [registry.get(name, sandbox=sandbox) for name in registry.IDS]
        return Response({"platforms": [show_platform(each, sandbox=sandbox) for each in found]})

    def _in_sandbox(self) -> bool:
        """Whether to describe the simulator: for a test key, or if X-Workspace-ID names a sandbox."""
        if self.key.mode == KeyMode.TEST:
            return True
        named = self.request.headers.get("X-Workspace-ID", "")
        return bool(named) and Workspace.objects.visible_to(self.key).filter(pk=named, mode=Mode.SANDBOX).exists()


class AccountViewSet(Lists[SocialAccount], Retrieves[SocialAccount], WorkspaceScopedViewSet[SocialAccount]):
    """/api/accounts: the connected accounts of a workspace."""

    queryset = SocialAccount.objects.connected().order_by("connected_at", "pk")
    resource, resources, scope = "account", "accounts", "accounts"
    serializer_class, detail_class, input_class = AccountSerializer, AccountDetailSerializer, AccountInput
    extra_fields = {
        "update": WARNINGS,
        "destroy": {"cancelled_posts": {"type": "integer"}, "in_flight": IN_FLIGHT},
    }
    secrets = {"create": SECRETS_OF_A_SIGN_IN, "reconnect": SECRETS_OF_A_SIGN_IN}
    filterset_class = AccountFilter
    paging_optional = True

    def get_queryset(self) -> QuerySet[SocialAccount]:
        return with_post_counts(super().get_queryset(), now=timezone.now())

    @extend_schema(request=ConnectInput, responses={200: SignInSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Start a sign-in: send the person to `auth_url`; `state` comes back with them.

        A client without a page for `callback_url` names ours, `{PUBLIC_BASE_URL}/connect/{platform}/done`: that page
        completes the sign-in on behalf of this key and lets the person choose, and `POST /api/accounts/callback` is not
        needed.
        """
        values = self.read(ConnectInput)
        return self.once(lambda: self._start(**values))

    @extend_schema(request=ReconnectInput, responses={200: SignInSerializer})
    @action(detail=True, methods=["post"])
    def reconnect(self, request: Request, **kwargs: Any) -> Response:
        """Start a sign-in that keeps this account, its id and its scheduled posts.

        Without `callback_url` it comes back to our own page, which completes it on behalf of this key. Without `scopes`
        it asks for those that the account has been granted.
        """
        values = self.read(ReconnectInput)

        def work() -> Response:
            account = self.get_object()
            back = {"callback_url": hosted_url(account.platform)}
            return self._start(platform=account.platform, account=account, **(back | values))

        return self.once(work)

    def _start(self, **values: Any) -> Response:
        started = connecting.start(self.workspace, **values, key_id=self.key.pk, actor=self.actor, now=timezone.now())
        return self.answered(
            {"auth_url": started.auth_url, "state": started.state, "expires_in": connecting.EXPIRES_IN},
            warnings=started.warnings,
        )

    def renew(self, data: dict[str, Any]) -> None:
        """Say how long the sign-in is still open; one that is over has no state, and leads nowhere."""
        now = timezone.now()
        if "state" in data:
            asked = {"state_digest": digest(data["state"] or ""), "exchanged_at": None}
            data["expires_in"] = connecting.seconds_left(now=now, **asked)
            if not data["expires_in"]:
                data |= {"auth_url": None, "state": None}
        elif "connection" in data:
            data["expires_in"] = connecting.seconds_left(now=now, pk=data["connection"])

    @extend_schema(request=CallbackInput, responses={200: ChoiceSerializer, 201: ConnectedSerializer})
    @action(detail=False, methods=["post"])
    def callback(self, request: Request) -> Response:
        """Complete a sign-in with the code of the callback, or choose among its candidates."""
        values = self.read(CallbackInput)
        return self.once_outside(lambda: self._complete(values, now=timezone.now()))

    def _complete(self, values: dict[str, Any], *, now: datetime) -> Response:
        caller: dict[str, Any] = {"key_id": self.key.pk, "actor": self.actor, "now": now}
        if "connection" in values:
            connection, chosen = values["connection"], values["select"]
            selected = connecting.select(self.workspace, connection_id=connection, chosen=chosen, **caller)
            return self.created({"accounts": self._shown(selected)})
        if "error" in values:
            connecting.refuse(self.workspace, state=values["state"], error=values["error"], **caller)
        with waiting.asking():
            found = connecting.complete(self.workspace, state=values["state"], code=values["code"], **caller)
        if isinstance(found, connecting.Pending):
            return self.answered(_pending(found, now=now))
        return self.created({"account": self._shown(found)[0]})

    @once
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change name, default or settings."""
        account = self.get_object()
        values = self.read(AccountInput, instance=account, partial=True)
        _, warnings = services.update_account(account, values=values, actor=self.actor)
        return self.answered(self.get_object(), warnings=warnings)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Disconnect: tokens are revoked, unsent posts of the account cancelled."""

        def work() -> Response:
            gone = services.disconnect(self.get_object(), actor=self.actor, now=database_now())
            left = {"cancelled_posts": gone.cancelled, "in_flight": gone.in_flight}
            return self.done("Account disconnected successfully", **left)

        with waiting.asking():  # the network is asked after the commit
            return self.once(work)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def refresh(self, request: Request, **kwargs: Any) -> Response:
        """Renew tokens and profile now; a refusal by the network shows in `health`."""

        def work() -> Response:
            with waiting.asking():
                services.refresh_account(self.get_object(), actor=self.actor, now=timezone.now())
            return self.answered(self.get_object())

        return self.once_outside(work)

    def _shown(self, accounts: list[SocialAccount]) -> Any:
        rows = self.get_queryset().filter(pk__in=[account.pk for account in accounts])
        return AccountDetailSerializer(rows, many=True).data


def _pending(found: connecting.Pending, *, now: datetime) -> dict[str, Any]:
    connection = found.connection
    candidates = CandidateSerializer(found.candidates, many=True, context={"platform": connection.platform})
    return {
        "connection": connection.pk,
        "candidates": candidates.data,
        "expires_in": int((connection.expires_at - now).total_seconds()),
    }


def with_post_counts(accounts: QuerySet[SocialAccount], *, now: datetime) -> QuerySet[SocialAccount]:
    """Add posts_total and posts_this_month (UTC): published targets, counted by an index of their times."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return accounts.annotate(
        posts_total=count_related(SocialAccount, "targets", Q(published_at__isnull=False)),
        posts_this_month=count_related(SocialAccount, "targets", Q(published_at__gte=month)),
    )
