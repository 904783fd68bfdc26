"""Users in the console: as with /admin/users, with the same guards; and who logs in there, and for how long."""

import re
from unittest.mock import Mock

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from adminapi.console import own_password
from adminapi.console.admins import users as users_admin
from adminapi.console.admins.users import MEANINGS
from adminapi.sessions.logins import MOST_OF_EMAIL
from adminapi.sessions.passwords import TooManyLogins
from ouipost.events.models import Event
from tests.console.conftest import browser_of, listed, page_of, text, told
from tests.factories import make_user, make_workspace
from workspaces.models import Membership, Role, User
from workspaces.permissions import ADMIN_PERMISSIONS

pytestmark = pytest.mark.any_database

LIST = "/console/workspaces/user/"
PASSWORD = "a much longer pass phrase"
FORM = {"email": "New@Example.com", "name": "New", "role": "editor", "password": PASSWORD, "is_active": "on"}


@pytest.fixture
def admin_user(db: None) -> User:
    return make_user()


@pytest.fixture
def boss(admin_user: User) -> Client:
    return browser_of(admin_user)


def log_in(email: str, password: str) -> Client:
    browser = Client()
    browser.post("/console/login/", {"username": email, "password": password})
    return browser


def is_in(browser: Client) -> bool:
    return browser.get("/console/").status_code == 200


def test_every_permission_is_explained() -> None:
    assert tuple(MEANINGS) == ADMIN_PERMISSIONS


def test_a_new_user_logs_in_at_once_and_their_page_leads_to_where_workspaces_are_chosen(boss: Client) -> None:
    answer = boss.post(f"{LIST}add/", FORM, follow=True)

    user = User.objects.get(email="new@example.com")
    assert (answer.redirect_chain, user.role, user.permissions) == ([(page_of(user), 302)], "editor", None)
    assert (user.name, "None yet: choose them on a" in text(answer)) == ("New", True)
    assert is_in(log_in("new@example.com", PASSWORD))
    event = Event.objects.get(type="user.created")
    assert event.user_email == "admin@example.com"
    assert PASSWORD not in str(list(Event.objects.values()))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"password": "12345678"}, "password"),
        ({"email": "admin@example.com"}, "email"),
        ({"email": "no address"}, "email"),
        ({"role": "king"}, "role"),
        ({"password": ""}, "password"),
    ],
    ids=["weak password", "taken", "no address", "no role", "no password"],
)
def test_what_is_wrong_stands_beside_its_field(boss: Client, given: dict[str, str], field: str) -> None:
    answer = boss.post(f"{LIST}add/", FORM | given)

    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert "already exists" not in str(errors)
    assert 'value="New"' in text(answer)
    assert PASSWORD not in text(answer)
    assert User.objects.count() == 1


def test_a_weak_password_is_told_together_with_what_else_is_wrong(boss: Client) -> None:
    answer = boss.post(f"{LIST}add/", FORM | {"email": "no address", "role": "king", "password": "12345678"})

    assert set(answer.context["adminform"].form.errors) == {"email", "role", "password"}


def test_a_page_with_a_refused_address_is_headed_by_the_one_that_stays(boss: Client) -> None:
    ed = make_user(email="ed@example.com")
    make_user(email="maya@example.com")

    page = boss.post(page_of(ed), FORM | {"email": "MAYA@example.com"})

    headings = re.findall(r"<(?:title|a|span)[^>]*>\s*([^<>]*@example.com)", text(page))
    assert "Another user has this e-mail address." in text(page)
    assert set(headings) == {"ed@example.com"}


def test_the_list_says_in_words_who_can_log_in(boss: Client) -> None:
    make_user(email="ed@example.com", is_active=False)

    page = text(boss.get(LIST))

    assert [f">{word}</span>" in page for word in ("yes", "no")] == [True, True]
    assert "check_small" not in page


