"""Check that the settings fit together, and decrypt the stored secrets."""

import base64
import re
from operator import itemgetter
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host
from django.utils import timezone

from accounts import platforms, registry
from accounts.models import SocialAccount
from accounts.platforms.base import Connector
from adminapi import keyring
from adminapi.doctor.findings import Finding, unknown, warning, well, wrong
from adminapi.doctor.networks import needing_an_app
from adminapi.keyring import WrongKeyRing
from adminapi.management.base import counted
from adminapi.management.client import session
from adminapi.monitoring.networks import ENDS_SOON
from ouipost import crypto
from ouipost.db import sealed
from posts.media import storage
from posts.media.signing import is_public, signed_url
from posts.media.storage import StorageUnavailable
from workspaces.models import Mode, Workspace

ANSWER_SECONDS = (3, 5)
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
"""A picture, as networks fetch them."""
RING = "Give TOKEN_KEYS every key that it had, the one to encrypt with first."


def given() -> Finding:
    """Check that the settings pass Django's checks, and let requests in."""
    found = checks.run_checks(include_deployment_checks=not settings.EMBEDDED)
    serious = [each for each in found if each.is_serious() and not each.is_silenced()]
    if serious:
        return wrong(
            f"{serious[0].id}: {serious[0].msg}", serious[0].hint or "`manage.py check --deploy` has the rest."
        )
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        return wrong(f"ALLOWED_HOSTS does not let requests to {host} in.", f"Add {host} to ALLOWED_HOSTS.")
    if settings.DEBUG:
        return warning("DEBUG is on: whoever meets an error sees the inside of the product.", "Unset DEBUG.")
    weak = [each for each in found if each.level >= checks.WARNING and not each.is_silenced()]
    if weak:
        return warning(f"{weak[0].id}: {weak[0].msg}", weak[0].hint or "`manage.py check --deploy` has the rest.")
    return well(f"They fit together ({settings.ENVIRONMENT}).")


def public_address() -> Finding:
    """Check that PUBLIC_BASE_URL leads here, and that networks that fetch files can use it."""
    base = settings.PUBLIC_BASE_URL
    action = "Set PUBLIC_BASE_URL to the address that others use, and see that the web process runs behind it."
    try:
        answer = _fetch(f"{base}/healthz")
    except requests.exceptions.SSLError as error:
        return wrong(
            f"{base} answers, but not over TLS as it should: {_cause(error)}.",
            "Give what stands in front of Oui Post a certificate for this name, and with it those that lead to its "
            "authority; or let this machine trust that.",
        )
    except requests.RequestException as error:
        return wrong(f"Nothing answers at {base}/healthz ({type(error).__name__}).", action)
    if answer.status_code != 200 or '"ok"' not in answer.text[:100]:
        return wrong(f"{base}/healthz answers with status {answer.status_code}: that is not Oui Post.", action)
    pulling = [each.name for each in _live() if each.pulls_media]
    if pulling and not settings.NETWORK_GATEWAY and not is_public(base):
        return wrong(
            f"{' and '.join(pulling)} cannot reach {base} to fetch files.",
            "Set PUBLIC_BASE_URL to an https address that the internet can reach.",
        )
    try:
        instead = _instead_of_a_file()
    except StorageUnavailable:
        return unknown(f"{base} answers; whether it gives files out nobody can tell: see storage.")
    if instead:
        return wrong(
            f"{base}/healthz answers, but the address of a picture below {base}/media/ gives {instead}.",
            "Let what stands in front of Oui Post pass /media/ on as it is, without a login, a redirect or another "
            "type; and give the web process the same files and SECRET_KEY as this one.",
        )
    return well(f"{base} answers, and gives files out.")


def _fetch(url: str) -> requests.Response:
    with session() as product:
        return product.get(url, timeout=ANSWER_SECONDS, allow_redirects=False)


def _cause(error: requests.exceptions.SSLError) -> str:
    """Return OpenSSL's own error, without the many words around it in requests' error."""
    found = re.search(r"\] (.+?)\.? \(_ssl", str(error))
    return found[1] if found else str(error)


