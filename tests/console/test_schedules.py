"""Schedules in the console: written with their slots as rows, through the services, and who waits is told first."""

import re
from collections.abc import Callable
from datetime import time
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.services import disconnect
from adminapi.console import schedule_form
from adminapi.console.admins import schedules as schedules_admin
from ouipost.events.journal import SYSTEM
from ouipost.events.models import Event
from posts.models import Post, Schedule, Slot, Target
from posts.schedules import services as schedules
from posts.schedules.slots import UnknownZone
from tests.console.conftest import browser_of, comes_between, made_as, member_of, page_of, text, text_of
from tests.factories import make_account, make_post, make_schedule, make_workspace
from workspaces.models import Workspace

LIST, ADD = reverse("admin:posts_schedule_changelist"), reverse("admin:posts_schedule_add")
FORM = {
    "name": "Mornings",
    "description": "",
    "timezone": "Europe/Paris",
    "slot-0-day": "monday",
    "slot-0-time": "09:00",
    "slot-0-platforms": ["facebook", "twitter"],
    "slot-3-day": "sunday",
    "slot-3-time": "18:30:00",
    "slot-3-platforms": ["facebook"],
}


def queued(schedule: Schedule) -> Post:
    """Put a post that can go out into a schedule's queue."""
    workspace = schedule.workspace
    account = workspace.accounts.first() or make_account(workspace)
    post = make_post(workspace, accounts=[account])
    return schedules.queue_post(post, schedule, actor=SYSTEM, now=timezone.now())


def slots_of(schedule: Schedule) -> list[tuple[int, str, list[str]]]:
    rows = Slot.objects.filter(schedule=schedule).order_by("day", "time")
    return [(slot.day, f"{slot.time:%H:%M}", slot.platforms) for slot in rows]


def test_a_schedule_is_made_with_its_slots(staff: Client, workspace: Workspace) -> None:
    answer = staff.post(ADD, FORM | {"workspace": workspace.pk})

    schedule = Schedule.objects.get()
    assert answer["Location"] == page_of(schedule)
    assert (schedule.name, schedule.timezone, schedule.workspace_id) == ("Mornings", "Europe/Paris", workspace.pk)
    assert slots_of(schedule) == [(0, "09:00", ["facebook", "twitter"]), (6, "18:30", ["facebook"])]
    assert Event.objects.get(type="schedule.created").user_email == "staff@example.com"


def test_a_form_that_is_sent_twice_makes_one_schedule_unless_more_are_wanted(
    staff: Client, workspace: Workspace
) -> None:
    form = FORM | {"workspace": workspace.pk} | made_as(staff.get(ADD))
    staff.post(ADD, form)

    again = staff.post(ADD, form)
    made = [schedule.pk for schedule in Schedule.objects.all()]
    staff.post(ADD, form | made_as(again))

    assert "It was added already, so nothing was done." in text(again)
    assert (again.status_code, made) == (409, [form["made_as"]])
    assert (Schedule.objects.count(), Event.objects.filter(type="schedule.created").count()) == (2, 2)


def test_a_time_that_is_for_single_accounts_shows_which(staff: Client, workspace: Workspace) -> None:
    account = make_account(workspace)
    schedule = make_schedule(workspace, slots=[(0, "09:00", [account.pk]), (1, "09:00", ["facebook"])])

    page = text_of(staff.get(page_of(schedule)))

    assert re.findall(r"<details( open)?>", page) == [" open", "", ""]  # the last is the template


