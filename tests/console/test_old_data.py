"""Old data in the console: counted, removed in the background after a question, and only that which was old then."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from adminapi.jobs import running
from adminapi.jobs.models import Job, JobRow
from analytics.models import HourTotal
from ouipost.db import pruning
from ouipost.events.models import Delivery, Event, Message
from tests.console.world import page_of, words
from tests.factories import make_delivery, make_webhook
from workspaces.models import Workspace

PAGE = reverse("console_old_data")
A_DAY = timedelta(days=1)


@pytest.fixture
def _old_and_young(workspace: Workspace) -> None:
    now, webhook = timezone.now(), make_webhook()
    for age in (100, 100, 100, 1):
        make_delivery(webhook, at=now - age * A_DAY)
    for age in (100, 101, 1):
        HourTotal.objects.create(workspace=workspace, hour=now - age * A_DAY, platform="facebook", impressions=1)


def begin(client: Client) -> Job:
    answer = client.post(PAGE, {"confirmed": "1"})
    assert answer["Location"] == page_of(Job.objects.get())
    return Job.objects.get()


@pytest.mark.usefixtures("_old_and_young")
def test_the_page_says_what_is_old_enough_to_go_and_asks_before_anything_goes(staff: Client) -> None:
    page, asked = words(staff.get(PAGE)), words(staff.post(PAGE))

    assert "Sums by the hour 2 Single readings 0 Webhook events, with their deliveries 3" in page
    assert "It is removed for good, and goes on in the background" in asked
    assert "Sums by the hour: 2 Webhook events, with their deliveries: 3" in asked
    assert (Job.objects.count(), HourTotal.objects.count(), Message.objects.count()) == (0, 3, 4)


@pytest.mark.usefixtures("_old_and_young")
def test_what_was_old_is_removed_some_at_a_time_and_each_kind_says_how_many_went(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    monkeypatch.setattr(running, "STEP", timedelta(0))

    job, seen = begin(staff), list[Any]()
    while running.work_on_due():
        seen.append(Job.objects.get().done)

    assert seen == [2, 2, 4, 5, 5]  # a kind is over when nothing of it is found any more
    assert (HourTotal.objects.count(), Message.objects.count(), Delivery.objects.count()) == (1, 1, 1)
    page = words(staff.get(page_of(job)))
    assert "Remove what is old: done 5 of 5 done." in page
    assert "Sums by the hour: 2 Webhook events, with their deliveries: 3" in page
    assert Event.objects.get(type="job.begun").user_email == "staff@example.com"


@pytest.mark.usefixtures("_old_and_young")
def test_what_became_old_since_it_was_asked_stays(staff: Client) -> None:
    begin(staff)
    Job.objects.update(created_at=timezone.now() - 80 * A_DAY)

    running.work_on_due()

    assert (Message.objects.count(), Job.objects.get().done) == (4, 0)


@pytest.mark.usefixtures("_old_and_young")
def test_a_kind_that_another_version_knew_is_passed_over(staff: Client) -> None:
    begin(staff)
    JobRow.objects.filter(subject_id="messages").update(subject_id="telegrams")

    running.work_on_due()

    assert (Job.objects.get().status, Job.objects.get().done, Message.objects.count()) == ("done", 2, 4)


class Killed(BaseException):
    """The end of a worker."""


@pytest.mark.usefixtures("_old_and_young")
def test_a_worker_that_dies_has_counted_what_it_removed(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    settle = running._settle

    def dying(claim: Any, row: JobRow, *given: Any, **values: Any) -> None:
        settle(claim, row, *given, **values)
        if row.subject_id == "messages":
            raise Killed

    begin(staff)
    with monkeypatch.context() as patched:
        patched.setattr(running, "_settle", dying)
        with pytest.raises(Killed):
            running.work_on_due()
    removed_and_counted = (3 - HourTotal.objects.count() + 4 - Message.objects.count(), Job.objects.get().done)
    Job.objects.update(lease_until=timezone.now() - A_DAY)
    running.work_on_due()

    assert removed_and_counted == (2, 2)
    assert (Job.objects.get().status, Job.objects.get().done, Message.objects.count()) == ("done", 5, 1)


def test_where_nothing_is_old_nothing_can_be_begun(staff: Client) -> None:
    assert "There is nothing to remove." in words(staff.post(PAGE, {"confirmed": "1"}))
    assert not Job.objects.exists()
