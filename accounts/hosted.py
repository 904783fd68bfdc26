"""Our own callback page for sign-ins of callers that have none: /connect/{platform}/done.

The state that comes back is secret and valid once. It completes the sign-in in the name of whoever began it: for an API
key as long as the key has the permission, for a person in the console only in the session that began it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import connecting, registry
from accounts.addresses import is_hosted
from accounts.candidates import candidates_of
from accounts.models import Connection, SocialAccount
from accounts.pages import refused
from accounts.platforms import NAMES
from accounts.platforms.shapes import Candidate
from ouipost.crypto import digest
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.phrases import Phrase
from ouipost.runtime import waiting
from ouipost.translating import translated
from ouipost.unicode import apart
from workspaces.models import ApiKey, User, Workspace

BEGUN_HERE = "signing_in"
"""Session key for the digests of the states that the session began."""
MOST_BEGUN = 20
PERMISSION = "accounts.manage"
KEY_PERMISSION = "accounts.write"


class NotBegunHere(DomainError):
    code = "FORBIDDEN"
    status = 403
    message = Phrase("This sign-in was started in another browser, or by someone else.")


class KeyMayNot(DomainError):
    code = "FORBIDDEN"
    status = 403
    message = Phrase("The API key that started this sign-in may no longer connect accounts.")


class NothingChosen(DomainError):
    code = "VALIDATION_ERROR"
    status = 422
    message = Phrase("Choose at least one.")


def remember(request: HttpRequest, state: str) -> None:
    """Store in the session that it began this sign-in, which can be completed only there."""
    begun = [*request.session.get(BEGUN_HERE, []), digest(state)]
    request.session[BEGUN_HERE] = begun[-MOST_BEGUN:]


@never_cache
@require_http_methods(["GET", "POST"])
def done(request: HttpRequest, platform: str) -> HttpResponse:
    """Complete a returning sign-in, let the person choose among several accounts, and show the outcome."""
    now = timezone.now()
    connection = _find(_state(request), platform=platform) if platform in registry.IDS else None
    if connection is None:
        return _stopped(request, None, connecting.OAuthStateInvalid())
    try:
        connected = _go_on(request, connection, actor=_actor(request, connection, now=now), now=now)
    except NothingChosen as error:
        return _choose(request, connection, candidates_of(connection), problem=translated(error.message))
    except DomainError as error:
        return _stopped(request, connection, error)
    if isinstance(connected, connecting.Pending):
        return _choose(request, connection, connected.candidates)
    return _connected(request, connection, connected)


def _find(state: str, *, platform: str) -> Connection | None:
    """Return the sign-in with this state whose callback is our own page, even if it is no longer open."""
    found = Connection.objects.filter(state_digest=digest(state), platform=platform, workspace__deleted_at=None)
    connection = found.select_related("workspace", "account").first()
    return connection if connection and is_hosted(connection.callback_url, platform) else None


def _state(request: HttpRequest) -> str:
    return request.POST.get("state") or request.GET.get("state", "")


def _actor(request: HttpRequest, connection: Connection, *, now: datetime) -> Actor:
    """Return the actor in whose name this sign-in continues; raises NotBegunHere or KeyMayNot."""
    actor = Actor.from_request(request)
    if not is_of_the_console(connection):
        _require_key(connection, now=now)
        return replace(actor, user_id="", user_email="", key_id=connection.key_id)
    user, begun = request.user, request.session.get(BEGUN_HERE, [])
    if not isinstance(user, User) or user.pk != connection.key_id or connection.state_digest not in begun:
        raise NotBegunHere
    if PERMISSION not in user.granted or not Workspace.objects.open_to(user).contains(connection.workspace):
        raise NotBegunHere
    return actor


def is_of_the_console(connection: Connection) -> bool:
    """Whether a person in the console began this sign-in: then `key_id` holds their id."""
    return connection.key_id.startswith("user_")


def _require_key(connection: Connection, *, now: datetime) -> None:
    key = ApiKey.objects.present().filter(pk=connection.key_id, is_active=True).first()
    if key is None or key.has_ended(now) or not key.has_permission(KEY_PERMISSION):
        raise KeyMayNot
    if not Workspace.objects.visible_to(key).filter(pk=connection.workspace_id).exists():
        raise KeyMayNot


def _go_on(
    request: HttpRequest, connection: Connection, *, actor: Actor, now: datetime
) -> Sequence[SocialAccount] | connecting.Pending:
    """Take the step that the request asks for; reloading the page, or sending a choice twice, changes nothing."""
    caller: dict[str, Any] = {"key_id": connection.key_id, "actor": actor, "now": now}
    if connection.used_at is not None:
        return []
    if request.method == "POST":
        return _select(request, connection, caller)
    candidates = candidates_of(connection) if connection.exchanged_at and connection.expires_at > now else []
    if candidates:
        return connecting.Pending(connection=connection, candidates=candidates)
    given = {"state": _state(request)} | caller
    if "code" in request.GET and "error" not in request.GET:
        with waiting.asking():
            return connecting.complete(connection.workspace, code=request.GET["code"], **given)
    words = request.GET.get("error_description", "")
    connecting.refuse(connection.workspace, error=request.GET.get("error", ""), words=words, **given)
    return []


def _select(request: HttpRequest, connection: Connection, caller: dict[str, Any]) -> list[SocialAccount]:
    chosen = request.POST.getlist("chosen")
    if not chosen:
        raise NothingChosen
    try:
        return connecting.select(connection.workspace, connection_id=connection.pk, chosen=chosen, **caller)
    except connecting.OAuthStateInvalid:
        if Connection.objects.filter(pk=connection.pk, used_at__isnull=False).exists():
            return []  # the same choice, sent twice at once
        raise


def _choose(
    request: HttpRequest, connection: Connection, candidates: list[Candidate], *, problem: str = ""
) -> HttpResponse:
    page = {
        "network": NAMES[connection.platform],
        "workspace": connection.workspace.name,
        "candidates": candidates,
        "state": _state(request),
        "problem": problem,
    }
    return render(request, "accounts/choose.html", page, status=422 if problem else 200)


def _connected(request: HttpRequest, connection: Connection, accounts: Sequence[SocialAccount]) -> HttpResponse:
    if not is_of_the_console(connection):
        shown = [{"name": each.name, "missing": registry.scopes_missing(each)} for each in accounts]
        page = {"network": NAMES[connection.platform], "workspace": connection.workspace.name}
        return render(request, "accounts/connected.html", page | {"accounts": shown})
    _show_result(request, connection, accounts)
    if len(accounts) == 1:
        return HttpResponseRedirect(reverse("admin:accounts_socialaccount_change", args=[accounts[0].pk]))
    return HttpResponseRedirect(reverse("admin:accounts_socialaccount_changelist"))


def _show_result(request: HttpRequest, connection: Connection, accounts: Sequence[SocialAccount]) -> None:
    """Show on the console's next page which accounts were connected, and which scopes were not granted."""
    if accounts:
        names = {"names": ", ".join(apart(each.name) for each in accounts)}
        names["workspace"] = apart(connection.workspace.name)
        messages.success(request, _("Connected to %(workspace)s: %(names)s.") % names)
    for account in accounts:
        if missing := registry.scopes_missing(account):
            sentence = _("%(name)s: not granted: %(scopes)s. What needs it will fail; sign in again and allow it.")
            messages.warning(request, sentence % {"name": apart(account.name), "scopes": ", ".join(missing)})


