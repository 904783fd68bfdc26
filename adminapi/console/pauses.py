"""The page of pauses, to pause and resume by hand; it shows the number of waiting posts before anything happens."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import pauses, platforms
from accounts.models import REASON_LENGTH, Pause, PauseScope, SocialAccount
from adminapi.console.pages import by_field, page, show
from adminapi.console.workspaces import limited, offer
from adminapi.inputs import PauseInput, ResumeInput
from adminapi.templatetags.console import network_name
from ouipost.claims import database_now
from ouipost.db.locks import in_transaction
from ouipost.db.pages import MOST
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.translating import words
from ouipost.unicode import apart
from posts import pausing
from workspaces.models import Workspace

SCOPES: dict[str, Any] = {
    PauseScope.ALL: gettext_lazy("Everything"),
    PauseScope.NETWORK: gettext_lazy("One network"),
    PauseScope.WORKSPACE: gettext_lazy("One workspace"),
    PauseScope.ACCOUNT: gettext_lazy("One account"),
}
OTHER_LIST = gettext_lazy(
    "“%(scope)s” is marked, and something is chosen at “%(other)s”: mark that, or choose nothing there."
)
MOST_OFFERED = 500
ELEMENTS = {"scope": "pause-scope", "id": "pause-scope", "reason": "pause-reason"}
"""The ids of the page's elements that mend the errors of these fields."""


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A chosen scope, the chosen entry of each scope's list, and the reason."""

    scope: str
    listed: dict[str, str]
    reason: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Typed":
        """Read a form, or an address that leads to the page; each scope has a field of its own."""
        given = request.POST or request.GET
        listed = {scope: given.get(f"id_{scope}", "") for scope in SCOPES}
        return cls(scope=given.get("scope", ""), listed=listed, reason=given.get("reason", ""))

    @property
    def subject(self) -> str:
        """Return what is chosen in the list of the scope."""
        return self.listed.get(self.scope, "")

    @property
    def body(self) -> dict[str, Any]:
        """Return it as a body for the API."""
        return {"scope": self.scope, "id": self.subject or None, "reason": self.reason}

    @property
    def errors(self) -> dict[str, str]:
        """Return what only this page has to ask for: one row of its own and no other, and a reason."""
        others = [each for each, subject in self.listed.items() if subject and each != self.scope]
        found = {}
        if not self.scope:
            found["scope"] = _("Mark what shall wait.")
        elif others and self.scope in SCOPES:
            found["scope"] = OTHER_LIST % {"scope": SCOPES[self.scope], "other": SCOPES[others[0]]}
        if not self.reason.strip():
            found["reason"] = _("Say why.")
        return found


@page("system.manage")
def show_pauses(request: HttpRequest) -> HttpResponse:
    """Show the pauses; begin another, after showing the number of posts that would wait."""
    typed = Typed.of(request)
    if request.method != "POST":
        return _page(request, typed)
    given = PauseInput(data=typed.body)
    if not given.is_valid() or typed.errors:
        return _page(request, typed, errors=by_field(given.errors) | typed.errors, status=400)
    try:
        pausing.require_subject(typed.scope, typed.subject, must_exist=True)
        if "confirmed" not in request.POST:
            return _page(request, typed, asked="pause", waiting=pausing.waiting(typed.scope, typed.subject))
        wanted: dict[str, Any] = {"reason": typed.reason, "actor": Actor.from_request(request), "now": database_now()}
        in_transaction(lambda: pausing.pause(typed.scope, typed.subject, **wanted))
    except DomainError as error:
        fields = error.details.get("fields", {})
        return _page(request, typed, errors=by_field(fields) or {"general": words(error)}, status=error.status)
    return HttpResponseRedirect(reverse("console_pauses"))


@page("system.manage")
def resume(request: HttpRequest) -> HttpResponse:
    """End a pause, after showing the number of posts that then go out."""
    typed = Typed.of(request)
    given = ResumeInput(data={"scope": typed.scope, "id": typed.subject or None})
    if request.method != "POST" or not given.is_valid():
        return HttpResponseRedirect(reverse("console_pauses"))
    if "confirmed" not in request.POST:
        return _page(request, typed, asked="resume", waiting=pausing.waiting(typed.scope, typed.subject))
    actor = Actor.from_request(request)
    try:
        in_transaction(lambda: pausing.resume(typed.scope, typed.subject, actor=actor, now=database_now()))
    except DomainError as error:
        return _page(request, typed, errors={"general": words(error)}, status=error.status)
    return HttpResponseRedirect(reverse("console_pauses"))


def _page(
    request: HttpRequest, typed: Typed, *, status: int = 200, errors: dict[str, str] | None = None, **told: Any
) -> HttpResponse:
    in_force, subject = pauses.in_force(), (typed.scope, typed.subject)
    names = _names([*in_force, Pause(scope=typed.scope, subject_id=typed.subject)])
    chosen = SocialAccount.objects.filter(pk=typed.listed[PauseScope.ACCOUNT]).first()
    context = {
        "pauses": [{"pause": each, "name": names[each.scope, each.subject_id]} for each in in_force],
        "typed": typed,
        "already": next((each for each in in_force if (each.scope, each.subject_id) == subject), None),
        "what": names[subject],
        "scopes": SCOPES.items(),
        "networks": list(platforms.NAMES.items()),
        "workspaces": offer(request, Workspace.objects.filter(pk=typed.listed[PauseScope.WORKSPACE]).first()),
        "accounts": [(each.pk, _with_place(each)) for each in _accounts(request, chosen)],
        "most": MOST,
        "longest": REASON_LENGTH,
        "errors": errors,
        "refused": {text: ELEMENTS.get(name, "") for name, text in (errors or {}).items()},
        **told,
    }
    return show(request, "console/pauses.html", title=_("Pauses"), status=status, **context)


def _accounts(request: HttpRequest, chosen: SocialAccount | None) -> list[SocialAccount]:
    """Return the accounts to choose from, always including the chosen one."""
    found = limited(SocialAccount.objects.connected(), request).select_related("workspace")
    rows = found.order_by("platform", "name", "pk")[:MOST_OFFERED]
    return list(rows) if chosen is None or chosen in rows else [chosen, *rows]


def _names(found: list[Pause]) -> dict[tuple[str, str], str]:
    """Return the readable name of each pause's subject."""
    named: dict[str, list[str]] = {scope: [] for scope in PauseScope.values}
    for each in found:
        named.setdefault(each.scope, []).append(each.subject_id)
    workspaces = dict(Workspace.objects.filter(pk__in=named[PauseScope.WORKSPACE]).values_list("pk", "name"))
    rows = SocialAccount.objects.filter(pk__in=named[PauseScope.ACCOUNT]).select_related("workspace")
    accounts = {each.pk: _with_place(each) for each in rows}
    return {(each.scope, each.subject_id): _name(each, workspaces | accounts) for each in found}


def _with_place(account: SocialAccount) -> str:
    return f"{apart(account.name)} ({network_name(account.platform)}, {apart(account.workspace.name)})"


def _name(each: Pause, known: dict[str, str]) -> str:
    if each.scope == PauseScope.NETWORK:
        return network_name(each.subject_id)
    return known.get(each.subject_id, each.subject_id) or str(SCOPES.get(each.scope, each.scope))
