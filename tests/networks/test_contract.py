"""What every network must do from sign-in to numbers, through the product and against the simulated network."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from django.db.models import F

from accounts import calls, platforms, registry, tokens
from accounts.models import AccountStatus, SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.errors import AuthExpired, Outdated, WhoActs
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.shapes import AccountNumbers
from adminapi.management.client import CALLBACK, Client, ClientError, _button, _fields
from ouipost.events.models import Event
from ouipost.simulator import clock
from ouipost.simulator import models as networks
from posts.models import Post, Target
from posts.publishing.claiming import MAX_UNSETTLED_CLAIMS
from tests.conftest import ApiClient
from tests.foundation.threads import at_once
from tests.in_process import BASE, in_process
from tests.networks.kinds import DOCUMENT, KINDS, UPRIGHT, Kind
from tests.networks.meddling import Meddler, World
from tests.networks.working_off import work_off
from tests.posts.fakes import bring_forward, claim, claim_targets, publish_claimed

pytestmark = [
    pytest.mark.django_db(databases="__all__", transaction=True),
    pytest.mark.any_database,
    pytest.mark.thorough,
]

ALL = [platform.id for platform in platforms.ALL]
WITH_CONSENT = [platform.id for platform in platforms.ALL if issubclass(platform, OAuth2Connector)]
USUAL = {kind.network: kind for kind in reversed(KINDS)}
"""The first kind of each network."""
ALIKE = ("youtube short", "youtube comment")
"""Their video goes the way of any other there."""
PROCESSED = [kind for kind in KINDS if kind.files in ((UPRIGHT,), (DOCUMENT,)) and str(kind) not in ALIKE]
"""Each network looks into videos and documents before anybody sees them."""
REVOKING = sorted(set(ALL) - {"bluesky", "pinterest", "threads"})
"""Networks at which a call ends every token; at Bluesky it ends the one that renews, elsewhere there is none."""
LONG_LIVED = {"facebook", "instagram", "threads"}
"""Networks that renew a token only while it lives."""
DAY_AND_HOUR = 25 * 3600
"""Some tokens are renewed only when they are a day old."""
AT_ONCE = 8

Fill = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def world(api: ApiClient, files_stay: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A workspace at the simulated networks, at which every trouble that a test orders comes."""
    meddler = Meddler()
    with in_process(monkeypatch, meddler):
        headers = api.headers
        client = Client(BASE, api_key=headers["X-API-Key"], workspace_id=headers["X-Workspace-ID"])
        yield World(client=client, api=api, meddler=meddler)
    assert list(networks.Fault.objects.filter(fired=0)) == []


def open_sign_in(world: World, network: str) -> dict[str, Any]:
    return world.client.call("POST", "/api/accounts", json={"platform": network, "callback_url": CALLBACK})


def answer(address: str, fill: Fill) -> dict[str, str]:
    """Send the pages of a sign-in back as this person fills them in; returns what the callback gets."""
    page = requests.get(address, timeout=10)
    for _ in range(5):
        form = fill(_fields(page.text, "Demo") | _button(page.text))
        page = requests.post(page.url, data=form, timeout=10, allow_redirects=False)
        target = urljoin(page.url, page.headers["Location"])
        if target.startswith(CALLBACK):
            return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        page = requests.get(target, timeout=10)
    raise AssertionError("The sign-in came to no end.")


def connected(world: World, network: str) -> SocialAccount:
    shown = world.client.connect(network)
    return SocialAccount.objects.select_related("workspace").get(pk=shown["id"])


def order(world: World, kind: Kind, account: dict[str, Any], effect: str) -> None:
    """Have something happen to the token with the first request of the next post."""
    before = networks.Request.objects.count()
    world.publish(kind, account, Meddler())
    first = networks.Request.objects.order_by("pk")[before]
    networks.Fault.objects.create(network=kind.network, effect=effect, match=f"{first.method} {first.path}")


@pytest.mark.parametrize("network", ALL)
def test_who_allows_is_connected(world: World, network: str) -> None:
    account = world.client.connect(network)

    shown = world.client.call("GET", f"/api/accounts/{account['id']}")["account"]
    assert (shown["status"], shown["scopes_missing"], shown["health"]["token_valid"]) == ("active", [], True)
    assert shown["name"]


