"""What the networks say of this installation's apps: each is asked to sign in with a code that nobody was given."""

import secrets
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from django.conf import settings
from django.utils import timezone

from accounts import platforms, registry
from accounts.connecting import hosted_url
from accounts.platforms.base import Connector, PlatformError, Unavailable, Unknown, WhoActs
from accounts.session import NetworkSession
from adminapi.doctor.findings import Finding, warning, well, wrong
from adminapi.threads import in_thread

SECONDS = 10.0
Answer = PlatformError | None


def look() -> list[Finding]:
    """Ask all networks that need an app at the same time; returns for each what it said, and what to register."""
    needed = [each for each in (registry.get(platform.id) for platform in platforms.ALL) if each.needs_app]
    asked = [in_thread(partial(_ask, each)) if registry.is_configured(each) else None for each in needed]
    return [replace(_of_app(each, answer), name=f"{each.id}_app") for each, answer in zip(needed, asked, strict=True)]


def _ask(network: Connector) -> Answer:
    """Return how the network refuses a sign-in that nobody began; None where it takes it."""
    session = NetworkSession(gateway=settings.NETWORK_GATEWAY, deadline=time.monotonic() + SECONDS)
    code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64) if network.uses_pkce else ""
    try:
        network.exchange(
            session, code=code, redirect_uri=hosted_url(network.id), now=timezone.now(), code_verifier=verifier
        )
    except PlatformError as error:
        return error
    return None


def _of_app(network: Connector, asked: "Future[Answer] | None") -> Finding:
    """Say what the answer means; its words are shown, for not every network documents how it refuses an app."""
    if asked is None:
        return well(f"There is no app. {_checklist(network)}")
    answer, variables = asked.result(), _variables(network)
    if answer is None:
        return warning("It took a code that was made up.", f"See that what answers really is {network.name}.")
    told = f"{answer.message.rstrip('.')}."
    # Where the app proves itself wrongly, the status may be 401; a wrong code has 400 (RFC 6749, section 5.2).
    if answer.acts == WhoActs.OPERATOR or answer.status == HTTPStatus.UNAUTHORIZED:
        return wrong(f"The app is refused. {told}", f"Look at {variables}, and at the app at the network.")
    if isinstance(answer, Unavailable | Unknown):
        return warning(f"Nobody can tell. {told}", f"Try it again later; if it stays so, look at {variables}.")
    return well(f"A code that was made up is refused. {told} {_checklist(network)}")


def _checklist(network: Connector) -> str:
    """Say what to register at the network, and where to put what it gives."""
    scopes = ", ".join(network.scopes)
    return f"Redirect URI: {hosted_url(network.id)}. Scopes: {scopes}. Settings: {_variables(network)}."


def _variables(network: Connector) -> str:
    return " and ".join(registry.credentials_of(network.id))