def _stopped(request: HttpRequest, connection: Connection | None, error: DomainError) -> HttpResponse:
    """Show the reason why nothing was connected, and a link to begin again."""
    title, says = _reason(connection, error)
    is_kept = isinstance(error, waiting.TooManyAsk)  # the sign-in is as it was, so its address is good again
    again = request.get_full_path() if is_kept else _again(request, connection)
    page = {"title": title, "says": says, "again": again}
    return refused(request, "accounts/stopped.html", page, error)


def _reason(connection: Connection | None, error: DomainError) -> tuple[str, str]:
    network = NAMES[connection.platform] if connection else ""
    match error:
        case connecting.OAuthStateInvalid():
            says = _(
                "It is unknown, has expired or was already used: a sign-in is valid for ten minutes, and only once."
            )
            return _("This sign-in cannot go on"), says
        case NotBegunHere():
            says = _("It can be completed only in the browser, and by the person, that started it.")
            return _("This sign-in was started somewhere else"), says
        case KeyMayNot():
            says = _("The API key that started it has ended, or may no longer connect accounts.")
            return _("This sign-in cannot go on"), says
        case connecting.OAuthExchangeFailed() if error.details.get("reason") in connecting.DENIALS:
            return _("Nothing was connected"), _("Access was not allowed at %(network)s.") % {"network": network}
    reason, message = error.details.get("reason", ""), translated(error.message)
    return _("Nothing was connected"), f"{message} ({reason})" if reason else message


def _again(request: HttpRequest, connection: Connection | None) -> str:
    """Return the console's address to begin a sign-in again; empty for people who came from elsewhere."""
    if not request.user.is_authenticated or (connection is not None and not is_of_the_console(connection)):
        return ""
    begin = reverse("console_connect")
    if connection is None:
        return begin
    if connection.account_id:
        return f"{begin}?account={connection.account_id}"
    return f"{begin}?workspace={connection.workspace_id}"