@pytest.mark.parametrize("network", WITH_CONSENT)
def test_who_refuses_is_not(world: World, network: str) -> None:
    opened = open_sign_in(world, network)

    back = answer(opened["auth_url"], lambda form: form | {"decision": "deny"})

    assert "code" not in back
    assert back["error"] in ("access_denied", "user_cancelled_authorize")
    refused = {"state": back["state"], "error": back["error"]}
    with pytest.raises(ClientError, match="OAUTH_EXCHANGE_FAILED"):
        world.client.call("POST", "/api/accounts/callback", json=refused)
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize("network", WITH_CONSENT)
def test_who_grants_only_some_is_told_what_is_missing(world: World, network: str) -> None:
    opened = open_sign_in(world, network)
    kept_back = []

    def keep_back(form: dict[str, Any]) -> dict[str, Any]:
        if form.get("choosing") != "scopes":
            return form
        kept_back.append(form["scopes"][-1])
        return form | {"scopes": form["scopes"][:-1]}

    back = answer(opened["auth_url"], keep_back)
    if not kept_back:
        pytest.skip("Its consent page has no choice: all or nothing, as at the true one.")
    found = world.client.call("POST", "/api/accounts/callback", json={"state": back["state"], "code": back["code"]})
    if "candidates" in found:
        chosen = {"connection": found["connection"], "select": [found["candidates"][0]["id"]]}
        found = world.client.call("POST", "/api/accounts/callback", json=chosen)
    account = found["account"] if "account" in found else found["accounts"][0]

    shown = world.client.call("GET", f"/api/accounts/{account['id']}")["account"]
    assert shown["scopes_missing"] == kept_back


@pytest.mark.parametrize("network", ALL)
def test_a_state_that_is_not_ours_connects_nothing(world: World, network: str) -> None:
    opened = open_sign_in(world, network)
    back = answer(opened["auth_url"], lambda form: form)

    for state in ("forged", back["state"][:-1] + "x"):
        with pytest.raises(ClientError, match="OAUTH_STATE_INVALID"):
            world.client.call("POST", "/api/accounts/callback", json={"state": state, "code": back["code"]})
    assert not SocialAccount.objects.exists()


def requests_during(work: Callable[[], Any]) -> int:
    before = networks.Request.objects.count()
    work()
    return networks.Request.objects.count() - before


@pytest.mark.parametrize("network", ALL)
def test_tokens_are_renewed_and_the_account_goes_on(world: World, network: str) -> None:
    account = connected(world, network)
    clock.advance(DAY_AND_HOUR)

    assert tokens.refresh_now(account)

    account.refresh_from_db()
    connector = registry.connector(network, account.workspace)
    assert connector.profile(registry.session(account.platform, account.workspace), account.unseal()).name
    clock.advance(DAY_AND_HOUR)
    assert tokens.refresh_now(account), "what it gave is good for another time"


@pytest.mark.parametrize("network", ALL)
def test_eight_that_renew_at_once_are_one(world: World, network: str) -> None:
    account = connected(world, network)
    clock.advance(DAY_AND_HOUR)
    alone = requests_during(lambda: tokens.refresh_now(account))
    account.refresh_from_db()
    clock.advance(DAY_AND_HOUR)

    together = requests_during(lambda: at_once(*[lambda: tokens.refresh_now(account)] * AT_ONCE))

    assert together == alone
    account.refresh_from_db()
    assert account.status == AccountStatus.ACTIVE


@pytest.mark.parametrize("network", sorted(set(ALL) - LONG_LIVED))
def test_a_token_that_ends_on_the_way_is_renewed_and_the_post_goes_out_once(world: World, network: str) -> None:
    kind, account = USUAL[network], shown(world, network)
    order(world, kind, account, "expire_token")

    seen = world.publish(kind, account, Meddler())

    assert (seen.target.status, seen.copies) == ("published", 1), seen.target.error
    assert SocialAccount.objects.get().status == AccountStatus.ACTIVE


@pytest.mark.parametrize("network", sorted(LONG_LIVED))
def test_a_long_lived_token_that_has_ended_cannot_be_renewed(world: World, network: str) -> None:
    kind, account = USUAL[network], shown(world, network)
    order(world, kind, account, "expire_token")

    seen = world.publish(kind, account, Meddler())

    assert seen.target.error is not None
    assert (seen.target.status, seen.target.error["code"], seen.copies) == ("failed", "TOKEN_REVOKED", 0)
    assert SocialAccount.objects.get().status == AccountStatus.EXPIRED


@pytest.mark.parametrize("network", ALL)
def test_a_revoked_grant_ends_the_account_and_tells_so_once(world: World, network: str) -> None:
    kind, account = USUAL[network], shown(world, network)
    order(world, kind, account, "revoke")

    first = world.publish(kind, account, Meddler())

    assert first.target.error is not None
    assert (first.target.status, first.target.error["code"], first.copies) == ("failed", "TOKEN_REVOKED", 0)
    assert first.target.error["who_acts"] == "account_owner"
    assert SocialAccount.objects.get().status == AccountStatus.EXPIRED
    assert Event.objects.filter(type="account.expired").count() == 1