def _instead_of_a_file() -> str:
    """Fetch a stored picture by its address, and describe any other answer; raises StorageUnavailable."""
    try:
        with storage.trial(PIXEL, extension=".png") as name:
            answer = _fetch(signed_url(name, seconds=60))
    except requests.RequestException as error:
        return f"no answer ({type(error).__name__})"
    kind = answer.headers.get("Content-Type", "no type")
    is_picture = answer.status_code == 200 and kind == "image/png" and answer.content == PIXEL
    return "" if is_picture else f"status {answer.status_code} and {kind}"


def _live() -> list[Connector]:
    """Return the networks with an app of the operator's, where live accounts can be connected."""
    return [each for each in needing_an_app() if not registry.lacking(each)]


def credentials() -> Finding:
    """Check that each network has both an id and a secret, or neither, no account lacks its network's app, and no
    sandbox the simulator."""
    half = [
        f"{name.upper()}_CLIENT_{'SECRET' if app['client_id'] else 'ID'}"
        for name, app in settings.NETWORKS.items()
        if bool(app["client_id"]) != bool(app["client_secret"])
    ]
    if half:
        return wrong(f"Not set, though the other half is: {', '.join(half)}.", "Set both halves, or neither.")
    live = {each.id for each in _live()}
    lacking = sorted(name for name in _used() - live if _needs_app(name))
    if lacking:
        variables = " and ".join(each for name in lacking for each in registry.credentials_of(name))
        return wrong(
            f"Accounts at {', '.join(lacking)} are connected, and there is no app for them.", f"Set {variables}."
        )
    if not settings.SIMULATOR and (idle := Workspace.objects.present().filter(mode=Mode.SANDBOX).count()):
        return warning(
            f"{counted(idle, 'workspace')} of the sandbox can neither connect nor publish: the simulator is off.",
            "Set SIMULATOR=1 and SIMULATOR_TOKEN, or delete what nobody needs.",
        )
    if not live:
        others = ", ".join(platform.name for platform in platforms.ALL if not _needs_app(platform.id))
        if settings.SIMULATOR:
            return well(
                f"No network has an app here: live workspaces can connect {others} alone, sandboxes everything."
            )
        return well(f"No network has an app here: {others} alone can be connected.")
    return well(f"There are apps for {', '.join(sorted(live))}.")


def _used() -> set[str]:
    """Return the networks with connected accounts, outside the sandbox."""
    return set(SocialAccount.objects.live().values_list("platform", flat=True))


def _needs_app(network: str) -> bool:
    return registry.get(network).needs_app


def api_versions() -> Finding:
    """Check that each network with connected accounts still takes the API version that is called."""
    today = timezone.now().date()
    known = [(each.version_ends, each) for each in map(registry.get, sorted(_used())) if each.version_ends]
    ending = [(ends, each) for ends, each in known if ends <= today + ENDS_SOON]
    if not ending:
        return well("None ends soon, as far as it is known.")
    ends, network = min(ending, key=itemgetter(0))
    message = f"Version {network.version} of {network.name}'s API {'ended' if ends <= today else 'ends'} on {ends}."
    action = f"Set {network.id.upper()}_API_VERSION to a later one, and start every process again."
    return (wrong if ends <= today else warning)(message, action)


def key_ring() -> Finding:
    """Check that TOKEN_KEYS decrypts the stored secrets, and count those not yet encrypted with the first key."""
    try:
        keyring.check()
    except (WrongKeyRing, ImproperlyConfigured) as error:
        return wrong(str(error), RING)
    for column in sealed.columns():
        if lost := column.not_under(crypto.key_ids()).count():
            return wrong(f"TOKEN_KEYS lacks the key of {counted(lost, 'secret')} in {column}.", RING)
    if moving := sum(each.total for each in keyring.behind()):
        return warning(
            f"A key other than the first encrypts {counted(moving, 'secret')}.",
            "manage.py rotate_encryption moves them; until then keep every key.",
        )
    return well(f"TOKEN_KEYS opens what is stored; {crypto.key_ids()[0]} encrypts.")