def test_when_too_many_passwords_are_hashed_the_form_says_so_and_keeps_the_rest(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(password: str) -> str:
        raise TooManyLogins(retry_after=1)

    monkeypatch.setattr(users_admin, "hash_password", refuse)

    answer = boss.post(f"{LIST}add/", FORM)

    assert "Too many passwords are being checked" in text(answer)
    assert 'value="New"' in text(answer)
    assert User.objects.count() == 1


def test_a_user_may_have_a_list_of_their_own_and_give_it_back(boss: Client) -> None:
    user = make_user(email="e@example.com", role=Role.EDITOR)
    form = {"email": user.email, "name": "", "role": "editor", "is_active": "on"}

    boss.post(page_of(user), form | {"has_own_list": "on", "permissions": ["audit.view"]})
    user.refresh_from_db()
    own = user.permissions
    boss.post(page_of(user), form | {"permissions": ["audit.view"]})
    user.refresh_from_db()

    assert (own, user.permissions) == (["audit.view"], None)


def test_a_new_role_leaves_a_list_that_the_form_calls_their_own(boss: Client) -> None:
    user = make_user(email="e@example.com", role=Role.VIEWER)
    form = {"email": user.email, "name": "", "role": "admin", "is_active": "on"}

    boss.post(page_of(user), form | {"has_own_list": "on", "permissions": ["analytics.view"]})

    assert User.objects.get(pk=user.pk).permissions == ["analytics.view"]


def test_a_session_ends_when_its_user_is_deactivated(boss: Client) -> None:
    user = make_user(email="e@example.com", role=Role.EDITOR, password=PASSWORD)
    browser = log_in("e@example.com", PASSWORD)
    chosen = {"action": "deactivate_all", "_selected_action": [user.pk]}

    boss.post(LIST, chosen)
    while_asked = is_in(browser)
    boss.post(LIST, chosen | {"confirmed": "1"})

    assert (while_asked, is_in(browser), is_in(log_in("e@example.com", PASSWORD))) == (True, False, False)
    boss.post(LIST, chosen | {"action": "activate_all", "confirmed": "1"})
    assert (is_in(browser), is_in(log_in("e@example.com", PASSWORD))) == (False, True)


@pytest.mark.parametrize("change", [{"role": "editor"}, {"is_active": ""}], ids=["another role", "deactivated"])
def test_the_last_administrator_stays_one(boss: Client, admin_user: User, change: dict[str, str]) -> None:
    form = {"email": admin_user.email, "name": "", "role": "admin", "is_active": "on"} | change

    answer = boss.post(page_of(admin_user), {name: value for name, value in form.items() if value})

    assert "The last active administrator cannot be removed" in text(answer)
    assert User.objects.get(role="admin").is_active


def test_a_user_is_deleted_after_a_question_and_nobody_deletes_themselves(boss: Client, admin_user: User) -> None:
    user = make_user(email="e@example.com")

    asked = boss.get(page_of(user, "delete_user"))
    before = User.objects.count()
    done = boss.post(page_of(user, "delete_user"), {"confirmed": "1"})
    themselves = boss.post(page_of(admin_user, "delete_user"), {"confirmed": "1"})

    assert ("stays in the audit log" in text(asked), before, User.objects.count()) == (True, 2, 1)
    assert done["Location"] == LIST
    assert "Nobody can delete themselves." in told(boss, themselves)


def test_django_offers_no_way_around_the_services(boss: Client) -> None:
    user = make_user(email="e@example.com")
    actions = boss.get(LIST).context["action_form"].fields["action"].choices

    assert boss.post(page_of(user, "delete"), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in dict(actions)


def test_someone_gets_another_password_and_is_signed_out_everywhere(boss: Client) -> None:
    user = make_user(email="e@example.com", role=Role.EDITOR)
    browser = browser_of(user)

    weak = boss.post(page_of(user, "set_password"), {"password": "password"})
    still = is_in(browser)
    done = boss.post(page_of(user, "set_password"), {"password": PASSWORD})

    assert "e@example.com has another password." in told(boss, done)
    assert (boss.get(page_of(user, "set_password")).status_code, weak.status_code) == (200, 422)
    assert "too common" in text(weak)
    assert (still, is_in(browser), is_in(log_in("e@example.com", PASSWORD))) == (True, False, True)
    assert PASSWORD not in str(list(Event.objects.values()))


def test_a_refused_login_says_what_matters_of_what_was_typed(admin_user: User) -> None:
    page = Client().post("/console/login/", {"username": admin_user.email, "password": "a Long pass phrase"})

    assert "The e-mail address or the password is not right." in text(page)
    assert "both fields" not in text(page)


def test_a_session_is_no_way_to_guess_the_password_of_its_user(boss: Client, admin_user: User) -> None:
    page, new = "/console/password_change/", {"new_password1": PASSWORD, "new_password2": PASSWORD}
    for _ in range(MOST_OF_EMAIL):
        boss.post(page, new | {"old_password": "a guess"})

    right = boss.post(page, new | {"old_password": "a long pass phrase"})

    assert (right.status_code, "Too many failed logins." in text(right)) == (200, True)
    assert Event.objects.filter(type="user.login_failed", user_email=admin_user.email).count() == MOST_OF_EMAIL
    assert not is_in(log_in(admin_user.email, "a long pass phrase"))


def test_when_too_many_passwords_are_hashed_the_page_for_ones_own_says_so(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_password, "hash_password", Mock(side_effect=TooManyLogins(retry_after=1)))
    new = {"new_password1": PASSWORD, "new_password2": PASSWORD}

    answer = boss.post("/console/password_change/", new | {"old_password": "a long pass phrase"})

    assert (answer.status_code, "Many people log in right now." in text(answer)) == (200, True)


def test_the_page_says_where_a_user_works(boss: Client) -> None:
    user = make_user(email="e@example.com", role=Role.EDITOR)
    for name in ("Bakery", "Books"):
        Membership.objects.create(workspace=make_workspace(name=name), user=user)

    assert "Bakery, Books" in text(boss.get(page_of(user)))


def test_users_are_found_by_role_and_by_whether_they_can_log_in(boss: Client) -> None:
    make_user(email="e@example.com", role=Role.EDITOR, is_active=False)

    expected = {
        "role__exact=editor": ["e@example.com"],
        "is_active__exact=1": ["admin@example.com"],
        "is_active__exact=0": ["e@example.com"],
        "q=admin": ["admin@example.com"],
    }

    assert listed(boss, LIST, expected, by="email") == expected


def test_staff_log_in_with_their_address_whatever_its_case(db: None) -> None:
    make_user(email="admin@example.com", password="a long pass phrase")
    client = Client()

    answer = client.post("/console/login/", {"username": "Admin@Example.com", "password": "a long pass phrase"})

    assert (answer.status_code, answer["Location"], client.get("/console/").status_code) == (302, "/console/", 200)
    assert Event.objects.get(type="user.logged_in").user_email == "admin@example.com"


def test_the_table_of_visits_has_nothing_that_opens_the_console(db: None) -> None:
    make_user(email="admin@example.com", password="a long pass phrase")
    browser = Client()
    browser.post("/console/login/", {"username": "admin@example.com", "password": "a long pass phrase"})
    cookie, row = browser.cookies["sessionid"].value, Session.objects.get().session_key
    thief = Client()
    thief.cookies["sessionid"] = row

    opened = [each.get("/console/").status_code for each in (browser, thief)]
    browser.post("/console/logout/")
    browser.cookies["sessionid"] = cookie

    assert (opened, cookie == row) == ([200, 302], False)
    assert (browser.get("/console/").status_code, Session.objects.filter(session_key=row).exists()) == (302, False)
