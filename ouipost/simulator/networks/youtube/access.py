"""Google's sign-in as YouTube uses it: consent, codes, tokens, scopes, and the errors of its APIs."""

import secrets
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import oauth, pages, people, tokens
from ouipost.simulator.call import Call, Refusal, within
from ouipost.simulator.models import Media, Token

ID = "youtube"
AUTH = "https://www.googleapis.com/auth/"
UPLOAD, READ, FORCE_SSL = f"{AUTH}youtube.upload", f"{AUTH}youtube.readonly", f"{AUTH}youtube.force-ssl"
MANAGE, ANALYTICS = f"{AUTH}youtube", f"{AUTH}yt-analytics.readonly"
SCOPES = (UPLOAD, READ, FORCE_SSL, MANAGE, ANALYTICS)
LOOK = pages.Look(name="YouTube", colour="#c00", allow_label="Continue")
CODE_LIFETIME = timedelta(minutes=10)
ACCESS_LIFETIME = timedelta(seconds=3599)
REFRESH_UNUSED = timedelta(days=182)
"""A refresh token expires when it was not used for six months."""
NO_CHANNEL = "No Channel"
"""A person who logs in with this name has a Google account without a YouTube channel."""


def refusal(status: int, reason: str, message: str, *, domain: str = "youtube", word: str = "") -> Refusal:
    """Return a refusal in the form of Google's APIs, in which `reason` carries the meaning."""
    error: dict[str, Any] = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": domain, "reason": reason}],
    }
    return Refusal(status, {"error": error | ({"status": word} if word else {})})


def invalid(reason: str, message: str) -> Refusal:
    """Return the refusal of a request that is wrong in itself."""
    return refusal(400, reason, message, domain="youtube.video")


def missing_path(call: Call) -> Refusal:
    """Return the refusal for an address that Google does not have."""
    return refusal(404, "notFound", "Not Found", domain="global")


def identify(call: Call) -> str:
    """Find the call's token, and return the channel that it is for; an upload session knows its own."""
    source = tokens.of_call(call, ID)
    if source:
        return source.account
    session = Media.objects.filter(network=ID, external_id=call.text("upload_id") or "-").first()
    return session.account if session else ""


def authorized(call: Call, *scopes: str) -> Token:
    """Return the call's access token if it is valid and has one of these scopes, or refuse."""
    token = living(call)
    if not set(scopes) & set(token.scopes):
        message = "Request had insufficient authentication scopes."
        raise refusal(403, "insufficientPermissions", message, domain="global", word="PERMISSION_DENIED")
    return token


def living(call: Call) -> Token:
    """Return the call's access token if it is valid, or refuse."""
    token = call.token
    if token is None or token.kind != "access" or token.revoked_at or token.expired(call.now):
        message = "Request had invalid authentication credentials."
        raise refusal(401, "authError", message, domain="global", word="UNAUTHENTICATED")
    return token


def writing(call: Call, *scopes: str) -> Token:
    """Return the token of a writing call, which requires a channel, or refuse."""
    token = authorized(call, *scopes)
    if not token.account:
        raise refusal(401, "youtubeSignupRequired", "The user has no YouTube channel.", domain="youtube.header")
    return token


def authorize(call: Call) -> HttpResponse:
    """Show the consent page, and send the person back with a code or a refusal."""
    scopes = call.text("scope").split()
    challenge, method = call.text("code_challenge"), call.text("code_challenge_method")
    wrong = {
        "client_id": not call.text("client_id"),
        "redirect_uri": not pages.is_redirect_uri(call.text("redirect_uri")),
        "response_type": call.text("response_type") != "code",
        "scope": not scopes or any(scope not in SCOPES for scope in scopes),
        "access_type": call.text("access_type") not in ("", "online", "offline"),
        "code_challenge": bool(challenge) and (len(challenge) != 43 or method != "S256"),
    }
    if names := [name for name, is_wrong in wrong.items() if is_wrong]:
        return pages.problem(LOOK, f"Error 400: invalid_request. Check {', '.join(names)}.")
    someone = people.person(call.text("client_id"), "")
    channels = [(str(place), name) for place, (_, name, _) in enumerate(channels_of(someone))]
    return pages.ask(call, LOOK, scopes, grant_code, choices=channels, choosable=True)


