"""A check whether a network accepts this installation's app, by a sign-in with an invented code."""

import secrets
from datetime import datetime
from http import HTTPStatus

from accounts.addresses import hosted_url
from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import PlatformError, app_refused


def refusal(network: Connector, session: Session, *, now: datetime) -> PlatformError | None:
    """Return the network's refusal of an invented sign-in, which the operator must fix if it refuses the app.

    None if the network accepts the sign-in.
    """
    code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64) if network.uses_pkce else ""
    try:
        network.exchange(session, code=code, redirect_uri=hosted_url(network.id), now=now, code_verifier=verifier)
    except PlatformError as error:
        # Wrong credentials of the app may have status 401; a wrong code has 400 (RFC 6749, section 5.2).
        return app_refused(**error.facts) if error.status == HTTPStatus.UNAUTHORIZED else error
    return None
