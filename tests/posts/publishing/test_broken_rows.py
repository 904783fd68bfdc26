"""One broken row stops no loop and no other row; what cannot be sent because of it ends with the reason."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet

from accounts import registry
from accounts.models import Pause, SocialAccount
from accounts.platforms.base import Connector
from accounts.platforms.shapes import AccountNumbers, Demographics, Operation, PostNumbers, Profile, Published, Tokens
from adminapi.processes.worker import CHORES
from analytics.models import TargetNumbers
from analytics.sync import Syncer
from ouipost import claims
from ouipost.claims import database_now
from ouipost.db.stored_json import JsonColumn
from ouipost.engine import Engine
from ouipost.events.delivery import Deliverer
from ouipost.events.models import Delivery, Message, Webhook
from ouipost.writer import Inline
from posts import rules, services
from posts.media import files
from posts.models import Media, Post, Slot, Target, TargetStatus
from posts.publishing import claiming
from posts.publishing.publisher import Publisher
from posts.publishing.settling import settle_all
from tests.breaking import JSON_COLUMNS, break_rows, name_of
from tests.console.world import make_world
from tests.factories import NOW, make_account, make_media, make_schedule, make_workspace
from tests.posts.fakes import (
    ACTOR,
    HERE,
    ScriptedNetwork,
    bring_forward,
    claim,
    claim_targets,
    error_of,
    make_due,
    make_result,
    send_into_the_dark,
)
from tests.posts.publishing.test_adopting import given_up
from workspaces.models import User, Workspace

pytestmark = pytest.mark.django_db
ENGINES: tuple[type[Engine[Any]], ...] = (Publisher, Deliverer, Syncer)
UNREADABLE = "It is stored in a form that cannot be read: "
GONE = "myspace"
"""A network that an older version had."""


class PaperNetwork(ScriptedNetwork):
    """Can be read, too."""

    def account_metrics(self, session: Any, account: Any, *, now: Any) -> AccountNumbers:
        return AccountNumbers(followers=1, demographics=Demographics(countries={"FR": 50}))

    def post_metrics(
        self, session: Any, account: Any, remote_ids: Sequence[str], *, now: Any
    ) -> dict[str, PostNumbers]:
        return {each: PostNumbers(impressions=1, engagement=1, own={"likes": 1}) for each in remote_ids}

    def profile(self, session: Any, account: Any) -> Profile:
        return Profile(name="Page", username="page", metadata={"category": "Bakery"})


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ScriptedNetwork:
    """A network on paper in the place of Facebook alone: what is not known must be looked up as it is."""
    paper, known = PaperNetwork(), registry.get

    def get(platform: str, *, sandbox: bool = False) -> Connector:
        return paper if platform == paper.id else known(platform, sandbox=sandbox)

    monkeypatch.setattr(registry, "get", get)
    return paper


@pytest.fixture
def sick(network: ScriptedNetwork) -> Target:
    """A due target whose rows are to be broken."""
    return make_one("Sick")


@pytest.fixture
def sound(network: ScriptedNetwork) -> Target:
    """A due target that has nothing to do with it."""
    return make_one("Sound", remote_id="1002")


def make_one(name: str, **values: Any) -> Target:
    workspace = make_workspace(name=name)
    target = make_due(workspace, make_account(workspace, tokens=Tokens(access_token="a", refresh_token="b"), **values))
    make_media(target.post, size=500)
    return target


def rows_of(target: Target, field: JsonColumn) -> "QuerySet[Any]":
    """Return the rows of this column that belong to the target; all, where none does."""
    own = {
        Workspace: {"pk": target.account.workspace_id},
        SocialAccount: {"pk": target.account_id},
        Post: {"pk": target.post_id},
        Target: {"pk": target.pk},
        Media: {"post": target.post_id},
    }
    return field.model._base_manager.filter(**own.get(field.model, {}))


def work() -> None:
    """Let each loop turn twice, and do each chore once."""
    for kind in ENGINES:
        engine = kind(8)
        for _ in range(2):
            for job in engine.claim(8, []):
                engine.work(job, Inline())
    for chore in CHORES:
        chore.work()


def after(target: Target) -> Target:
    return Target.objects.get(pk=target.pk)


FORMS = [
    (field, value)
    for field in JSON_COLUMNS
    for value in (5, {"facebook": 5})
    if value == 5 or field.default is not list
]
"""To a column that holds a list, an object is as strange as a number."""


@pytest.mark.thorough
@pytest.mark.parametrize(("field", "value"), FORMS, ids=[f"{name_of(field)}-{value}" for field, value in FORMS])
def test_a_json_column_of_another_form_stops_no_loop(
    field: JsonColumn, value: Any, sick: Target, sound: Target, caplog: pytest.LogCaptureFixture
) -> None:
    make_world()
    Delivery.objects.update(status="pending", due_at=database_now())
    break_rows(rows_of(sick, field), field.name, value)

    work()

    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert [each for each in errors if not each.startswith(f"Target {sick.pk} cannot be sent")] == []
    assert after(sound).status == TargetStatus.PUBLISHED
    assert after(sick).status in (TargetStatus.PUBLISHED, TargetStatus.FAILED)


@pytest.mark.parametrize(
    "column",
    [
        "workspace.settings",
        "socialaccount.settings",
        "socialaccount.metadata",
        "post.hashtags",
        "post.platform_content",
        "target.handles",
        "target.parts",
    ],
)
def test_what_is_not_stored_as_it_was_written_is_not_sent(
    column: str, sick: Target, sound: Target, network: ScriptedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    [field] = [each for each in JSON_COLUMNS if name_of(each) == column]
    [row] = rows_of(sick, field)
    break_rows(rows_of(sick, field), field.name, 5)

    work()

    told = f"{row._meta.db_table}.{field.name} of {row.pk}"
    failed = error_of(after(sick))
    assert (after(sick).status, after(sound).status, len(network.sent)) == ("failed", "published", 1)
    assert (failed["message"], failed["who_acts"]) == (f"{UNREADABLE}{told}.", "operator")
    assert f"Target {sick.pk} cannot be sent, these are stored in another form: {told}" in caplog.text


@pytest.mark.parametrize("where", ["answer lost", "first part out"])
def test_what_may_be_out_and_cannot_be_read_any_more_is_left_to_a_person(
    where: str, sick: Target, network: ScriptedNetwork
) -> None:
    if where == "answer lost":
        send_into_the_dark(sick, network)
    else:
        Target.objects.filter(pk=sick.pk).update(remote_id="42", parts=[{"remote_id": "42", "url": ""}], replies=1)
    break_rows(Target.objects.filter(pk=sick.pk), "handles", "upload")
    bring_forward(sick)

    work()

    assert (after(sick).status, error_of(after(sick))["code"]) == ("needs_review", "OUTCOME_UNKNOWN")


def test_an_override_that_is_null_is_none(sick: Target) -> None:
    nothing = dict.fromkeys(("content", "title", "link", "hashtags", "options"))
    Post.objects.filter(pk=sick.post_id).update(platform_content={"facebook": nothing})

    work()

    assert after(sick).status == TargetStatus.PUBLISHED


def test_what_cannot_be_read_could_not_be_scheduled(sick: Target) -> None:
    break_rows(Post.objects.filter(pk=sick.post_id), "hashtags", 5)
    post = Post.objects.get(pk=sick.post_id)

    [issue, *_] = rules.find_issues(post, [sick.account], [])

    assert (issue["rule"], issue["message"]) == ("stored_unreadable", f"{UNREADABLE}posts_post.hashtags of {post.pk}.")


@pytest.mark.parametrize("minutes", [-1, 10**15, 1.5])
def test_a_lateness_that_cannot_be_stops_nothing(minutes: float, sick: Target, sound: Target) -> None:
    Workspace.objects.filter(name="Sick").update(settings={"publish_late_up_to_minutes": minutes})

    work()

    assert after(sound).status == TargetStatus.PUBLISHED


def test_numbers_are_counted_by_utc_where_the_workspace_has_a_zone_that_is_not_known(
    sick: Target, sound: Target
) -> None:
    Workspace.objects.filter(name="Sick").update(settings={"timezone": "Mars/Olympus"})

    work()

    assert Workspace.objects.get(name="Sick").timezone == "UTC"
    assert {after(sick).status, after(sound).status} == {"published"}


def test_a_post_that_was_published_at_the_end_of_time_keeps_no_others_numbers_from_being_read(
    sick: Target, sound: Target
) -> None:
    end = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    Target.objects.filter(pk=sick.pk).update(status=TargetStatus.PUBLISHED, published_at=end, due_at=None)
    Workspace.objects.filter(name="Sick").update(settings={"timezone": "Asia/Tokyo"})

    work()

    assert list(TargetNumbers.objects.values_list("target", flat=True)) == [sound.pk]


def test_a_schedule_in_a_zone_that_is_not_known_keeps_its_queue_and_no_other_from_following_theirs(
    sick: Target,
) -> None:
    schedules = [make_schedule(sick.post.workspace, timezone=zone) for zone in ("Mars/Olympus", "Europe/Paris")]
    soon = database_now() + timedelta(hours=1)
    for schedule in schedules:
        slot = Slot.objects.filter(schedule=schedule).first()
        placed = {"schedule": schedule, "slot": slot, "slot_date": NOW.date(), "scheduled_at": soon}
        Post.objects.create(workspace=sick.post.workspace, status="scheduled", created_at=NOW, moment=NOW, **placed)

    work()

    moved = Post.objects.exclude(schedule=None).exclude(scheduled_at=soon)
    assert [*moved.values_list("schedule__timezone", flat=True)] == ["Europe/Paris"]


def test_a_network_that_is_gone_takes_nothing_and_holds_up_no_other(sick: Target, sound: Target) -> None:
    SocialAccount.objects.filter(pk=sick.account_id).update(platform=GONE, due_at=database_now())
    Target.objects.filter(pk=sick.pk).update(platform=GONE)
    sent = make_one("Unsure", platform=GONE, remote_id="1003")
    Target.objects.filter(pk=sent.pk).update(outcome_unknown=True, sends=1)

    work()

    told = f"This installation does not have the network {GONE} any more."
    assert (error_of(after(sick))["message"], error_of(after(sick))["who_acts"]) == (told, "operator")
    assert [after(each).status for each in (sick, sound, sent)] == ["failed", "published", "needs_review"]
    assert SocialAccount.objects.get(pk=sick.account_id).status == "active"


def test_a_pause_of_a_scope_that_is_not_known_holds_up_nothing_and_is_logged(
    sound: Target, caplog: pytest.LogCaptureFixture
) -> None:
    pause = Pause.objects.create(scope="galaxy", in_force="galaxy:", reason="Too wide", paused_at=NOW)

    work()

    assert after(sound).status == TargetStatus.PUBLISHED
    assert f"{pause.pk} holds up nothing: this version does not know its scope, 'galaxy'" in caplog.text


@pytest.mark.parametrize("column", ["access_token", "refresh_token"])
def test_tokens_that_cannot_be_opened_are_told_and_their_post_waits(
    column: str, sick: Target, sound: Target, network: ScriptedNetwork
) -> None:
    break_rows(SocialAccount.objects.filter(pk=sick.account_id), column, "v1.gone.AAAA.AAAA")

    work()

    told = error_of(after(sick))
    message = "The stored tokens cannot be opened; the operator's log has the cause."
    assert (told["message"], told["who_acts"], after(sick).claim_count) == (message, "operator", 0)
    assert (after(sick).status, after(sound).status, len(network.sent)) == ("publishing", "published", 1)


def test_a_target_that_breaks_the_claim_of_all_is_ended_and_keeps_no_other_from_going_out(
    sick: Target, sound: Target, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _break_claims_of(sick, monkeypatch)

    work()

    assert (after(sick).status, after(sound).status) == ("failed", "published")
    assert error_of(after(sick))["message"] == "An internal error stopped it; the operator's log has the cause."
    assert f"Target {sick.pk} cannot be claimed" in caplog.text


def test_a_target_that_cannot_be_claimed_is_published_where_a_late_answer_names_its_post(
    network: ScriptedNetwork, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, sender = given_up(workspace)
    make_one("Sound", remote_id="1002")
    services.unschedule_post(target.post, actor=ACTOR)
    settle_all([make_result(sender, HERE)])
    services.publish_post(target.post, actor=ACTOR, now=database_now())
    _break_claims_of(target, monkeypatch)

    work()

    settled = Target.objects.select_related("post").get(pk=target.pk)
    assert (settled.status, settled.remote_id, settled.post.status) == ("published", HERE.remote_id, "published")


def test_a_target_that_breaks_its_second_claim_is_ended_and_leaves_its_account_to_others(
    sick: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = claim(sick)
    bring_forward(sick, due_at=database_now() - timedelta(minutes=1))
    make_one("Sound", remote_id="1002")
    _break_claims_of(sick, monkeypatch)

    work()

    other = make_due(sick.post.workspace, sick.account)
    assert after(sick).status == TargetStatus.FAILED
    assert not claims.write(Target, lost, status=TargetStatus.PUBLISHED)
    assert [each.pk for each in claim_targets(8)] == [other.pk]


OTHERS: dict[str, Callable[[Target], object]] = {
    "has claimed": lambda target: Target.objects.filter(pk=target.pk).update(lease_until=NOW + timedelta(days=3650)),
    "has published": lambda target: Target.objects.filter(pk=target.pk).update(
        status="published", remote_id="42", due_at=None
    ),
    "has removed": lambda target: Post.objects.filter(targets=target).delete(),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_another_one_has_done_with_a_target_that_breaks_a_claim_stays(
    sick: Target, sound: Target, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    _break_claims_of(sick, monkeypatch)
    end, rows, seen = claiming._end, Target.objects.filter(pk=sick.pk), list[Any]()

    def end_later(pk: str) -> None:
        OTHERS[other](sick)
        seen.extend(rows.values())
        end(pk)

    monkeypatch.setattr(claiming, "_end", end_later)

    held = claim_targets(8)

    assert [each.pk for each in held] == [sound.pk]
    assert list(rows.values()) == seen


def test_a_target_that_cannot_even_be_ended_leaves_the_others_to_who_has_claimed_them(
    sick: Target, sound: Target, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _break_claims_of(sick, monkeypatch)
    monkeypatch.setattr(claiming, "adopt_and_sync", lambda posts, now: {}[now])

    held = claim_targets(8)

    assert ([each.pk for each in held], after(sick).status) == ([sound.pk], TargetStatus.PUBLISHING)
    assert f"Target {sick.pk} cannot be ended" in caplog.text


def test_a_target_is_not_ended_while_none_can_be_claimed(sick: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    _break_claims_of(sick, monkeypatch)

    assert claim_targets(8) == []

    assert after(sick).status == TargetStatus.PUBLISHING


def _break_claims_of(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an error of ours wherever this target is among those that are claimed."""
    known: Callable[..., Any] = claiming._missed

    def missed(targets: Any, *given: Any, **more: Any) -> Any:
        if any(each.pk == target.pk for each in targets):
            raise KeyError(target.pk)
        return known(targets, *given, **more)

    monkeypatch.setattr(claiming, "_missed", missed)


