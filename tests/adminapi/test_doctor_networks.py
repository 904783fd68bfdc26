"""`manage.py doctor --networks`: what the networks say of this installation's apps, and what to register there."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from pytest_django import Settings
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from accounts import platforms
from adminapi.doctor import networks
from adminapi.doctor.examination import checks_of_apps
from adminapi.doctor.findings import Finding
from tests.in_process import BASE, Send, in_process

pytestmark = pytest.mark.django_db(databases=["default", "simulator"])
WITH_AN_APP = [platform.id for platform in platforms.ALL if platform.id != "bluesky"]
SAY_SO = ["linkedin", "tiktok", "pinterest"]
"""Of these the simulator has what they answer to an app without a secret."""


@pytest.fixture(autouse=True)
def asking(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Callable[..., None]]:
    """Let each network be the simulator; gives a function that lets something befall each request."""
    trouble: list[Any] = []

    def meddle(request: Any, send: Send) -> Any:
        return trouble[0](request, send) if trouble else send(request)

    settings.NETWORK_GATEWAY = f"{BASE}/sandbox"
    with in_process(monkeypatch, meddle):
        yield trouble.append


def with_apps(settings: Settings, **app: str) -> dict[str, Finding]:
    settings.NETWORKS = {name: each | app for name, each in configured.NETWORKS.items()}
    return {network.id: networks.app(network) for network in networks.needing_an_app()}


def test_each_network_that_needs_an_app_has_a_check_in_the_usual_order() -> None:
    assert [check.name for check in checks_of_apps()] == [f"{network}_app" for network in WITH_AN_APP]


@pytest.mark.parametrize("network", WITH_AN_APP)
def test_without_an_app_nobody_is_asked_and_all_that_is_to_be_done_is_told(
    settings: Settings, asking: Callable[..., None], network: str
) -> None:
    asking(lambda request, send: pytest.fail("It was asked."))

    found = with_apps(settings, client_id="")[network]

    assert found.status == "ok"
    assert found.message.startswith("There is no app.")
    assert f"{configured.PUBLIC_BASE_URL}/connect/{network}/done" in found.message
    assert f"{network.upper()}_CLIENT_ID and {network.upper()}_CLIENT_SECRET" in found.message
    assert all(scope in found.message for scope in platforms.BY_ID[network].scopes)


@pytest.mark.parametrize("network", WITH_AN_APP)
def test_a_network_that_refuses_the_code_alone_knows_the_app(settings: Settings, network: str) -> None:
    found = with_apps(settings, client_id="id", client_secret="secret")[network]

    assert found.status == "ok"
    assert found.message.startswith(f"A code that was made up is refused. {platforms.BY_ID[network].name} says: ")
    assert "code" in found.message.partition("says: ")[2].partition("Redirect URI")[0].lower()


@pytest.mark.parametrize("network", SAY_SO)
def test_an_app_that_is_refused_is_wrong_and_its_settings_are_named(settings: Settings, network: str) -> None:
    found = with_apps(settings, client_id="id", client_secret="")[network]

    assert found.status == "wrong"
    assert found.message.startswith(f"The app is refused. {platforms.BY_ID[network].name} says: ")
    assert f"{network.upper()}_CLIENT_SECRET" in found.action


def test_a_version_that_is_refused_is_wrong_and_its_setting_is_named(settings: Settings) -> None:
    found = with_apps(settings, client_id="id", client_secret="secret", version="v99.0")["facebook"]

    assert (found.status, found.action) == ("wrong", "Set FACEBOOK_API_VERSION to a later one.")


def test_what_the_app_is_said_to_be_is_shown_where_it_matters(settings: Settings) -> None:
    found = with_apps(settings, client_id="", product="unaudited")

    assert "TIKTOK_PRODUCT: unaudited." in found["tiktok"].message
    assert "_PRODUCT" not in found["facebook"].message


def test_what_does_not_answer_or_answers_that_it_cannot_is_no_fault_of_the_app(
    settings: Settings, asking: Callable[..., None]
) -> None:
    def be_away(request: Any, send: Send) -> Any:
        raise ConnectionError("There is no connection.")

    asking(be_away)

    found = with_apps(settings, client_id="id", client_secret="secret")

    assert {each.status for each in found.values()} == {"warning"}
    assert {each.message for each in found.values()} == {"Nobody can tell. The network could not be reached."}


def test_what_takes_a_made_up_code_is_not_the_network(settings: Settings, asking: Callable[..., None]) -> None:
    def take_it(request: Any, send: Send) -> Any:
        body = io.BytesIO(b'{"access_token": "t", "expires_in": 3600}')
        return HTTPAdapter().build_response(request, HTTPResponse(body, status=200, preload_content=False))

    asking(take_it)
    found = with_apps(settings, client_id="id", client_secret="secret")["twitter"]

    assert (found.status, found.message) == ("warning", "It took a code that was made up.")