@pytest.mark.parametrize("network", REVOKING)
def test_who_is_let_go_is_no_longer_known_there(world: World, network: str) -> None:
    account = connected(world, network)
    connector = registry.connector(network, account.workspace)
    session = registry.session(network, account.workspace)

    connector.revoke(session, account.unseal())

    with pytest.raises(AuthExpired):
        connector.profile(session, account.unseal())


@pytest.mark.parametrize("network", ["facebook", "instagram", "threads"])
def test_a_version_that_a_network_does_not_know_is_for_the_operator_and_in_its_health(
    world: World, network: str, settings: Any
) -> None:
    account = connected(world, network)
    settings.NETWORKS = settings.NETWORKS | {network: settings.NETWORKS[network] | {"version": "v99.0"}}
    connector = registry.connector(network, account.workspace)
    calls.flush()

    with pytest.raises(Outdated) as refused:
        connector.profile(registry.session(network, account.workspace), account.unseal())

    assert refused.value.who_acts == WhoActs.OPERATOR
    assert [key.outcome for key in calls.COUNTED.take()] == [calls.OUTDATED]


def shown(world: World, network: str) -> dict[str, Any]:
    account = world.client.connect(network)
    found: dict[str, Any] = world.client.call("GET", f"/api/accounts/{account['id']}")["account"]
    return found


def published(world: World, kind: Kind) -> tuple[Connector, SocialAccount, Target]:
    target = world.publish(kind, shown(world, kind.network), Meddler()).target
    assert target.status == "published", target.error
    account = SocialAccount.objects.select_related("workspace").get()
    return registry.connector(kind.network, account.workspace), account, target


@pytest.mark.parametrize("kind", PROCESSED, ids=str)
@pytest.mark.parametrize(
    ("effect", "status", "code", "copies"),
    [("slow_processing", "published", None, 1), ("processing_failed", "failed", "MEDIA_REJECTED", 0)],
)
def test_a_file_is_waited_for_until_the_network_can_use_it_or_cannot(
    world: World, kind: Kind, effect: str, status: str, code: str | None, copies: int
) -> None:
    account = world.client.connect(kind.network, choose=kind.choose)
    networks.Fault.objects.create(network=kind.network, effect=effect, options={"seconds": 7})

    seen = world.publish(kind, account, Meddler())

    error = seen.target.error or {}
    assert (seen.target.status, error.get("code"), seen.copies) == (status, code, copies)


def test_a_sign_in_with_other_scopes_leaves_the_persons_other_accounts_connected(world: World) -> None:
    member, page = (world.client.connect("linkedin", choose=which) for which in (0, 1))
    reconnect = {"callback_url": CALLBACK, "scopes": ["r_organization_admin"]}
    opened = world.client.call("POST", f"/api/accounts/{member['id']}/reconnect", json=reconnect)

    back = answer(opened["auth_url"], lambda form: form)
    world.client.call("POST", "/api/accounts/callback", json={"state": back["state"], "code": back["code"]})
    seen = world.publish(USUAL["linkedin"], page, Meddler())

    shown = world.client.call("GET", f"/api/accounts/{page['id']}")["account"]
    assert (seen.target.status, seen.target.error) == ("published", None)
    assert "r_organization_admin" in shown["permissions"]


def test_a_sign_in_with_other_scopes_expires_the_persons_accounts_in_other_workspaces(world: World) -> None:
    page = world.client.connect("linkedin", choose=1)
    other = world.client.call("POST", "/api/workspaces", json={"name": "Another", "mode": "sandbox"})["workspace"]
    elsewhere = Client(BASE, api_key=world.api.headers["X-API-Key"], workspace_id=other["id"])
    asked = {"platform": "linkedin", "callback_url": CALLBACK, "scopes": ["r_organization_admin"]}
    back = answer(elsewhere.call("POST", "/api/accounts", json=asked)["auth_url"], lambda form: form)

    elsewhere.call("POST", "/api/accounts/callback", json={"state": back["state"], "code": back["code"]})

    shown = world.client.call("GET", f"/api/accounts/{page['id']}")["account"]
    assert (shown["status"], shown["expires_at"], shown["health"]["token_valid"]) == ("expired", None, False)
    [account] = SocialAccount.objects.select_related("workspace").filter(pk=page["id"])
    with pytest.raises(AuthExpired):
        registry.of(account).profile(registry.session("linkedin", account.workspace), account.unseal())


def test_a_members_post_that_a_person_did_not_see_is_there_once(world: World) -> None:
    lost = {"status": 502, "body": "", "after_accept": True}
    networks.Fault.objects.create(network="linkedin", effect="status", options=lost)
    target = world.publish(USUAL["linkedin"], world.client.connect("linkedin"), Meddler()).target
    assert target.status == "needs_review"

    resolve = f"/api/posts/{target.post_id}/targets/{target.pk}/resolve"
    world.client.call("POST", resolve, json={"outcome": "not_published"})
    settled = work_off(target)

    assert (settled.status, settled.remote_id) == ("published", networks.Post.objects.get().external_id)