def channels_of(someone: people.Person) -> list[tuple[str, str, str]]:
    """Return the channels of a person, their own and a brand's: id, name, handle."""
    if someone.name == NO_CHANNEL:
        return []
    named = [(someone.name, someone.handle), (f"{someone.name} Bakery", f"{someone.handle}bakery")]
    return [
        (f"UC{people.number(ID, someone.key, str(place)):022x}", name, handle)
        for place, (name, handle) in enumerate(named)
    ]


def chosen_channel(call: Call, someone: people.Person) -> str:
    """Return the token's channel: the first ticked one; empty for a person without a channel."""
    channels = channels_of(someone)
    ticked = [within(place, 0, len(channels) - 1) for place in call.request.POST.getlist("pages")]
    place = min((place for place in ticked if place is not None), default=0)
    if not channels:
        return ""
    channel, name, handle = channels[place]
    people.keep(ID, channel, username=handle, name=name)
    return channel


def grant_code(call: Call, someone: people.Person, scopes: list[str]) -> str:
    """Return a code for the chosen channel."""
    return tokens.issue_code(
        call,
        ID,
        f"4/{secrets.token_urlsafe(48)}",
        lifetime=CODE_LIFETIME,
        person=str(people.number(ID, someone.key)),
        account=chosen_channel(call, someone),
        scopes=pages.granted(call, scopes),
        challenge=call.text("code_challenge"),
        offline=call.text("access_type") == "offline",
        asked="consent" in call.text("prompt").split(),
    )


ENDPOINT = oauth.TokenEndpoint(
    network=ID,
    requires_secret=False,
    lasts=lambda token: True,
    wrong={
        "form": (400, "invalid_request", "Could not determine client ID from request."),
        "client_id": (400, "invalid_request", "Could not determine client ID from request."),
        "client_secret": (401, "invalid_client", "The provided client secret is invalid."),
        "grant_type": (400, "unsupported_grant_type", "Invalid grant_type."),
        "code": (400, "invalid_grant", "Malformed auth code."),
        "redirect_uri": (400, "redirect_uri_mismatch", "Bad Request"),
        "code_verifier": (400, "invalid_grant", "Invalid code verifier."),
        "refresh_token": (400, "invalid_grant", "Token has been expired or revoked."),
    },
)


def token(call: Call) -> HttpResponse:
    """Give tokens for a code, or an access token for a refresh token, which is now valid for another six months."""
    source = ENDPOINT.source(call)
    if source.kind == "refresh":
        Token.objects.filter(pk=source.pk).update(expires_at=call.now + REFRESH_UNUSED)
    value = f"ya29.{secrets.token_urlsafe(64)}"
    answer: dict[str, Any] = {
        "access_token": tokens.issue(value, like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access"),
        "expires_in": tokens.seconds(ACCESS_LIFETIME),
        "scope": " ".join(source.scopes),
        "token_type": "Bearer",
    }
    if source.kind == "code" and brings_refresh_token(source):
        answer["refresh_token"] = tokens.issue(
            f"1//{secrets.token_urlsafe(64)}", like=source, now=call.now, lifetime=REFRESH_UNUSED, kind="refresh"
        )
    return JsonResponse(answer)


def brings_refresh_token(code: Token) -> bool:
    """Return whether a code is for offline access, and is the person's first, or comes from a new consent."""
    of_app = Token.objects.filter(network=ID, kind="refresh", client_id=code.client_id, person=code.person)
    return code.data["offline"] and (code.data["asked"] or not of_app.filter(revoked_at=None).exists())


def revoke(call: Call) -> HttpResponse:
    """Revoke all tokens that the app has for a token's channel, of whatever consent."""
    if not call.is_form:
        raise oauth.flat_error(400, "invalid_request", "Bad Request")
    found = tokens.find(ID, call.text("token"), "access", "refresh")
    if found is None or found.revoked_at:
        raise oauth.flat_error(400, "invalid_token", "Token expired or revoked")
    tokens.revoke_app(found, call.now, account=found.account)
    return JsonResponse({})
