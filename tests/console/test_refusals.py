"""Who asks the console for what is not there, or not theirs, is told so in its frame and finds the way back."""

import pytest
from django.test import Client

from adminapi.console.posts_admin import PostAdmin
from tests.factories import make_user
from workspaces.models import Role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/console/posts/post/post_nope/change/", 404, "belongs to a workspace that you are no member of"),
        ("/console/nowhere/", 404, "belongs to a workspace that you are no member of"),
        ("/console/pauses/", 403, "An administrator can give it to you."),
    ],
)
def test_staff_is_told_in_the_consoles_frame(path: str, status: int, told: str) -> None:
    browser = Client()
    browser.force_login(make_user(role=Role.EDITOR, permissions=["posts.view", "posts.manage"]))

    answer = browser.get(path)

    page = answer.content.decode()
    assert (answer.status_code, told in page, 'href="/console/"' in page) == (status, True, True)


def test_who_meets_what_is_broken_is_told_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(make_user())
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


def test_a_form_that_another_site_sends_here_is_told_nothing_of_the_console() -> None:
    answer = Client(enforce_csrf_checks=True).post("/connect/bluesky", {"state": "x"})

    assert b"Nothing was changed" not in answer.content


def test_a_stranger_is_told_nothing_of_the_console() -> None:
    answer = Client().get("/nowhere")

    assert (answer.status_code, b"Open the overview" in answer.content) == (404, False)
