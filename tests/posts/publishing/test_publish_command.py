"""`publish` through the API: a worker sends, the request only waits."""

import threading
from contextlib import AbstractContextManager
from typing import Any

import pytest

from accounts.platforms.shapes import Published
from posts.models import Post
from tests.conftest import ApiClient
from tests.foundation.threads import PATIENCE_SECONDS, at_once, meanwhile, wait_until
from tests.posts.fakes import HERE, ScriptedNetwork, claim_targets, publish_claimed

pytestmark = pytest.mark.django_db(transaction=True)


def worker() -> AbstractContextManager[None]:
    """Let a worker publish what is due for as long as the block lasts."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.01):
            for claim in claim_targets(4):
                publish_claimed(claim)

    return meanwhile(work, stop=ended.set)


def ask(api: ApiClient, post: Post, wait: int) -> Any:
    return api.post(f"/api/posts/{post.pk}/publish", Prefer=f"wait={wait}")


def shown(api: ApiClient, post: Post) -> str:
    return str(api.get(f"/api/posts/{post.pk}").json()["data"]["post"]["status"])


def test_the_answer_has_the_results_once_the_worker_has_sent(
    api: ApiClient, post: Post, network: ScriptedNetwork
) -> None:
    with worker():
        response = ask(api, post, wait=20)

    answered = response.json()["data"]["post"]
    assert (response.status_code, answered["status"]) == (200, "published")
    assert [result["status"] for result in answered["platform_results"]] == ["success"]


def test_a_slow_network_is_202_and_published_later(api: ApiClient, post: Post, network: ScriptedNetwork) -> None:
    asked = threading.Event()

    def slowly() -> Published:
        assert asked.wait(PATIENCE_SECONDS)
        return HERE

    network.committed = [slowly]
    with worker():
        response = ask(api, post, wait=1)
        asked.set()
        wait_until(lambda: shown(api, post) == "published")

    answered = response.json()["data"]["post"]
    assert (response.status_code, answered["status"]) == (202, "publishing")
    assert [result["status"] for result in answered["platform_results"]] == ["pending"]
    assert network.calls == ["prepare", "commit"]


def test_a_caller_that_hangs_up_changes_nothing(
    api: ApiClient, post: Post, network: ScriptedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(*_: Any, **__: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr("posts.views.wait_until_settled", hang_up)
        ask(api, post, wait=20)
    with worker():
        wait_until(lambda: shown(api, post) == "published")

    assert network.calls == ["prepare", "commit"]


def test_twenty_callers_at_once_are_one_copy(api: ApiClient, post: Post, network: ScriptedNetwork) -> None:
    with worker():
        responses = at_once(*[lambda: ask(api, post, wait=20)] * 20)
        wait_until(lambda: shown(api, post) == "published")

    assert {response.status_code for response in responses} <= {200, 202}
    assert network.calls == ["prepare", "commit"]
