"""LinkedIn: sign-in, tokens, members and their organizations; posts are in `posts`."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse

from ouipost.simulator import oauth, pages, people, tokens
from ouipost.simulator.call import Call, Network, Route, form
from ouipost.simulator.models import Account, Token
from ouipost.simulator.networks.linkedin import media as files
from ouipost.simulator.networks.linkedin import posts, social
from ouipost.simulator.networks.linkedin.access import (
    API,
    COMMUNITY,
    ID,
    MEMBER,
    ORGANIZATION,
    SELF_SERVE,
    WEB,
    admit,
    authorized,
    error,
    identify,
    is_self_serve,
    missing_path,
    not_found,
    paging,
)

LOOK = pages.Look(name="LinkedIn", colour="#0a66c2")
PAGES = (("Bakery", "ADMINISTRATOR"), ("Books", "CONTENT_ADMINISTRATOR"), ("Library", "ANALYST"))
"""The organizations of each member, and their role there."""
CODE_LIFETIME = timedelta(minutes=30)
ACCESS_LIFETIME = timedelta(days=60)
REFRESH_LIFETIME = timedelta(days=365)
UNFIT = "Unable to retrieve access token: {} is not that of an authorization"


def authorize(call: Call) -> HttpResponse:
    """Show the consent page, and send the person back with a code or a refusal."""
    scopes = call.text("scope").split()
    if not call.text("client_id") or not pages.is_redirect_uri(call.text("redirect_uri")):
        return pages.problem(LOOK, "Bummer, something went wrong: check client_id and redirect_uri.")
    if call.text("response_type") != "code" or not call.text("state"):
        return pages.problem(LOOK, "Bummer, something went wrong: check response_type and state.")
    if not scopes or not (set(scopes) <= set(SELF_SERVE) or set(scopes) <= set(COMMUNITY)):
        return pages.send_back(
            call,
            error="unauthorized_scope_error",
            error_description="Scopes of a product that is not added to your application, or of two",
        )
    cancelled = {"error": "user_cancelled_authorize", "error_description": "The user cancelled the authorization"}
    return pages.ask(call, LOOK, scopes, grant_code, denied=cancelled)


def grant_code(call: Call, someone: people.Person, scopes: list[str]) -> str:
    """Return a code, good for 30 minutes, for the person who logged in."""
    number = people.number(ID, someone.key)
    member = f"{MEMBER}{number}"
    people.keep(ID, member, username=someone.handle, name=someone.name)
    for kind, role in PAGES:
        urn = f"{ORGANIZATION}{people.number(ID, someone.key, kind)}"
        name = f"{someone.name} {kind}"
        people.keep(ID, urn, username=f"{someone.handle}-{kind.lower()}", name=name, member=member, role=role)
    return tokens.issue_code(
        call,
        ID,
        f"AQ{secrets.token_urlsafe(100)}",
        lifetime=CODE_LIFETIME,
        person=str(number),
        account=member,
        scopes=scopes,
    )


ENDPOINT = oauth.TokenEndpoint(
    network=ID,
    lasts=lambda token: True,
    wrong={
        "form": (400, "invalid_request", "Send the parameters as application/x-www-form-urlencoded."),
        "client_id": (400, "invalid_client_id", 'A required parameter "client_id" is missing'),
        "client_secret": (401, "invalid_client", "Client authentication failed"),
        "grant_type": (400, "invalid_request", 'A required parameter "grant_type" is missing or unsupported'),
        "code": (400, "invalid_request", UNFIT.format("code")),
        "redirect_uri": (400, "invalid_redirect_uri", UNFIT.format("redirect_uri")),
        "refresh_token": (
            400,
            "invalid_grant",
            "The provided authorization grant or refresh token is invalid, expired or revoked",
        ),
        "token": (400, "invalid_request", "The token is unknown"),
    },
)


def access_token(call: Call) -> HttpResponse:
    """Give tokens for a code or a refresh token, which stays the same and ends when it would have ended."""
    source = ENDPOINT.source(call)
    if source.kind == "code":
        end_other_scopes(source, call.now)
    value = f"AQ{secrets.token_urlsafe(350)}"
    tokens.issue(value, like=source, now=call.now, lifetime=ACCESS_LIFETIME, kind="access")
    answer = {"access_token": value, "expires_in": tokens.seconds(ACCESS_LIFETIME), "scope": ",".join(source.scopes)}
    return JsonResponse(answer | ({} if is_self_serve(source) else refreshing(call, source)))


def end_other_scopes(code: Token, now: datetime) -> None:
    """Revoke this member's earlier grant to this app if it had other scopes."""
    earlier = Token.objects.filter(network=ID, client_id=code.client_id, person=code.person, revoked_at=None)
    for token in earlier.exclude(kind="code"):
        if set(token.scopes) != set(code.scopes):
            tokens.spend(token, now)