def test_accounts_that_a_time_is_for_are_offered_beside_the_first(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule_form, "MOST_OFFERED", 1)
    names = ("Alpha", "Beta", "Gamma")
    first, chosen, _ = (make_account(workspace, name=name, remote_id=name, default_of=None) for name in names)
    schedule = make_schedule(workspace, slots=[(0, "09:00", [chosen.pk])])

    page = text_of(staff.get(page_of(schedule)))

    boxes = re.findall(r'name="slot-0-platforms" value="(acc_[^"]+)" (checked)?', page)
    assert boxes == [(first.pk, ""), (chosen.pk, "checked")]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no workspace": ({"workspace": ""}, "Choose a workspace."),
    "no name": ({"name": ""}, "This field may not be blank."),
    "no such zone": ({"timezone": "Mars/North"}, "Must be an IANA time zone"),
    "no time": ({"slot-3-time": ""}, "Sunday: Time: This field may not be blank."),
    "no network": ({"slot-3-platforms": []}, "Sunday 18:30: Networks: "),
    "a strange account": ({"slot-3-platforms": ["acc_none"]}, "Neither a platform nor a connected account: acc_none."),
    "twice the same time": (
        {"slot-3-day": "monday", "slot-3-time": "09:00"},
        "Time: Another slot is at the same time of the week",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_the_api_refuses_is_told_beside_its_field_and_nothing_typed_is_lost(
    staff: Client, workspace: Workspace, case: str
) -> None:
    make_workspace(name="Another, so that one has to be chosen")
    typed, said = WRONG[case]

    page = text_of(staff.post(ADD, FORM | {"workspace": workspace.pk} | typed), 400)

    assert any(said in each for each in re.findall(r'<li><a href="#[^"]+" data-goes>(.*?)</a>', page))
    assert (page.count('class="op-slot"'), 'value="facebook" checked' in page) == (3, True)  # one is the template
    assert f'value="{typed.get("timezone", "Europe/Paris")}"' in page
    assert not Schedule.objects.exists()


def marked(page: str) -> dict[str, str]:
    """Return the fields that are marked as wrong, each with the error that it names."""
    fields = re.findall(r'<(?:input|select|textarea)[^>]*?aria-invalid="true"[^>]*>', page)
    found = {}
    for field in fields:
        name, error = (re.search(pattern, field) for pattern in (' name="([^"]+)"', 'aria-describedby="([^"]+)"'))
        assert name
        assert error
        [found[name[1]]] = re.findall(rf'id="{error[1]}"[^>]*>(.*?)</', page)
    return found


def test_all_that_is_wrong_is_told_at_once_each_beside_its_own_field(staff: Client, workspace: Workspace) -> None:
    make_workspace(name="Another, so that one has to be chosen")
    typed = {"workspace": "", "name": "", "timezone": "Mars/North", "slot-0-time": "", "slot-3-platforms": []}

    page = text_of(staff.post(ADD, FORM | typed), 400)

    blank, none = "This field may not be blank.", "May not be empty: give at least 1."
    told = {"workspace": "Choose a workspace.", "name": blank, "slot-0-time": blank, "slot-1-platforms": none}
    found = marked(page)
    assert found.pop("timezone").startswith("Must be an IANA time zone")
    assert found == told
    goes = re.findall(r'<li><a href="#([^"]+)" data-goes>', page)
    assert [re.search(rf'<[^>]* id="{place}"', page) is not None for place in goes] == [True] * 5
    assert re.search(r'<div [^>]*role="alert" tabindex="-1" autofocus', page)


def test_a_schedule_for_an_account_that_goes_while_it_is_made_is_refused_and_nothing_typed_is_lost(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account(workspace)

    def after_it_went(work: Callable[[], Any]) -> Any:
        disconnect(account, actor=SYSTEM, now=timezone.now())
        return work()

    monkeypatch.setattr(schedules_admin, "in_transaction", after_it_went)
    answer = staff.post(ADD, FORM | {"workspace": workspace.pk, "slot-0-platforms": [account.pk]})

    page = text_of(answer, status=400)
    assert f"Neither a platform nor a connected account: {account.pk}" in page
    assert 'value="Mornings"' in page
    assert not Schedule.objects.exists()


def test_a_refusal_that_is_about_no_field_is_told_above_the_form(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise UnknownZone("There is no time zone Mars any more: choose another one.")

    monkeypatch.setattr("posts.schedules.services.update_schedule", refuse)
    answer = staff.post(page_of(make_schedule(workspace)), FORM)

    alert = text_of(answer, status=409).partition('role="alert"')[2]
    assert "<li>There is no time zone Mars any more: choose another one.</li>" in alert


def test_a_new_schedule_has_its_workspaces_zone_unless_another_is_chosen(staff: Client) -> None:
    workspace = make_workspace(settings={"timezone": "Asia/Tokyo"})
    make_workspace(name="Another, so that one has to be chosen")

    opened = text_of(staff.get(ADD))
    staff.post(ADD, FORM | {"workspace": workspace.pk, "timezone": ""})

    assert 'list="zones" value=""' in opened
    assert Schedule.objects.get().timezone == "Asia/Tokyo"


def test_choosing_a_workspace_offers_its_accounts_and_zone_and_keeps_what_was_typed(staff: Client) -> None:
    paris, tokyo = (make_workspace(settings={"timezone": zone}) for zone in ("Europe/Paris", "Asia/Tokyo"))
    make_account(paris, name="Boulangerie", remote_id="1")
    make_account(tokyo, name="Panya", remote_id="2")

    opened = text_of(staff.get(ADD, {"workspace": paris.pk}))
    chosen = text_of(staff.post(ADD, FORM | {"workspace": tokyo.pk, "timezone": "", "name": "", "do": "workspace"}))

    assert [("Boulangerie" in page, "Panya" in page) for page in (opened, chosen)] == [(True, False), (False, True)]
    zones = [re.findall(r'value="([^"]*)" placeholder="([^"]*)"', page) for page in (opened, chosen)]
    assert zones == [[("", "Europe/Paris")], [("", "Asia/Tokyo")]]
    assert (chosen.count('class="op-slot"'), "op-error" in chosen, Schedule.objects.exists()) == (3, False, False)


def test_a_time_that_was_cleared_stays_so_and_says_what_is_wrong(staff: Client, workspace: Workspace) -> None:
    page = text_of(staff.post(ADD, FORM | {"workspace": workspace.pk, "slot-3-time": ""}), 400)

    assert re.findall(r'name="slot-1-time"[^>]* value="(.*?)"', page) == [""]
    assert marked(page) == {"slot-1-time": "This field may not be blank."}


def test_without_any_slot_a_schedule_is_refused(staff: Client, workspace: Workspace) -> None:
    form = {name: value for name, value in FORM.items() if not name.startswith("slot-")}

    page = text_of(staff.post(ADD, form | {"workspace": workspace.pk}), 400)

    assert "op-error" in page
    assert not Schedule.objects.exists()


def test_another_name_needs_no_question(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook", "twitter"]), (6, "18:30", ["facebook"])])
    waiting = queued(schedule)

    answer = staff.post(page_of(schedule), FORM | {"name": "Early"})

    schedule.refresh_from_db()
    assert (answer.status_code, schedule.name) == (302, "Early")
    assert Post.objects.get().scheduled_at == waiting.scheduled_at


def test_slots_that_another_has_changed_since_the_page_was_opened_stay(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["twitter", "facebook"]), (6, "18:30", ["facebook"])])
    shown = staff.get(page_of(schedule)).context["written"].shown
    values = {"description": "Early\nbread", "slots": [{"day": 4, "time": time(7), "platforms": ["facebook"]}]}
    schedules.update_schedule(schedule, values=values, actor=SYSTEM, now=timezone.now())

    staff.post(page_of(schedule), FORM | {"name": "Early", "shown": shown})

    schedule.refresh_from_db()
    assert (schedule.name, schedule.description) == ("Early", "Early\nbread")
    assert slots_of(schedule) == [(4, "07:00", ["facebook"])]


def test_what_another_changes_while_the_page_is_being_saved_stays(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["twitter", "facebook"]), (6, "18:30", ["facebook"])])
    shown = staff.get(page_of(schedule)).context["written"].shown
    values = {"description": "Early\nbread", "slots": [{"day": 4, "time": time(7), "platforms": ["facebook"]}]}

    def theirs() -> None:
        schedules.update_schedule(schedule, values=values, actor=SYSTEM, now=timezone.now())

    comes_between(monkeypatch, schedules_admin, theirs)

    staff.post(page_of(schedule), FORM | {"name": "Early", "shown": shown})

    schedule.refresh_from_db()
    assert (schedule.name, schedule.description) == ("Early", "Early\nbread")
    assert slots_of(schedule) == [(4, "07:00", ["facebook"])]


