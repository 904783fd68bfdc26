"""A JSON column gives what the code expects, whatever is stored, and takes nothing away."""

import logging
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from accounts.models import SocialAccount
from ouipost.db import stored_json
from ouipost.db.stored_json import JsonColumn, misshapen
from ouipost.events.journal import SYSTEM, record
from ouipost.events.models import Event, Webhook
from ouipost.events.sealing import seal_batch, seal_of
from posts.models import Post, Target
from tests.breaking import JSON_COLUMNS, break_rows, name_of
from tests.factories import make_account, make_key, make_post, make_user, make_webhook
from workspaces.models import ApiKey, User, Workspace

pytestmark = pytest.mark.django_db
WRONG = [5, "text", [5], {"facebook": 5}, True, None]
FITTING = {
    "workspace.settings": {"timezone": "Europe/Paris", "default_hashtags": ["bread"], "publish_late_up_to_minutes": 5},
    "post.hashtags": ["bread"],
    "post.platform_content": {"facebook": {"content": "Hot", "hashtags": ["bread"], "options": {"post_type": "reel"}}},
    "target.error": {"code": "CONTENT_REJECTED", "message": "No."},
    "target.parts": [{"remote_id": "1", "url": ""}],
    "socialaccount.metadata": {"boards": [1]},
}


def stored(row: models.Model, column: str) -> Any:
    """Return what the database has, past the ORM."""
    table, key = row._meta.db_table, row._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {key} = %s", [row.pk])  # noqa: S608 (names are ours)
        return cursor.fetchone()[0]


def test_every_json_column_of_the_product_states_its_form() -> None:
    plain = [
        name_of(field)
        for model in apps.get_models()
        if model._meta.app_label != "simulator"  # the networks' own
        for field in model._meta.concrete_fields
        if isinstance(field, models.JSONField) and not isinstance(field, JsonColumn)
    ]

    assert plain == []


@pytest.mark.parametrize("field", JSON_COLUMNS, ids=name_of)
def test_a_column_gives_values_of_its_form_alone(field: JsonColumn) -> None:
    empty = field.instead() if field.instead else None

    read = [field.formed(value) for value in WRONG if not (field.null if value is None else field.fits(value))]

    assert read == [empty] * len(read)
    assert len(read) >= 4
    assert field.formed(empty) == empty


@pytest.mark.parametrize("name", FITTING)
def test_a_column_gives_what_fits_as_it_is(name: str) -> None:
    [field] = [each for each in JSON_COLUMNS if name_of(each) == name]

    assert field.formed(FITTING[name]) is FITTING[name]


def test_what_does_not_fit_stays_as_it_is_until_the_column_is_set(workspace: Workspace) -> None:
    post = make_post(workspace)
    break_rows(Post.objects.all(), "hashtags", "bread")

    read = Post.objects.get()
    read.save()

    assert (read.hashtags, misshapen(read)) == ([], [f"posts_post.hashtags of {post.pk}"])
    assert stored(post, "hashtags") == '"bread"'
    read.hashtags = ["bread"]
    read.save()
    assert misshapen(Post.objects.get()) == []


def test_a_row_of_the_journal_is_sealed_and_verified_as_it_is_stored(workspace: Workspace) -> None:
    record("updated", workspace, actor=SYSTEM)
    break_rows(Event.objects.all(), "details", ["by hand"])

    seal_batch()

    event = Event.objects.get()
    assert (event.details, event.seal) == ({}, seal_of(event, ""))
    break_rows(Event.objects.all(), "details", ["by another hand"])
    assert Event.objects.get().seal != seal_of(Event.objects.get(), "")


def test_what_does_not_fit_is_logged(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    make_post(workspace)
    break_rows(Post.objects.all(), "destinations", 5)
    stored_json.log_damaged.cache_clear()

    with caplog.at_level(logging.WARNING):
        Post.objects.get()

    assert "posts_post.destinations of a row has another form than the code expects" in caplog.text


def test_a_row_that_is_not_there_has_nothing_that_does_not_fit(workspace: Workspace) -> None:
    make_account(workspace)

    account = SocialAccount.objects.select_related("sync").get()

    assert misshapen(account, account.workspace) == []


@pytest.mark.parametrize("value", [5, {}, None, "", False])
def test_a_list_of_workspaces_that_cannot_be_read_opens_none(workspace: Workspace, value: Any) -> None:
    """An empty list opens all of them."""
    make_key()
    make_webhook()
    break_rows(ApiKey.objects.all(), "workspace_ids", value)
    break_rows(Webhook.objects.all(), "workspace_ids", value)

    key, webhook = ApiKey.objects.get(), Webhook.objects.get()

    assert list(Workspace.objects.visible_to(key)) == []
    assert not key.may_see(workspace.pk)
    assert not webhook.hears("post.published", workspace.pk)


def test_permissions_that_cannot_be_read_give_none(workspace: Workspace) -> None:
    make_user()
    make_key()
    break_rows(User.objects.all(), "permissions", {"users.manage": True})
    break_rows(ApiKey.objects.all(), "permissions", "posts.read, posts.write")

    assert User.objects.get().granted == frozenset()
    assert not ApiKey.objects.get().has_permission("posts.read")


def test_a_target_whose_error_cannot_be_read_shows_none(workspace: Workspace) -> None:
    make_post(workspace, accounts=[make_account(workspace)])
    break_rows(Target.objects.all(), "error", {"text": "It failed."})

    assert Target.objects.get().error is None
