"""A post's status follows from its targets', in the contract's order."""

from itertools import chain, combinations_with_replacement, permutations

from posts.models import PostStatus, TargetStatus
from posts.status import derive

EVERY = [
    list(statuses)
    for statuses in chain.from_iterable(combinations_with_replacement(TargetStatus.values, size) for size in range(5))
]


def by_the_contract(statuses: list[str]) -> str:
    """The contract's sentence, word by word."""
    counted = [status for status in statuses if status != "cancelled"]
    if any(status == "publishing" for status in counted):
        return "publishing"
    if any(status == "needs_review" for status in counted):
        return "needs_review"
    if counted and all(status == "published" for status in counted):
        return "published"
    if any(status == "published" for status in counted):
        return "partially_published"
    if any(status == "scheduled" for status in counted):
        return "scheduled"
    if any(status == "failed" for status in counted):
        return "failed"
    if any(status == "missed" for status in counted):
        return "missed"
    return "draft"


def test_every_combination_of_up_to_four_targets_follows_the_contract() -> None:
    wrong = {tuple(statuses): derive(statuses) for statuses in EVERY if derive(statuses) != by_the_contract(statuses)}

    assert wrong == {}


def test_the_order_of_the_targets_does_not_matter() -> None:
    assert all(derive(given) == derive(statuses) for statuses in EVERY for given in permutations(statuses))


def test_every_status_of_a_post_comes_about() -> None:
    assert {derive(statuses) for statuses in EVERY} == set(PostStatus)
