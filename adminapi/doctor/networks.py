"""Check this installation's apps at the networks: ask each to sign in with a made-up code."""

import time

from django.conf import settings
from django.utils import timezone

from accounts import credentials, platforms, registry
from accounts.addresses import hosted_url
from accounts.platforms.base import Connector
from accounts.platforms.errors import Outdated, Unavailable, Unknown, WhoActs
from accounts.session import NetworkSession
from adminapi.doctor.findings import Finding, warning, well, wrong

SECONDS = 10.0


def needing_an_app() -> list[Connector]:
    """Return the networks that need an app, in the usual order."""
    return [each for each in (registry.get(platform.id) for platform in platforms.ALL) if each.needs_app]


def app(network: Connector) -> Finding:
    """Check that a network accepts this installation's app, and say what to register there.

    The finding quotes the network, as not every network documents how it refuses an app.
    """
    if registry.lacking(network):
        return well(f"There is no app. {_checklist(network)}")
    session = NetworkSession(gateway=settings.NETWORK_GATEWAY, deadline=time.monotonic() + SECONDS)
    refusal, variables = credentials.refusal(network, session, now=timezone.now()), _variables(network)
    if refusal is None:
        return warning("It took a code that was made up.", f"See that what answers really is {network.name}.")
    message = f"{refusal.message.rstrip('.')}."
    if isinstance(refusal, Outdated):
        return wrong(f"The version is refused. {message}", f"Set {network.id.upper()}_API_VERSION to a later one.")
    if refusal.who_acts == WhoActs.OPERATOR:
        return wrong(f"The app is refused. {message}", f"Look at {variables}, and at the app at the network.")
    if isinstance(refusal, Unavailable | Unknown):
        return warning(f"Nobody can tell. {message}", f"Try it again later; if it stays so, look at {variables}.")
    return well(f"A code that was made up is refused. {message} {_checklist(network)}")


def _checklist(network: Connector) -> str:
    """List the values to register at the network, and the settings for those that it returns."""
    scopes = ", ".join(network.scopes)
    product = f" {network.id.upper()}_PRODUCT: {network.app.product or 'empty'}." if network.products else ""
    return f"Redirect URI: {hosted_url(network.id)}. Scopes: {scopes}. Settings: {_variables(network)}.{product}"


def _variables(network: Connector) -> str:
    return " and ".join(registry.credentials_of(network.id))
