"""Connect accounts from the console: choose a workspace and a network, and go to the network's consent page."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from accounts import connecting, hosted, registry
from accounts.addresses import hosted_url
from accounts.models import SocialAccount
from adminapi.console.pages import member_of_staff, page, show
from adminapi.console.workspaces import chosen, last_chosen, limited, offer, only_one
from ouipost.db.locks import in_transaction
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.phrases import both
from ouipost.translating import translated, words
from workspaces.models import Workspace

KINDS = {
    "page": gettext_lazy("Pages"),
    "profile": gettext_lazy("Profiles"),
    "business": gettext_lazy("Business accounts"),
    "creator": gettext_lazy("Creator accounts"),
    "organization": gettext_lazy("Organizations"),
    "channel": gettext_lazy("Channels"),
    "pinner": gettext_lazy("Personal accounts"),
}
"""The kinds of account that networks let us post to, in words that people know."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A network as the page offers it for a workspace."""

    id: str
    name: str
    takes: str
    redirect_uri: str
    missing: str
    """The settings without which it cannot be connected; empty if nothing is missing."""
    connected: int


@page("accounts.manage")
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """Show the networks of a workspace, or of an account that is to be connected again; begin the sign-in."""
    account = _account(request)
    workspace = account.workspace if account else chosen(request)
    problem = ""
    if request.method == "POST":
        try:
            return _start(request, workspace, account)
        except DomainError as error:
            problem = words(error)
    workspace = workspace or last_chosen(request) or only_one(request)
    choices = _choices(workspace, account) if workspace else []
    context: dict[str, Any] = {
        "account": account,
        "called": connecting.called(account.name, account.handle) if account else "",
        "workspace": workspace,
        "workspaces": offer(request, workspace),
        "choices": choices,
        "is_incomplete": any(each.missing for each in choices),
        "problem": problem,
        "elsewhere": _elsewhere(request),
    }
    title = _("Connect %(name)s again") % {"name": account.name} if account else _("Connect an account")
    return show(request, "console/connect.html", title=title, status=422 if problem else 200, **context)


def _elsewhere(request: HttpRequest) -> str:
    """Return where to open this page instead: sign-ins come back to the public address, where no other session is."""
    is_there = urlsplit(settings.PUBLIC_BASE_URL).netloc == request.get_host()
    return "" if is_there else f"{settings.PUBLIC_BASE_URL}{request.get_full_path()}"


def _account(request: HttpRequest) -> SocialAccount | None:
    """Return the account that is to be connected again, if one is named."""
    named = request.POST.get("account") or request.GET.get("account")
    if not named:
        return None
    mine = limited(SocialAccount.objects.connected().select_related("workspace"), request)
    found: SocialAccount = get_object_or_404(mine, pk=named)
    return found


def _start(request: HttpRequest, workspace: Workspace | None, account: SocialAccount | None) -> HttpResponse:
    platform = account.platform if account else request.POST.get("platform", "")
    if workspace is None or platform not in registry.IDS:
        raise Http404
    start = partial(
        connecting.start,
        workspace,
        platform=platform,
        account=account,
        callback_url=hosted_url(platform),
        key_id=member_of_staff(request).pk,
        actor=Actor.from_request(request),
        now=timezone.now(),
    )
    started = in_transaction(start)
    hosted.remember(request, started.state)
    return HttpResponseRedirect(started.auth_url)


def _choices(workspace: Workspace, account: SocialAccount | None) -> list[Choice]:
    connected = SocialAccount.objects.connected().filter(workspace=workspace).order_by().values_list("platform")
    counts = dict(connected.annotate(total=Count("pk")))
    wanted = (account.platform,) if account else registry.IDS
    return [_choice(name, counts.get(name, 0), sandbox=workspace.is_sandbox) for name in wanted]


def _choice(name: str, connected: int, *, sandbox: bool) -> Choice:
    platform = registry.get(name, sandbox=sandbox)
    missing = registry.lacking(platform, sandbox=sandbox)
    return Choice(
        id=platform.id,
        name=platform.name,
        takes=", ".join(str(KINDS.get(kind, kind)) for kind in platform.account_types),
        redirect_uri=hosted_url(platform.id),
        missing=translated(both(missing)) if missing else "",
        connected=connected,
    )
