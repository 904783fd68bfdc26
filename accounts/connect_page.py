"""Our own sign-in page for networks that have no consent page for apps: /connect/{platform}."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import connecting, registry
from accounts.pages import refused
from accounts.platforms.base import SignIn
from accounts.platforms.errors import PlatformError
from ouipost.errors import DomainError
from ouipost.events.journal import Actor
from ouipost.runtime import waiting
from ouipost.translating import translated

TEMPLATE = "accounts/connect.html"


class NoFiles(FileUploadHandler):
    """Skips all files, for a form without file fields."""

    def new_file(self, *given: Any, **named: Any) -> None:
        raise SkipFile


@never_cache
@csrf_exempt  # the secret state in the form is the proof
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, platform: str) -> HttpResponse:
    """Ask for handle and app password, check them at the network, and go back to the caller with a code."""
    request.upload_handlers = [NoFiles(request)]  # strangers may send files
    state, now = request.POST.get("state") or request.GET.get("state", ""), timezone.now()
    try:
        connection = connecting.find_by_state(state, platform=platform, now=now)
    except connecting.OAuthStateInvalid as error:
        return refused(request, TEMPLATE, {"refusal": translated(error.message)}, error)
    network = registry.get(platform)
    page = {"network": network, "state": state, "workspace": connection.workspace.name, "given": request.POST}
    if request.method != "POST":
        return render(request, TEMPLATE, page)
    if request.POST.get("action") == "deny":
        back = connecting.with_query(connection.callback_url, error="access_denied", state=state)
        return HttpResponseRedirect(back)
    credentials = SignIn(
        identifier=request.POST.get("handle", "").strip(),
        password=request.POST.get("app_password", "").strip(),
        service=request.POST.get("service", "").strip(),
    )
    try:
        with waiting.asking(seconds=connecting.TRY_SECONDS):
            code = connecting.sign_in(connection, credentials, actor=Actor.from_request(request), now=now)
    except PlatformError as error:
        return render(request, TEMPLATE, page | {"problem": translated(error.message)}, status=422)
    except DomainError as error:
        return refused(request, TEMPLATE, page | {"problem": translated(error.message)}, error)
    return HttpResponseRedirect(connecting.with_query(connection.callback_url, code=code, state=state))
