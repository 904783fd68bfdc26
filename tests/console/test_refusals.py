"""Who asks the console for what is not there, or not theirs, is told so in its frame and finds the way back."""

from pathlib import Path

import pytest
from django.test import Client, override_settings

from adminapi.console.admins.posts import PostAdmin
from tests.console.conftest import browser_of
from tests.factories import make_user
from tests.foundation.starts import start
from workspaces.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.mark.parametrize("address", ["/console", "/console/calendar?view=week", "/console/posts/post"])
def test_an_address_without_its_last_slash_leads_to_the_page(staff: Client, address: str) -> None:
    path, _, query = address.partition("?")

    answer = staff.get(address)

    assert (answer.status_code, answer["Location"]) == (302, f"{path}/" + (f"?{query}" if query else ""))


@pytest.mark.parametrize("address", ["/console/nope/", "/console/calendar/events?workspace=ws_none", "/consoles"])
def test_what_is_not_there_is_not_looked_for_with_another_slash(staff: Client, address: str) -> None:
    assert staff.get(address).status_code == 404


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/console/posts/post/post_nope/change/", 404, "belongs to a workspace that you are not a member of"),
        ("/console/nowhere/", 404, "belongs to a workspace that you are not a member of"),
        ("/console/pauses/", 403, "An administrator can give it to you."),
    ],
)
def test_staff_is_told_in_the_consoles_frame(path: str, status: int, told: str) -> None:
    browser = browser_of(make_user(role=Role.EDITOR, permissions=["posts.view", "posts.manage"]))

    answer = browser.get(path)

    page = answer.content.decode()
    assert (answer.status_code, told in page, 'href="/console/"' in page) == (status, True, True)


@pytest.mark.parametrize("path", ["", "password_change/", "nowhere/", "events/event/add/", "language", "jobs/"])
def test_no_page_is_kept_by_what_stands_between(staff: Client, path: str) -> None:
    """Each says in its frame who reads it."""
    assert "no-store" in staff.get(f"/console/{path}")["Cache-Control"]


def test_who_meets_what_is_broken_is_told_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = browser_of(make_user(), raise_request_exception=False)
    monkeypatch.setattr(PostAdmin, "get_queryset", None)

    answer = browser.get("/console/posts/post/", headers={"Accept-Language": "fr"})

    page = answer.content.decode()
    assert (answer.status_code, '<html lang="fr">' in page, 'href="/console/"' in page) == (500, True, True)
    assert "Quelque chose s’est cassé ici." in page


@pytest.mark.parametrize("path", ["/console/jobs/", "/console/login/"])
def test_who_sends_a_form_that_is_no_longer_valid_is_told_what_to_do(path: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    if path != "/console/login/":
        browser.force_login(make_user())

    answer = browser.post(path, {"csrfmiddlewaretoken": "old"})

    page = answer.content.decode()
    assert (answer.status_code, "Nothing was changed" in page, 'href="/console/"' in page) == (403, True, True)


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null"])
def test_who_sends_a_form_from_another_address_is_told_what_hides_ours(origin: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/console/login/").cookies["csrftoken"].value

    answer = browser.post("/console/login/", {"csrfmiddlewaretoken": token}, headers={"Origin": origin})

    page = answer.content.decode()
    assert (answer.status_code, "PUBLIC_BASE_URL" in page, "keeps no cookies" in page) == (403, True, False)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/base", "https://Social.Example.com:8443"])
def test_a_form_comes_from_the_address_that_people_open_whatever_a_proxy_says(tmp_path: Path, address: str) -> None:
    shown = start(tmp_path, PUBLIC_BASE_URL=address).settings
    scheme, _, rest = address.lower().partition("://")
    browser = Client(enforce_csrf_checks=True)
    token = browser.get("/console/login/").cookies["csrftoken"].value
    headers = {"Origin": f"{scheme}://{rest.partition('/')[0]}"}

    with override_settings(CSRF_TRUSTED_ORIGINS=shown["CSRF_TRUSTED_ORIGINS"]):
        answer = browser.post("/console/login/", {"csrfmiddlewaretoken": token}, headers=headers)

    assert answer.status_code == 200  # the form is shown again, for it lacks a password


def test_a_form_that_another_site_sends_here_is_told_nothing_of_the_console() -> None:
    answer = Client(enforce_csrf_checks=True).post("/connect/bluesky", {"state": "x"})

    assert b"Nothing was changed" not in answer.content


def test_a_stranger_is_told_nothing_of_the_console() -> None:
    answer = Client().get("/nowhere")

    assert (answer.status_code, b"Open the overview" in answer.content) == (404, False)


FORMS = ("/console/workspaces/workspace/add/", "/console/compose/", "/console/pauses/resume")


@pytest.mark.parametrize("path", FORMS)
def test_whoever_was_logged_out_is_told_that_a_form_was_not_saved(path: str) -> None:
    told, browser = "You were logged out, so nothing was saved. Log in, and do it again.", Client()

    opened = browser.get(path, follow=True).content.decode()
    previewed = browser.post(path, headers={"Sec-Fetch-Mode": "cors"}, follow=True).content.decode()
    sent = browser.post(path, {"name": "Bakery"}, follow=True).content.decode()
    again = browser.get("/console/login/").content.decode()
    door = f"/console/login/?next={path}"
    french = browser.post("/console/language", {"language": "fr", "next": door}, follow=True).content.decode()

    assert [page.count(told) for page in (opened, previewed, sent, again)] == [0, 0, 1, 0]
    assert "déconnecté" not in french
    assert 'name="password"' in sent