def test_a_record_that_a_person_did_not_see_is_there_once(world: World) -> None:
    """It is dated when it was prepared, so that a search from its first send on does not find it: its key does."""
    lost = {"status": 502, "body": "", "after_accept": True}
    networks.Fault.objects.create(network="bluesky", effect="status", match="putRecord", options=lost)
    target = world.write(USUAL["bluesky"], world.client.connect("bluesky")).targets.get()
    publish_claimed(claim(target))
    Target.objects.update(armed_at=F("armed_at") + timedelta(seconds=10), sent_at=F("sent_at") + timedelta(seconds=10))
    bring_forward(target, claim_count=MAX_UNSETTLED_CLAIMS)
    assert claim_targets(1) == []

    resolve = f"/api/posts/{target.post_id}/targets/{target.pk}/resolve"
    world.client.call("POST", resolve, json={"outcome": "not_published"})
    settled = work_off(target)

    assert (settled.status, settled.remote_id.endswith(networks.Post.objects.get().external_id)) == ("published", True)


def test_what_may_be_a_block_in_disguise_is_sent_once_more(world: World) -> None:
    disguised = {"status": 400, "body": {"error": {"message": "Error", "code": -1, "error_subcode": 2207001}}}
    networks.Fault.objects.create(
        network="instagram", effect="status", match="media_publish", options=disguised, times=99
    )

    target = world.write(USUAL["instagram"], world.client.connect("instagram")).targets.get()
    while target.status == "publishing":
        bring_forward(target)
        publish_claimed(claim(target))
        target.refresh_from_db()

    assert target.error is not None
    assert (target.status, target.error["who_acts"], target.sends) == ("failed", "account_owner", 2)


@pytest.mark.parametrize("network", ["instagram", "threads"])
def test_what_a_network_says_is_published_is_not_sent_again_whatever_a_person_says(world: World, network: str) -> None:
    lost = {"status": 502, "body": "", "after_accept": True}
    networks.Fault.objects.create(network=network, effect="status", options=lost)
    target = world.write(USUAL[network], world.client.connect(network)).targets.get()
    while not networks.Post.objects.exists():
        bring_forward(target)
        publish_claimed(claim(target))
    twin = networks.Post.objects.get()
    twin.pk, twin.external_id = None, f"{twin.external_id}1"
    twin.save()
    assert work_off(target).status == "needs_review"

    resolve = f"/api/posts/{target.post_id}/targets/{target.pk}/resolve"
    world.client.call("POST", resolve, json={"outcome": "not_published"})
    settled = work_off(target)

    assert (settled.status, networks.Post.objects.count()) == ("needs_review", 2)


@pytest.mark.parametrize(
    ("kind", "is_taken"), [*((kind, True) for kind in KINDS), *((kind, False) for kind in USUAL.values())], ids=str
)
def test_what_was_refused_is_there_once_after_a_retry_whether_it_was_taken_or_not(
    world: World, kind: Kind, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"status": 400, "body": {"error": "no"}, "after_accept": is_taken}
    networks.Fault.objects.create(network=kind.network, effect="status", options=refused)
    account = world.client.connect(kind.network, choose=kind.choose)
    target = world.publish(kind, account, Meddler()).target

    if target.status == "failed":
        assert world.api.post(f"/api/posts/{target.post_id}/retry", Prefer="wait=0").status_code == 202
        with monkeypatch.context() as patch:
            patch.setattr(tokens, "authorized", Mock(side_effect=tokens.BeingRenewed))
            for held in claim_targets(1):
                publish_claimed(held)
        target = work_off(target)

    texts = Counter(networks.Post.objects.alive().exclude(kind=networks.Post.RECORD).values_list("kind", "text"))
    assert (target.status, max(texts.values())) == ("published", 1), (target.error, texts)


@pytest.mark.parametrize("network", ALL)
def test_an_account_has_numbers(world: World, network: str) -> None:
    account = connected(world, network)
    connector = registry.connector(network, account.workspace)

    numbers = connector.account_metrics(
        registry.session(account.platform, account.workspace), account.unseal(), now=clock.now()
    )

    assert isinstance(numbers, AccountNumbers)
    assert numbers.followers is not None
    for shares in (numbers.demographics.age_groups, numbers.demographics.countries):
        assert all(0 <= share <= 100 for share in shares.values())


def test_every_network_is_in_the_table_of_kinds() -> None:
    assert set(USUAL) == set(ALL)
    assert Post.objects.count() == 0
