"""What takes long goes on in the worker: begun on a list, seen how far it is, left, found again, stopped."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts
from adminapi import pruning
from adminapi.console import bulk
from adminapi.console.pages import own_page
from adminapi.jobs import catalogue, running
from adminapi.jobs.kinds import Bulk
from adminapi.jobs.models import Job, JobRow
from ouipost import claims
from ouipost.db.pruning import remove_all
from ouipost.events.journal import Actor
from ouipost.events.models import Event
from posts import duplicating, services
from posts.models import Post
from tests.console.conftest import browser_of, confirmation, member_of
from tests.console.world import page_of, words
from tests.factories import NOW, make_account, make_post, make_schedule
from tests.foundation.threads import wait_until
from workspaces.models import Membership, Role, User, Workspace
from workspaces.permissions import ADMIN_PERMISSIONS

POSTS = reverse("admin:posts_post_changelist")
ACCOUNTS = reverse("admin:accounts_socialaccount_changelist")
JOBS = reverse("console_jobs")
MANY = 25
ASKS_AGAIN = {"HX-Request": "true"}


@pytest.fixture
def editor(workspace: Workspace) -> Client:
    return client_of("editor@example.com", workspace)


def client_of(email: str, *workspaces: Workspace, role: Role = Role.EDITOR) -> Client:
    return browser_of(member_of(*workspaces, email=email, role=role))


def make_posts(workspace: Workspace, count: int = MANY, **values: Any) -> list[Post]:
    account = make_account(workspace)
    given = {"status": "scheduled", "scheduled_at": NOW + timedelta(days=3650)} | values
    return [make_post(workspace, accounts=[account], content=f"Loaf {number}", **given) for number in range(count)]


def chosen(action: str, rows: Any, **more: str) -> dict[str, Any]:
    return {"action": action, "_selected_action": [row.pk for row in rows], **more}


def begin(client: Client, action: str, rows: Any, at: str = POSTS) -> Job:
    """Confirm an action on rows of a list that becomes a job."""
    answer = client.post(at, chosen(action, rows, confirmed="1"))
    job = Job.objects.latest("created_at")
    assert answer["Location"] == page_of(job)
    return job


def states() -> set[str]:
    return set(Post.objects.values_list("status", flat=True))


def test_a_few_rows_are_done_within_the_request(editor: Client, workspace: Workspace) -> None:
    posts = make_posts(workspace, 20)

    editor.post(POSTS, chosen("unschedule", posts, confirmed="1"))

    assert (states(), Job.objects.count()) == ({"draft"}, 0)


@pytest.mark.parametrize("count", [2, MANY])
def test_where_all_were_chosen_it_is_done_to_those_that_are_as_they_were_shown_and_to_none_that_came_since(
    editor: Client, workspace: Workspace, count: int
) -> None:
    first, gone, other, *_ = make_posts(workspace, count + 2)
    asked = confirmation(editor.post(POSTS, chosen("unschedule", [first], select_across="1")))
    late = make_post(workspace, accounts=[*workspace.accounts.all()], status="scheduled", scheduled_at=NOW)
    services.delete_post(gone, actor=Actor())
    services.update_post(other, values={"content": "Something else"}, actor=Actor(), now=timezone.now())

    told = words(editor.post(POSTS, asked, follow=True))
    running.work_on_due()

    assert "2 rows that you were shown have changed meanwhile, and were left out." in told
    assert set(Post.objects.filter(status="scheduled")) == {other, late}
    assert Post.objects.filter(status="draft").count() == count
    assert list(Job.objects.values_list("total", flat=True)) == [count] * (count > bulk.FEW)


def test_many_rows_are_said_to_go_on_in_the_background_and_nothing_is_done_before_it_is_confirmed(
    editor: Client, workspace: Workspace
) -> None:
    posts = make_posts(workspace)

    asked = words(editor.post(POSTS, chosen("unschedule", posts)))

    assert "It goes on in the background: you can leave, and see how far it is." in asked
    assert (states(), Job.objects.count()) == ({"scheduled"}, 0)


def test_many_rows_are_done_by_the_worker_in_the_name_of_who_began_it_and_the_page_says_how_far_it_is(
    editor: Client, workspace: Workspace
) -> None:
    posts = make_posts(workspace)
    draft = make_post(workspace)

    job = begin(editor, "unschedule", [*posts, draft])
    before, begun = states(), words(editor.get(page_of(job)))
    worked = running.work_on_due()
    over = words(editor.get(page_of(job)))

    assert (before, worked) == ({"scheduled", "draft"}, MANY + 1)
    assert "Back to draft: under way 0 of 26 done." in begun
    assert "You can leave this page: it goes on without you." in begun
    assert "Back to draft: done 25 of 26 done. 1 could not be done." in over
    assert "“Fresh bread”: " in over
    told = Event.objects.filter(type="post.unscheduled")
    assert (told.count(), set(told.values_list("user_email", flat=True))) == (MANY, {"editor@example.com"})
    assert Event.objects.get(type="job.begun").details == {"kind": "posts.unschedule", "total": MANY + 1}


def test_the_part_that_asks_again_stops_asking_when_it_is_over(editor: Client, workspace: Workspace) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))

    asking = editor.get(page_of(job), headers=ASKS_AGAIN).content.decode()
    running.work_on_due()
    over = editor.get(page_of(job), headers=ASKS_AGAIN).content.decode()

    assert ("hx-trigger" in asking, "<html" in asking, "hx-trigger" in over) == (True, False, False)
    assert 'id="stop" hx-swap-oob="true"' in over


def test_its_page_leads_to_the_list_and_to_what_could_not_be_done_and_is_still_there(
    editor: Client, workspace: Workspace
) -> None:
    drafts = [make_post(workspace, content=f"Draft {number}") for number in range(2)]
    job = begin(editor, "unschedule", [*make_posts(workspace), *drafts])
    running.work_on_due()
    drafts[1].delete()

    over = editor.get(page_of(job)).content.decode()

    assert f'<a class="op-button" href="{POSTS}">Posts</a>' in over
    assert [re.search(rf'<a href="{own_page(Post, draft.pk)}">“{draft}”: ', over) is not None for draft in drafts] == [
        True,
        False,
    ]
    assert "“Draft 1”: " in over


@pytest.mark.parametrize(
    "kind", [each for each in catalogue.KINDS if isinstance(each, Bulk)], ids=lambda each: each.name
)
def test_every_kind_leads_to_a_list_of_the_sidebar(workspace: Workspace, kind: Bulk) -> None:
    boss = member_of(workspace, email="boss@example.com", role=Role.ADMIN)
    actor = Actor(user_id=boss.pk, user_email=boss.email)
    job = running.begin(kind, [("gone", "Rye")], key="form_1", total=1, actor=actor, now=claims.database_now())
    running.work_on_due()
    browser = browser_of(boss)

    links = re.findall(r'<a class="op-button" href="([^"]+)">', browser.get(page_of(job)).content.decode())

    assert [browser.get(link).status_code for link in links] == [200, 200]
    assert links[-1] == JOBS


def test_a_form_that_is_sent_twice_begins_one_job(editor: Client, workspace: Workspace) -> None:
    posts = make_posts(workspace)
    page = editor.post(POSTS, chosen("duplicate", posts)).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    form = chosen("duplicate", posts, confirmed="1", key=key[1])

    answers = [editor.post(POSTS, form)["Location"] for _ in range(2)]
    running.work_on_due()
    answers.append(editor.post(POSTS, form)["Location"])
    running.work_on_due()

    assert set(answers) == {page_of(Job.objects.get())}
    assert Post.objects.count() == 2 * MANY


class Killed(BaseException):
    """The end of a worker, as far as its database sees it: nothing else happens."""


@pytest.fixture
def _dies_at_the_tenth_row(monkeypatch: pytest.MonkeyPatch) -> None:
    settle, rows = running._settle, list[JobRow]()

    def dying(claim: claims.Claim, row: JobRow, *given: Any, **values: Any) -> None:
        settle(claim, row, *given, **values)
        rows.append(row)
        if len(rows) == 10:
            raise Killed

    monkeypatch.setattr(running, "_settle", dying)


@pytest.mark.parametrize("action", ["duplicate", "unschedule"])
@pytest.mark.usefixtures("_dies_at_the_tenth_row")
def test_a_worker_that_dies_among_the_rows_has_done_whole_rows_and_another_does_the_rest_once(
    editor: Client, workspace: Workspace, action: str
) -> None:
    job = begin(editor, action, make_posts(workspace))

    with pytest.raises(Killed):
        running.work_on_due()
    done = list(job.rows.filter(status="done").order_by("place").values_list("place", flat=True))
    nobody = running.work_on_due()
    Job.objects.update(lease_until=NOW)
    running.work_on_due()

    job.refresh_from_db()
    kinds = {"duplicate": "post.created", "unschedule": "post.unscheduled"}
    assert (done, nobody) == ([*range(1, 10)], 0)  # the tenth was not committed
    assert (job.status, job.done, job.refused) == ("done", MANY, 0)
    assert Event.objects.filter(type=kinds[action]).count() == MANY


def test_a_row_at_which_workers_die_again_and_again_is_left_out(editor: Client, workspace: Workspace) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))
    Job.objects.update(claim_count=running.MOST_DEATHS)

    running.work_on_due()

    job.refresh_from_db()
    assert (job.status, job.done, job.refused) == ("done", MANY - 1, 1)
    assert "the worker was interrupted" in words(editor.get(page_of(job)))


@pytest.mark.django_db(transaction=True)
def test_a_row_that_takes_longer_than_the_lease_is_taken_up_by_no_other_worker(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [make_account(workspace), make_account(workspace, remote_id="2", default_of=None)]
    job = begin(editor, "refresh_all", rows, at=ACCOUNTS)
    monkeypatch.setattr(running, "EXTEND_SECONDS", 0.01)
    others = list[int]()

    def take_long(account: Any, **_: Any) -> None:
        Job.objects.update(lease_until=claims.database_now())
        is_held = Job.objects.filter(lease_until__gt=claims.database_now() + timedelta(seconds=1))
        wait_until(is_held.exists)
        others.append(running.work_on_due())

    monkeypatch.setattr(accounts, "refresh_account", take_long)
    running.work_on_due()

    job.refresh_from_db()
    assert others == [0, 0]
    assert (job.status, job.done, job.refused) == ("done", 2, 0)


def test_a_row_that_fails_unexpectedly_stands_in_the_way_of_no_other(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, unscheduled = begin(editor, "unschedule", make_posts(workspace)), services.unschedule_post

    def fail(post: Post, **given: Any) -> Post:
        if post.content == "Loaf 3":
            raise ZeroDivisionError
        return unscheduled(post, **given)

    monkeypatch.setattr(services, "unschedule_post", fail)
    running.work_on_due()

    job.refresh_from_db()
    assert (job.status, job.done, job.refused) == ("done", MANY - 1, 1)
    assert "“Loaf 3”: It failed unexpectedly." in words(editor.get(page_of(job)))


def test_the_worker_does_something_else_between_the_steps_of_a_long_job(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(editor, "unschedule", make_posts(workspace))
    monkeypatch.setattr(running, "STEP", timedelta(0))

    steps = [running.work_on_due() for _ in range(MANY + 1)]

    assert steps == [1] * MANY + [0]
    assert states() == {"draft"}


def test_a_worker_that_has_to_end_leaves_the_rest_of_the_rows_to_the_next(editor: Client, workspace: Workspace) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))

    steps = [running.work_on_due(is_ending=lambda: True), running.work_on_due()]

    job.refresh_from_db()
    assert (steps, job.status, job.done) == ([1, MANY - 1], "done", MANY)


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"role": "viewer"}, {"permissions": []}], ids=["off", "viewer", "no permission"]
)
def test_somebody_who_may_not_any_more_does_nothing_more(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))
    monkeypatch.setattr(running, "STEP", timedelta(0))
    running.work_on_due()
    User.objects.filter(email="editor@example.com").update(**change)

    running.work_on_due()

    job.refresh_from_db()
    assert (job.status, job.done, job.due_at) == ("refused", 1, None)
    assert Post.objects.filter(status="scheduled").count() == MANY - 1
    assert "may no longer do this" in words(client_of("boss@example.com", role=Role.ADMIN).get(page_of(job)))


def test_rows_of_a_workspace_that_is_not_theirs_any_more_are_refused(editor: Client, workspace: Workspace) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))
    Membership.objects.all().delete()

    running.work_on_due()

    job.refresh_from_db()
    assert (job.done, job.refused, states()) == (0, MANY, {"scheduled"})
    assert "It is gone, or not yours any more." in words(editor.get(page_of(job)))


def test_of_two_jobs_one_is_stopped_and_the_other_does_and_tells_of_its_own_rows(
    editor: Client, workspace: Workspace
) -> None:
    posts = make_posts(workspace, 2 * MANY)
    stopped, other = (begin(editor, "unschedule", some) for some in (posts[:MANY], posts[MANY:]))

    editor.post(reverse("console_job_stop", args=[stopped.pk]), {"confirmed": "1"})
    while running.work_on_due():
        pass

    drafts = set(Post.objects.filter(status="draft").values_list("pk", flat=True))
    assert drafts == {post.pk for post in posts[MANY:]}
    assert [set(job.rows.values_list("status", "done")) for job in (stopped, other)] == [
        {("waiting", 0)},
        {("done", 1)},
    ]
    assert "Back to draft: stopped 0 of 25 done." in words(editor.get(page_of(stopped)))
    assert "Back to draft: done 25 of 25 done." in words(editor.get(page_of(other)))


def test_a_job_is_stopped_after_a_question_and_the_rest_is_left(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))
    monkeypatch.setattr(running, "STEP", timedelta(0))
    running.work_on_due()
    stop = reverse("console_job_stop", args=[job.pk])

    asked = words(editor.post(stop))
    meanwhile = Job.objects.get().status
    editor.post(stop, {"confirmed": "1"})
    editor.post(stop, {"confirmed": "1"})
    later = running.work_on_due()

    assert "What was done stays done. The rest is left as it is." in asked
    assert (meanwhile, later) == ("working", 0)
    assert Post.objects.filter(status="scheduled").count() == MANY - 1
    assert "Back to draft: stopped 1 of 25 done." in words(editor.get(page_of(job)))
    assert Event.objects.get(type="job.stopped").user_email == "editor@example.com"


@pytest.mark.parametrize(
    ("action", "module", "name"),
    [("unschedule", services, "unschedule_post"), ("duplicate", duplicating, "duplicate_post")],
)
def test_the_row_that_is_under_way_when_a_job_is_stopped_is_not_done(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, action: str, module: Any, name: str
) -> None:
    job, service = begin(editor, action, make_posts(workspace)), getattr(module, name)

    def stopped_meanwhile(post: Post, **given: Any) -> Post:
        if post.content == "Loaf 3":
            running.stop(job, actor=job.actor, now=timezone.now())
        made: Post = service(post, **given)
        return made

    monkeypatch.setattr(module, name, stopped_meanwhile)
    running.work_on_due()

    done = JobRow.objects.filter(status="done").count()
    assert Post.objects.filter(status="draft").count() == done < MANY


def test_only_who_began_a_job_and_administrators_see_it_and_stop_it(editor: Client, workspace: Workspace) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))
    stop = reverse("console_job_stop", args=[job.pk])
    other = client_of("other@example.com", workspace)
    boss = client_of("boss@example.com", role=Role.ADMIN)

    seen = [page_of(job) in client.get(JOBS).content.decode() for client in (editor, other, boss)]
    opened = [client.get(page_of(job)).status_code for client in (editor, other, boss)]
    refused = other.post(stop, {"confirmed": "1"}).status_code
    status = Job.objects.get().status
    boss.post(stop, {"confirmed": "1"})

    assert (seen, opened) == ([True, False, True], [200, 404, 200])
    assert (refused, status, Job.objects.get().status) == (404, "working", "stopped")


def test_an_administrator_without_a_permission_sees_no_job_that_needs_it(editor: Client, workspace: Workspace) -> None:
    job = begin(editor, "unschedule", make_posts(workspace))
    keeper = client_of("keeper@example.com", role=Role.ADMIN)
    User.objects.filter(email="keeper@example.com").update(permissions=["audit.view"])

    assert keeper.get(page_of(job)).status_code == 404


def test_accounts_are_refreshed_in_the_background(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = [make_account(workspace), make_account(workspace, remote_id="2", default_of=None)], list[str]()
    monkeypatch.setattr(accounts, "refresh_account", lambda account, **_: asked.append(account.pk))

    job = begin(editor, "refresh_all", rows, at=ACCOUNTS)
    running.work_on_due()

    job.refresh_from_db()
    assert (sorted(asked), job.status, job.done) == (sorted(row.pk for row in rows), "done", 2)


def test_what_came_of_a_row_is_told_in_the_language_of_who_began_it(editor: Client, workspace: Workspace) -> None:
    rows = [make_schedule(workspace, slots=[], is_active=False, name=f"Queue {number}") for number in range(MANY)]
    make_post(workspace, accounts=[make_account(workspace)], status="scheduled", schedule=rows[0])
    editor.cookies["django_language"] = "fr"

    job = begin(editor, "resume", rows, at=reverse("admin:posts_schedule_changelist"))
    running.work_on_due()

    job.refresh_from_db()
    assert (job.language, job.status, job.done) == ("fr", "done", MANY)
    assert JobRow.objects.exclude(note="").get().note.endswith("est maintenant un brouillon.")


@pytest.mark.parametrize("kind", catalogue.KINDS, ids=lambda kind: kind.name)
def test_every_kind_needs_a_permission_that_exists(kind: Any) -> None:
    assert kind.permission in ADMIN_PERMISSIONS


def test_more_rows_than_a_job_takes_are_refused(
    editor: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adminapi.console.bulk.MOST", MANY - 1)

    page = editor.post(POSTS, chosen("unschedule", make_posts(workspace), confirmed="1"), follow=True)

    assert "At most 24 at a time" in words(page)
    assert (states(), Job.objects.count()) == ({"scheduled"}, 0)


def test_a_job_that_is_over_is_forgotten_after_a_month(editor: Client, workspace: Workspace) -> None:
    over = begin(editor, "unschedule", make_posts(workspace))
    running.work_on_due()
    going = begin(editor, "duplicate", Post.objects.all())
    Job.objects.update(created_at=timezone.now() - timedelta(days=30))

    assert remove_all(pruning.old(timezone.now() - timedelta(minutes=1))) == 0
    assert remove_all(pruning.old(timezone.now())) == 1

    assert list(Job.objects.all()) == [going]
    assert not JobRow.objects.filter(job=over.pk).exists()