def refreshing(call: Call, source: Token) -> dict[str, Any]:
    """Return the answer's part about the refresh token: a new one for a code, else the one that was sent."""
    value, ends_at = call.text("refresh_token"), source.expires_at
    if source.kind == "code":
        value, ends_at = f"AQ{secrets.token_urlsafe(350)}", call.now + REFRESH_LIFETIME
        tokens.issue(value, like=source, now=call.now, lifetime=REFRESH_LIFETIME, kind="refresh")
    assert ends_at is not None
    return {"refresh_token": value, "refresh_token_expires_in": tokens.seconds(ends_at - call.now)}


def revoke(call: Call) -> HttpResponse:
    """Revoke a token and all others of its consent."""
    found = ENDPOINT.named(call)
    if found is None:
        raise ENDPOINT.refuse("token")
    tokens.revoke_grant(found, call.now)
    return HttpResponse()


def introspect(call: Call) -> HttpResponse:
    """Show an app the facts of one of its tokens."""
    found = ENDPOINT.named(call)
    if found is None or found.expires_at is None:
        return JsonResponse({"active": False})
    is_active = found.revoked_at is None and not found.expired(call.now)
    status = "active" if is_active else "revoked" if found.revoked_at else "expired"
    expires_at = int(found.expires_at.timestamp())
    scope = ",".join(found.scopes)
    return JsonResponse({"active": is_active, "expires_at": expires_at, "scope": scope, "status": status})


def userinfo(call: Call) -> HttpResponse:
    """Show by OpenID Connect whose token this is."""
    token = authorized(call, "openid")
    account = Account.objects.get(network=ID, external_id=token.account)
    given, _, family = account.name.partition(" ")
    facts: dict[str, Any] = {"sub": token.person}
    if "profile" in token.scopes:
        facts |= {"name": account.name, "given_name": given, "family_name": family}
        facts |= {"picture": people.avatar(call.base, account), "locale": {"country": "US", "language": "en"}}
    if "email" in token.scopes:
        facts |= {"email": f"{account.username}@example.com", "email_verified": True}
    return JsonResponse(facts)


def me(call: Call) -> HttpResponse:
    """Show whose token this is to an app of Community Management."""
    token = authorized(call, "r_basicprofile")
    account = Account.objects.get(network=ID, external_id=token.account)
    given, _, family = account.name.partition(" ")
    return JsonResponse(
        {
            "id": token.person,
            "localizedFirstName": given,
            "localizedLastName": family,
            "vanityName": account.username,
        }
    )


def acls(call: Call) -> HttpResponse:
    """List the organizations where the member has a role."""
    token = authorized(call, "rw_organization_admin", "r_organization_admin")
    if call.text("q") != "roleAssignee":
        raise error(400, "q must be roleAssignee")
    found = Account.objects.filter(network=ID, data__member=token.account).order_by("pk")
    if role := call.text("role"):
        found = found.filter(data__role=role)
    asked, page = paging(call, found.count())
    elements = [
        {
            "organization": each.external_id,
            "roleAssignee": token.account,
            "role": each.data["role"],
            "state": "APPROVED",
        }
        for each in found[asked]
        if call.text("state") in ("", "APPROVED")
    ]
    return JsonResponse({"elements": elements} | page)


def organization_of(number: str) -> Account:
    """Return an organization, or refuse."""
    found = Account.objects.filter(network=ID, external_id=f"{ORGANIZATION}{number}").first()
    if found is None:
        raise not_found(f"Could not find entity {ORGANIZATION}{number}")
    return found


def organization(call: Call, number: str) -> HttpResponse:
    """Show an organization; its logo is only named."""
    authorized(call, "rw_organization_admin", "r_organization_admin", "r_organization_social")
    found = organization_of(number)
    logo = f"urn:li:digitalmediaAsset:{number}"
    return JsonResponse(
        {
            "id": int(number),
            "localizedName": found.name,
            "vanityName": found.username,
            "logoV2": {"original": logo, "cropped": logo},
        }
    )


