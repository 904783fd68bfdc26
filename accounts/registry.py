"""The networks of this installation: each platform with its configuration, and the session for calls to it."""

import math
from dataclasses import replace

from django.conf import settings

from accounts import platforms
from accounts.exchanges import Exchange
from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.shapes import App
from accounts.session import NetworkSession
from accounts.shares import key_of
from ouipost.errors import DomainError
from ouipost.phrases import Phrase, both
from ouipost.runtime import waiting
from workspaces.models import Workspace

SANDBOX = "sandbox"
"""Id and secret of an app at the simulator, which accepts any."""
IDS = tuple(platforms.BY_ID)


class PlatformNotConfigured(DomainError):
    code = "PLATFORM_NOT_CONFIGURED"
    status = 422
    message = Phrase("This platform cannot be connected on this installation.")


def get(platform_id: str, *, sandbox: bool = False) -> Connector:
    """Return a platform with this installation's registration, or with the sandbox's own if there is none.

    For an unknown network it is a stand-in that takes nothing.
    """
    platform = platforms.BY_ID[platform_id]
    app = App(**settings.NETWORKS.get(platform_id, {}), limits=settings.NETWORK_LIMITS.get(platform_id, {}))
    if sandbox and not app.client_id:
        product = app.product or platform.widest_product
        app = replace(app, client_id=SANDBOX, client_secret=SANDBOX, product=product)
    return platform(app)


def of(account: SocialAccount) -> Connector:
    """Return an account's platform for its workspace, which must have been read with the account."""
    return get(account.platform, sandbox=account.workspace.is_sandbox)


def lacking(platform: Connector, *, sandbox: bool = False) -> list[str]:
    """Return the settings without which no account of this platform can be used; empty if there is nothing to set."""
    if sandbox and not settings.SIMULATOR:
        return ["SIMULATOR=1"]
    return [] if platform.app.client_id or not platform.needs_app else credentials_of(platform.id)


def credentials_of(platform_id: str) -> list[str]:
    """Return the names of the settings that have a platform's id and secret."""
    return [f"{platform_id.upper()}_CLIENT_ID", f"{platform_id.upper()}_CLIENT_SECRET"]


def connector(platform_id: str, workspace: Workspace) -> Connector:
    """Return the connector for this workspace; raises PlatformNotConfigured if it cannot be connected."""
    platform = get(platform_id, sandbox=workspace.is_sandbox)
    check(platform, workspace)
    return platform


def check(platform: Connector, workspace: Workspace) -> None:
    """Raise PlatformNotConfigured if accounts of this platform cannot be used in this workspace."""
    if missing := lacking(platform, sandbox=workspace.is_sandbox):
        message = Phrase(
            "{network} cannot be connected on this installation: the operator must set {variables}.",
            network=platform.name,
            variables=both(missing),
        )
        raise PlatformNotConfigured(message, platform=platform.id)


def scopes_granted(account: SocialAccount) -> list[str]:
    """Return the scopes that the person granted, if the app may still ask for them; empty if they are not known."""
    return account.permissions if of(account).is_of_this_product(account.metadata) else []


def scopes_missing(account: SocialAccount) -> list[str]:
    """Return the scopes that we ask for and the person did not grant; empty if the network does not list them."""
    if not account.permissions:
        return []
    return [scope for scope in of(account).scopes if scope not in account.permissions]


def session(
    platform_id: str, workspace: Workspace, *, deadline: float = math.inf, exchanges: list[Exchange] | None = None
) -> NetworkSession:
    """Return the session for this workspace's calls: to the network, the gateway, or the built-in simulator.

    In a web request they also end with the time that `waiting.asking` gives it. The last requests and answers are put
    into `exchanges`, if given.
    """
    return NetworkSession(
        gateway=gateway(workspace),
        deadline=min(deadline, waiting.ends_by()),
        network=network_of(platform_id, workspace),
        exchanges=exchanges,
        classify=get(platform_id, sandbox=workspace.is_sandbox).classify,
    )


def network_of(platform_id: str, workspace: Workspace) -> str:
    """Return the health key of this network for this workspace."""
    return key_of(platform_id, workspace.mode)


def gateway(workspace: Workspace) -> str:
    """Return the address that network calls are redirected to; empty for the true hosts."""
    return f"{settings.PUBLIC_BASE_URL}/sandbox" if workspace.is_sandbox else settings.NETWORK_GATEWAY
