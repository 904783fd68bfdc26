"""The number of posts that is kept beside them."""

from typing import Any

import pytest

from ouipost.api.transactions import in_transaction
from ouipost.claims import database_now
from posts import counts, services
from posts.models import Post, PostCount
from tests.factories import make_post, make_workspace
from tests.foundation.threads import at_once
from tests.posts.fakes import ACTOR
from workspaces.models import Workspace

THREADS = 6
EACH = 5


def create(workspace: Workspace) -> Post:
    values: dict[str, Any] = {"content": "Bread", "platforms": ["facebook"]}
    return in_transaction(lambda: services.create_post(workspace, values=values, actor=ACTOR, now=database_now())[0])


def create_and_delete(workspace: Workspace) -> None:
    for _ in range(EACH):
        create(workspace)
        post = create(workspace)
        in_transaction(lambda post=post: services.delete_post(post, actor=ACTOR))  # type: ignore[misc]  # bound early


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [0, 3])
def test_writers_that_meet_leave_the_right_number_the_first_ones_too(before: int) -> None:
    workspace = make_workspace()
    for _ in range(before):
        make_post(workspace)  # as a version wrote them that kept no number

    ended = at_once(*[lambda: create_and_delete(workspace)] * THREADS)

    assert ended == [None] * THREADS
    assert PostCount.objects.get().total == Post.objects.count() == before + THREADS * EACH


@pytest.mark.django_db
def test_a_wrong_number_is_set_right() -> None:
    right, wrong = make_workspace(), make_workspace()
    for workspace in (right, wrong):
        make_post(workspace)
        counts.changed(workspace.pk, 0)
    make_post(wrong)

    told = counts.recount()

    kept = dict(PostCount.objects.values_list("pk", "total"))
    assert (told, kept) == (1, {right.pk: 1, wrong.pk: 2})
    assert counts.recount() == 0