@pytest.mark.parametrize("url", ["https://[::1", "", "no address", "http://x y/", "ftp://example.com"])
def test_a_webhook_whose_address_cannot_be_parsed_fails_alone(url: str, network: ScriptedNetwork) -> None:
    make_world()
    Webhook.objects.update(url=url)
    Message.objects.update(created_at=database_now())
    Delivery.objects.update(status="pending", due_at=database_now())

    work()

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.log.get().error) == ("pending", 1, "address_blocked")


def test_a_message_that_is_no_json_is_sent_as_it_is(network: ScriptedNetwork) -> None:
    make_world()
    Message.objects.update(body="no JSON", created_at=database_now())
    Delivery.objects.update(status="pending", due_at=database_now())

    work()

    assert Delivery.objects.get().attempts == 1


def test_a_user_of_a_role_that_is_not_known_may_do_nothing(db: None) -> None:
    assert User(role="king").granted_in_order == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/passwd", "media/aa/gone.jpg"])
def test_a_file_that_cannot_be_where_its_row_says_is_waited_for_and_holds_up_no_other(
    name: str, sick: Target, sound: Target, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Media.objects.filter(post=sick.post_id)
    rows.update(stored_name=name, created_at=NOW - timedelta(days=1))
    sent = network.commit

    def commit(session: Any, operation: Operation) -> Published:
        if operation.content.media[0].filename == "broken.jpg":
            operation.content.media[0].open()
        return sent(session, operation)

    rows.update(filename="broken.jpg")
    monkeypatch.setattr(network, "commit", commit)

    work()

    assert (after(sick).status, after(sound).status) == ("publishing", "published")
    assert error_of(after(sick))["message"] == "The storage does not give a file of the post."


@pytest.mark.parametrize("facts", [5, {"seconds": None, "fps": "fast"}, {"seconds": "long"}])
def test_a_file_that_was_not_measured_can_be_composed(facts: Any, sick: Target) -> None:
    Media.objects.update(width=None, height=None)
    break_rows(Media.objects.all(), "facts", facts)

    [media] = files.as_content(sick.post)

    assert (media.width, media.height, media.seconds, media.fps, media.frames) == (0, 0, 0, 0, 1)