def test_posts_that_are_queued_while_the_page_is_being_saved_are_asked_about_first(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    comes_between(monkeypatch, schedules_admin, lambda: queued(schedule))

    asked = staff.post(page_of(schedule), FORM)

    assert "1 post waits in this queue" in text_of(asked)
    assert slots_of(schedule) == [(0, "09:00", ["facebook"])]


def test_slots_that_were_changed_on_the_page_too_are_as_it_says(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    shown = staff.get(page_of(schedule)).context["written"].shown
    schedules.update_schedule(schedule, values={"name": "Early"}, actor=SYSTEM, now=timezone.now())

    staff.post(page_of(schedule), FORM | {"shown": shown})

    schedule.refresh_from_db()
    assert schedule.name == "Early"
    assert slots_of(schedule) == [(0, "09:00", ["facebook", "twitter"]), (6, "18:30", ["facebook"])]


@pytest.mark.parametrize("told", ["", "5", "[", "{}", "[" * 50_000])
def test_a_page_that_says_nonsense_of_its_schedule_is_saved_as_it_is(
    staff: Client, workspace: Workspace, told: str
) -> None:
    schedule = make_schedule(workspace)

    staff.post(page_of(schedule), FORM | {"name": "Early", "shown": told})

    schedule.refresh_from_db()
    assert (schedule.name, len(slots_of(schedule))) == ("Early", 2)


def test_other_slots_say_first_how_many_posts_move_and_then_move_them(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    posts = [queued(schedule) for _ in range(2)]

    asked = staff.post(page_of(schedule), FORM)
    assert "2 posts wait in this queue" in text_of(asked)
    assert slots_of(schedule) == [(0, "09:00", ["facebook"])]
    staff.post(page_of(schedule), FORM | agreed(asked))

    moments = {post.scheduled_at for post in Post.objects.filter(pk__in=[post.pk for post in posts])}
    assert len(slots_of(schedule)) == 2
    assert {moment.weekday() for moment in moments if moment} == {0, 6}


def test_other_slots_than_those_that_a_person_has_agreed_to_are_asked_about_again(
    staff: Client, workspace: Workspace
) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    queued(schedule)
    answer = agreed(staff.post(page_of(schedule), FORM))

    asked = staff.post(page_of(schedule), FORM | answer | {"slot-3-time": "19:00"})
    before = slots_of(schedule)
    staff.post(page_of(schedule), FORM | agreed(asked) | {"name": "Early", "slot-3-time": "19:00"})

    assert ("1 post waits in this queue" in text_of(asked), before) == (True, [(0, "09:00", ["facebook"])])
    assert slots_of(schedule)[1] == (6, "19:00", ["facebook"])


def agreed(asked: Any) -> dict[str, str]:
    """Return what the button sends that agrees to a question."""
    [value] = re.findall(r'<button [^>]*name="confirmed" value="([^"]+)"', text_of(asked))
    return {"confirmed": unescape(value)}


def test_posts_that_no_slot_fits_any_more_are_drafts_and_that_is_told(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    queued(schedule)
    form = FORM | {"slot-0-platforms": ["twitter"], "slot-3-platforms": ["twitter"]}
    form |= agreed(staff.post(page_of(schedule), form))

    page = text_of(staff.post(page_of(schedule), form, follow=True))

    assert "1 post fits no time any more and is a draft now." in page
    assert Post.objects.get().status == "draft"


def test_the_page_shows_the_next_ten_times_and_the_post_in_each(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    post = queued(schedule)

    page = text_of(staff.get(page_of(schedule)))

    times = re.findall(r'<time datetime="[^"]+">\w+ \d+ \w+ \d{4}, (\d\d:\d\d)</time>', page)
    assert times == ["09:00"] * 10
    assert reverse("admin:posts_post_change", args=[post.pk]) in page
    assert page.count(">free<") == 9
    assert "1 post waits." in page


def test_a_schedule_is_held_and_resumed_after_saying_how_many_posts_wait(staff: Client, workspace: Workspace) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    queued(schedule)
    form = {"_selected_action": schedule.pk, "from": "page"}

    asked = text_of(staff.post(LIST, form | {"action": "hold"}))
    assert ("1 post waits there." in asked, Schedule.objects.get().is_active) == (True, True)
    held = staff.post(LIST, form | {"action": "hold", "confirmed": "1"})
    assert (held["Location"], Schedule.objects.get().is_active) == (page_of(schedule), False)
    assert Target.objects.get().due_at is None
    assert "on hold" in text_of(staff.get(page_of(schedule)))
    staff.post(LIST, form | {"action": "resume", "confirmed": "1"})

    assert (Schedule.objects.get().is_active, Target.objects.get().due_at is None) == (True, False)
    assert Event.objects.filter(type="schedule.updated").count() == 2


def test_a_schedule_is_deleted_by_its_service_after_saying_what_becomes_of_its_posts(
    staff: Client, workspace: Workspace
) -> None:
    schedule = make_schedule(workspace, slots=[(0, "09:00", ["facebook"])])
    queued(schedule)
    form = {"action": "delete_schedules", "_selected_action": schedule.pk}

    asked = text_of(staff.post(LIST, form))
    by_django = staff.post(LIST, form | {"action": "delete_selected", "post": "yes"})
    assert ("They return to draft" in asked, by_django.status_code, Schedule.objects.count()) == (True, 302, 1)
    staff.post(LIST, form | {"confirmed": "1"})

    assert (Schedule.objects.exists(), Post.objects.get().status) == (False, "draft")
    assert Event.objects.get(type="schedule.deleted").details["returned"] == 1


def test_staff_write_schedules_of_their_own_workspaces_alone(workspace: Workspace) -> None:
    client, other = browser_of(member_of(workspace)), make_workspace(name="Other")
    theirs = make_schedule(other)

    answers = [
        client.get(page_of(theirs)).status_code,
        client.post(page_of(theirs), FORM).status_code,
        client.post(ADD, FORM | {"workspace": other.pk}).status_code,
        client.post(LIST, {"action": "hold", "_selected_action": theirs.pk, "confirmed": "1"}).status_code,
    ]

    assert answers == [404, 404, 400, 302]
    assert (Schedule.objects.count(), Schedule.objects.get().is_active) == (1, True)
    assert 'name="workspace"' in text_of(client.get(ADD))
    assert other.name not in text_of(client.get(ADD))
