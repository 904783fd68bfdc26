"""A post as it is shown while a worker settles it."""

from typing import Any

import pytest
from django.db import connection

from tests.conftest import ApiClient
from tests.posts.fakes import ScriptedNetwork, make_due, publish
from workspaces.models import Workspace


@pytest.mark.parametrize(
    ("method", "path", "after", "results"),
    [("GET", "", 0, "platform_posts"), ("POST", "/publish", 1, "platform_results")],
)
def test_a_post_is_shown_with_the_targets_that_it_has_at_that_moment(
    api: ApiClient, workspace: Workspace, network: ScriptedNetwork, method: str, path: str, after: int, results: str
) -> None:
    target = make_due(workspace)
    looks: list[str] = []

    def settle_before_the_last_look(execute: Any, sql: str, *more: Any) -> Any:
        if sql.startswith("SELECT") and "posts_target" in sql and len(looks) <= after:
            looks.append(sql)
            if len(looks) > after:
                publish(target)
        return execute(sql, *more)

    with connection.execute_wrapper(settle_before_the_last_look):
        response = api(method, f"/api/posts/{target.post_id}{path}", Prefer="wait=0")

    shown = response.json()["data"]["post"]
    assert (response.status_code, shown["status"]) == (200, "published")
    assert [each["status"] for each in shown["targets"]] == ["published"]
    assert [each["post_id"] for each in shown[results]] == ["42"]
