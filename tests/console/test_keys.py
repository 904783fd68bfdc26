"""API keys in the console: made, changed, rotated and revoked as with /admin/keys, each secret shown once."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.utils import timezone

from adminapi.console.admins.keys import MEANINGS, ApiKeyAdmin
from adminapi.jobs import catalogue
from ouipost.events.journal import Actor
from ouipost.events.models import Event
from tests.console.conftest import browser_of, listed, made_as, page_of, text
from tests.factories import make_key, make_user, make_workspace
from workspaces.models import ApiKey, KeyUsage, Role, Workspace
from workspaces.permissions import KEY_PERMISSIONS

pytestmark = pytest.mark.any_database

LIST = "/console/workspaces/apikey/"
FORM = {"name": "Shop", "mode": "live", "tier": "starter", "permissions": ["posts.read"], "expires_at_0": ""}
SECRET = re.compile(r'id="secret"[^>]* value="(pk_(?:live|test)_[0-9A-Za-z]{32})"')


def shown(answer: Any) -> str:
    found = SECRET.search(text(answer))
    assert found, text(answer)
    return found[1]


def opens(secret: str) -> bool:
    return Client().get("/api/workspaces", headers={"X-API-Key": secret}).status_code == 200


def test_every_permission_is_explained() -> None:
    assert tuple(MEANINGS) == KEY_PERMISSIONS


def test_a_key_that_would_be_over_already_is_not_made(staff: Client) -> None:
    answer = staff.post(f"{LIST}add/", FORM | {"expires_at_0": "2020-01-01", "expires_at_1": "10:00:00"})

    assert "That time is past. Choose a later one." in text(answer)
    assert not ApiKey.objects.exists()


def test_a_key_with_a_day_alone_works_until_its_end(staff: Client) -> None:
    staff.post(f"{LIST}add/", FORM | {"expires_at_0": "2030-01-02", "expires_at_1": ""})

    assert ApiKey.objects.get().expires_at == datetime(2030, 1, 2, 23, 59, 59, tzinfo=UTC)


def test_a_new_keys_secret_is_on_the_page_that_answers_and_on_no_other(staff: Client, workspace: Workspace) -> None:
    form = FORM | {"permissions": ["workspaces.read", "posts.read"], "workspaces": [workspace.pk]}
    form |= {"expires_at_0": "2030-01-02", "expires_at_1": "10:00:00"}

    answer = staff.post(f"{LIST}add/", form)

    key, secret = ApiKey.objects.get(), shown(answer)
    assert (answer.status_code, "no-store" in answer["Cache-Control"], opens(secret)) == (200, True, True)
    assert (key.permissions, key.workspace_ids) == (["workspaces.read", "posts.read"], [workspace.pk])
    assert key.expires_at == datetime(2030, 1, 2, 10, tzinfo=UTC)
    assert 'data-copies="secret"' in text(answer)
    later = "".join(text(staff.get(path)) for path in (LIST, page_of(key), "/console/events/event/"))
    assert (secret in later, secret in str(list(staff.session.items()))) == (False, False)
    assert secret not in str(list(Event.objects.values()))


def test_a_form_that_is_sent_twice_makes_one_key(staff: Client) -> None:
    form = FORM | {"permissions": ["workspaces.read"]} | made_as(staff.get(f"{LIST}add/"))
    first = staff.post(f"{LIST}add/", form)

    again = staff.post(f"{LIST}add/", form)

    assert "It was added already, so nothing was done." in text(again)
    assert (ApiKey.objects.get().pk, opens(shown(first))) == (form["made_as"], True)
    assert Event.objects.filter(type="api_key.created").count() == 1


@pytest.mark.parametrize("told", ["", "mine", "ws_019a2b3c-4d5e-7f00-8a1b-2c3d4e5f6a7b", "key_" + "x" * 300])
def test_a_key_gets_no_id_that_is_none(staff: Client, told: str) -> None:
    staff.post(f"{LIST}add/", FORM | {"made_as": told})

    assert ApiKey.objects.get().pk not in ("", told)


def test_a_new_key_has_every_permission_unless_some_are_taken_away(staff: Client) -> None:
    page = text(staff.get(f"{LIST}add/"))

    assert len(re.findall(r'name="permissions"[^>]* checked', page)) == len(KEY_PERMISSIONS)


def test_the_same_checks_hold_as_for_the_admin_api(staff: Client) -> None:
    live = make_workspace(name="Live", mode="live")

    answer = staff.post(f"{LIST}add/", FORM | {"mode": "test", "workspaces": [live.pk]})

    assert answer.context["adminform"].form.errors == {"workspaces": ["A test key sees sandbox workspaces only."]}
    assert 'value="Shop"' in text(answer)
    assert not ApiKey.objects.exists()


def test_a_workspace_that_a_key_may_not_see_is_told_together_with_what_else_is_wrong(staff: Client) -> None:
    live = make_workspace(name="Live", mode="live")

    answer = staff.post(f"{LIST}add/", FORM | {"name": "", "mode": "test", "workspaces": [live.pk]})

    assert set(answer.context["adminform"].form.errors) == {"name", "workspaces"}


def test_a_key_is_changed_and_only_what_was_changed_is_told(staff: Client, workspace: Workspace) -> None:
    key, secret = make_key()
    form = {"name": "Test", "tier": "starter", "permissions": [*KEY_PERMISSIONS], "workspaces": [workspace.pk]}

    staff.post(page_of(key), form)

    key.refresh_from_db()
    assert (key.tier, key.workspace_ids, key.is_active, opens(secret)) == ("starter", [workspace.pk], False, False)
    after = Event.objects.get(type="api_key.updated").details["after"]
    assert after == {"tier": "starter", "workspace_ids": [workspace.pk], "is_active": False}


def test_a_workspace_that_is_gone_stays_chosen_until_it_is_taken_out(staff: Client) -> None:
    key, _ = make_key(workspace_ids=["ws_gone"])
    form = {"name": "New name", "tier": "enterprise", "permissions": [*KEY_PERMISSIONS], "is_active": "on"}

    staff.post(page_of(key), form | {"workspaces": ["ws_gone"]})

    key.refresh_from_db()
    assert (key.name, key.workspace_ids) == ("New name", ["ws_gone"])


def test_rotating_asks_shows_the_new_secret_once_and_keeps_the_old_one_for_a_day(staff: Client) -> None:
    key, old = make_key()

    asked = staff.get(page_of(key, "rotate"))
    untouched = ApiKey.objects.get().previous_digest
    answer = staff.post(page_of(key, "rotate"), {"confirmed": "1"})

    new = shown(answer)
    assert (asked.status_code, "works for another 24 hours" in text(asked), untouched) == (200, True, None)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    assert (new != old, opens(new), opens(old)) == (True, True, True)
    assert Event.objects.get(type="api_key.rotated").user_email == "staff@example.com"


def test_a_confirmation_that_is_sent_twice_rotates_once(staff: Client) -> None:
    key, old = make_key()
    asked = staff.get(page_of(key, "rotate")).content.decode()
    sent = dict(re.findall(r'<input type="hidden" name="(confirmed|instead_of)" value="([^"]*)"', asked))
    first = staff.post(page_of(key, "rotate"), sent)

    again = staff.post(page_of(key, "rotate"), sent, follow=True)

    assert "another secret meanwhile" in text(again)
    assert (opens(shown(first)), opens(old)) == (True, True)


def test_actions_are_found_from_the_page_that_the_list_links_to(staff: Client) -> None:
    make_key()
    link = re.search(rf'href="({LIST}[^"]+/change/)', text(staff.get(LIST)))
    assert link

    action = re.search(rf'href="({LIST}[^"]+/rotate/)', text(staff.get(link[1])))

    assert action
    assert staff.get(action[1]).status_code == 200


def test_revoking_asks_and_ends_the_key(staff: Client) -> None:
    key, secret = make_key()

    asked = staff.get(page_of(key, "revoke"))
    before = opens(secret)
    answer = staff.post(page_of(key, "revoke"), {"confirmed": "1"})

    assert (asked.status_code, before, opens(secret)) == (200, True, False)
    assert answer["Location"] == LIST
    assert key.name not in text(staff.get(LIST)).partition("result_list")[2]


def test_several_keys_are_revoked_at_once_after_a_question(staff: Client) -> None:
    keys = [make_key(name=name)[0] for name in ("A", "B", "C")]
    chosen = {"action": "revoke_all", "_selected_action": [key.pk for key in keys[:2]]}

    staff.post(LIST, chosen)
    before = ApiKey.objects.present().count()
    staff.post(LIST, chosen | {"confirmed": "1"})

    assert (before, [key.name for key in ApiKey.objects.present()]) == (3, ["C"])


def test_the_use_of_a_key_is_shown_by_day_as_a_chart_and_a_table(staff: Client) -> None:
    key, _ = make_key()
    KeyUsage.objects.create(key=key, day=timezone.now().astimezone(UTC).date(), requests=1234)

    page = text(staff.get(page_of(key)))

    assert "<canvas" in page
    assert "1,234" in page
    assert page.count('<th scope="row">') == 30


def test_keys_are_found_by_state_tier_and_expiry(staff: Client) -> None:
    make_key(name="Over", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    make_key(name="Small", tier="starter", mode="test")

    expected = {
        "expired=yes": ["Over"],
        "expired=no": ["Small"],
        "tier__exact=starter": ["Small"],
        "mode__exact=test": ["Small"],
        "q=small": ["Small"],
    }

    assert listed(staff, LIST, expected) == expected


def test_who_is_no_administrator_has_the_keys_of_their_own_workspaces_alone(workspace: Workspace) -> None:
    own, wide = make_key(name="Own", workspace_ids=[workspace.pk])[0], make_key(name="Wide")[0]
    user = make_user(email="mona@example.com", role=Role.EDITOR, permissions=["api_keys.manage"])
    user.memberships.create(workspace=workspace)
    browser = browser_of(user)

    listed, offered = text(browser.get(LIST)), text(browser.get(f"{LIST}add/"))
    actions = {browser.post(page_of(wide, each), {"confirmed": "1"}).status_code for each in ("rotate", "revoke")}
    browser.post(LIST, {"action": "revoke_all", "_selected_action": [wide.pk], "confirmed": "1"})
    refused = browser.post(f"{LIST}add/", FORM)

    assert (own.pk in listed, wide.pk in listed, browser.get(page_of(wide)).status_code) == (True, False, 302)
    assert ("Choose at least one. A test key sees" in offered, "None chosen" in offered) == (True, False)
    assert actions == {404}
    assert set(refused.context["adminform"].form.errors) == {"workspaces"}
    assert set(ApiKey.objects.filter(is_active=True, previous_digest=None)) == {own, wide}


def test_an_administrator_is_told_what_a_key_for_no_workspace_sees(staff: Client) -> None:
    told = "None chosen: in every workspace. A test key sees sandboxes only."

    assert told in text(staff.get(f"{LIST}add/"))


def test_a_job_revokes_no_key_that_is_not_theirs(workspace: Workspace) -> None:
    user = make_user(email="mona@example.com", role=Role.EDITOR, permissions=["api_keys.manage"])
    user.memberships.create(workspace=workspace)
    own, _ = make_key(workspace_ids=[workspace.pk])
    make_key()

    assert list(catalogue.REVOKE_KEYS.rows_of(user)) == [own]


def test_a_key_that_is_theirs_no_more_when_its_row_is_locked_stays_as_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user(email="mona@example.com", role=Role.EDITOR, permissions=["api_keys.manage"])
    user.memberships.create(workspace=workspace)
    browser, (key, _) = browser_of(user), make_key(workspace_ids=[workspace.pk])
    find, show = ApiKeyAdmin.get_object, ApiKeyAdmin.as_shown

    def widened(found: Any) -> Any:
        ApiKey.objects.update(workspace_ids=[])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(ApiKeyAdmin, "get_object", lambda *given: widened(find(*given)))
        changed = browser.post(page_of(key), FORM | {"name": "Mine", "workspaces": [workspace.pk]})
    ApiKey.objects.update(workspace_ids=[workspace.pk])
    with monkeypatch.context() as patch:
        patch.setattr(ApiKeyAdmin, "as_shown", lambda *given: widened(list(show(*given))))
        rotated = browser.post(page_of(key, "rotate"), {"confirmed": "1"}, follow=True)
    with pytest.raises(Http404):
        catalogue.REVOKE_KEYS.perform(key, Actor(user_id=user.pk), "", lambda _: None)

    now = ApiKey.objects.get()
    assert "It is gone: someone else removed it meanwhile." in text(changed)
    assert "It is gone, or not yours any more." in text(rotated)
    assert (now.name, now.digest, now.is_active) == (key.name, key.digest, True)