def organization_logo(call: Call, number: str) -> HttpResponse:
    """Show the address of an organization's logo, as only the older API does."""
    authorized(call, "rw_organization_admin", "r_organization_admin", "r_organization_social")
    if "logoV2(original~:playableStreams)" not in call.text("projection"):
        raise error(400, "Only projection=(logoV2(original~:playableStreams)) is simulated here")
    address = people.avatar(call.base, organization_of(number))
    streams = {"elements": [{"identifiers": [{"identifier": address, "identifierType": "EXTERNAL_URL"}]}]}
    logo = {"original": f"urn:li:digitalmediaAsset:{number}", "original~": streams}
    return JsonResponse({"logoV2": logo})


def permalink(call: Call, urn: str) -> HttpResponse:
    """Show a post to anybody."""
    return pages.permalink(call, LOOK, ID, urn)


UPLOADS = r"/dms-uploads/(?P<name>\w+)"
POST = r"/rest/posts/(?P<urn>urn:li:[^/]+)"
COMMENTS = r"/rest/socialActions/(?P<urn>urn:li:[^/]+)/comments"
KINDED = r"(?P<kind>image|document)"
NETWORK = Network(
    id=ID,
    hosts=API + WEB,
    not_found=missing_path,
    identify=identify,
    revoke=tokens.revoke_grant,
    admit=admit,
    routes=(
        *form(hosts=WEB, pattern="/oauth/v2/authorization", handler=authorize),
        Route(method="POST", hosts=WEB, pattern="/oauth/v2/accessToken", handler=access_token),
        Route(method="POST", hosts=WEB, pattern="/oauth/v2/revoke", handler=revoke),
        Route(method="POST", hosts=WEB, pattern="/oauth/v2/introspectToken", handler=introspect),
        Route(method="GET", hosts=WEB, pattern=r"/feed/update/(?P<urn>urn:li:\w+:\d+)/?", handler=permalink),
        Route(method="PUT", hosts=WEB, pattern=rf"{UPLOADS}/uploaded-{KINDED}/0", handler=files.bring, upload=True),
        Route(method="PUT", hosts=WEB, pattern=rf"{UPLOADS}/uploaded-video/(?P<part>\d+)", handler=files.bring_part),
        Route(method="GET", hosts=API, pattern="/v2/userinfo", handler=userinfo),
        Route(method="GET", hosts=API, pattern="/v2/me", handler=me),
        Route(method="GET", hosts=API, pattern=r"/v2/organizations/(?P<number>\d+)", handler=organization_logo),
        Route(method="GET", hosts=API, pattern="/rest/organizationAcls", handler=acls),
        Route(method="GET", hosts=API, pattern=r"/rest/organizations/(?P<number>\d+)", handler=organization),
        Route(method="GET", hosts=API, pattern=r"/rest/networkSizes/(?P<urn>[^/]+)", handler=social.network_size),
        Route(method="POST", hosts=API, pattern=rf"/rest/{KINDED}s", handler=files.initialize),
        Route(
            method="POST",
            hosts=API,
            pattern="/rest/videos",
            handler=files.videos,
            upload=lambda call: call.text("action") == "finalizeUpload",
        ),
        Route(
            method="GET",
            hosts=API,
            pattern=r"/rest/(?P<kind>image|document|video)s/(?P<urn>urn:li:[^/]+)",
            handler=files.show,
        ),
        Route(method="POST", hosts=API, pattern="/rest/posts", handler=posts.create, visible=True),
        Route(method="GET", hosts=API, pattern="/rest/posts", handler=posts.find),
        Route(method="GET", hosts=API, pattern=POST, handler=posts.show),
        Route(method="POST", hosts=API, pattern=POST, handler=posts.change),
        Route(method="DELETE", hosts=API, pattern=POST, handler=posts.delete),
        Route(method="POST", hosts=API, pattern=COMMENTS, handler=social.comment, visible=True),
        Route(method="GET", hosts=API, pattern=COMMENTS, handler=social.comments),
        Route(method="GET", hosts=API, pattern=r"/rest/socialMetadata/(?P<urn>[^/]+)", handler=social.social_metadata),
        Route(
            method="GET",
            hosts=API,
            pattern="/rest/organizationalEntityShareStatistics",
            handler=social.share_statistics,
        ),
        Route(method="GET", hosts=API, pattern="/rest/memberCreatorPostAnalytics", handler=social.member_analytics),
        Route(method="GET", hosts=API, pattern="/rest/memberFollowersCount", handler=social.member_followers),
    ),
)
