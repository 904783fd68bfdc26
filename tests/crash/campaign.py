"""A run's posts and their results: eight numbers, with the copies counted at the networks."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import requests

from tests.product import Product

OPEN = ("scheduled", "publishing")
LOOK_SECONDS = 0.4
PAGE = 100
TOLD = {
    "posts": "posts",
    "kills": "kills",
    "faults": "faults",
    "requests": "requests",
    "copies>1": "doubled",
    "lost": "lost",
    "needs_review": "needs_review",
    "outcomes not told once": "untold",
}
"""The eight numbers, as they are printed."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of one run."""

    posts: int = 0
    kills: int = 0
    faults: int = 0
    """The number of ordered faults that hit a call."""
    requests: int = 0
    doubled: int = 0
    lost: int = 0
    """Posts that failed without a reason, that are published without a copy, or that never settled."""
    needs_review: int = 0
    """Posts left to a person without need."""
    untold: int = 0
    """Posts whose end is not exactly once in the journal, or at the webhooks' receivers."""
    seconds: float = 0
    may_park: bool = False
    """True if a person may be needed, as the network cannot be asked."""

    @property
    def is_good(self) -> bool:
        return not (self.doubled or self.lost or self.untold or (self.needs_review and not self.may_park))

    def __str__(self) -> str:
        told = (f"{name} {getattr(self, field)}" for name, field in TOLD.items())
        return "  ".join([*told, f"{self.seconds:.0f} s"])


@dataclass(frozen=True, kw_only=True)
class Result:
    """A run's numbers; subclasses add further criteria."""

    numbers: Numbers

    @property
    def is_good(self) -> bool:
        return self.numbers.is_good

    def __str__(self) -> str:
        """Write the numbers, and then every other field by its name."""
        others = [(each.name, getattr(self, each.name)) for each in fields(self) if each.name != "numbers"]
        told = [f"{name.replace('_', ' ')} {_short(value)}" for name, value in others]
        return "  ".join([str(self.numbers), *told])


def _short(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


class Campaign:
    """Posts with a word of their own, to accounts that this run uses alone."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.word = uuid4().hex[:8]
        self.posts: list[str] = []
        self.remote_ids: set[str] = set()
        self.began_at = datetime.now(UTC)
        self.began = time.monotonic()
        control = requests.delete(f"{product.base}/sandbox/_control/faults", headers=product.control, timeout=10)
        assert control.ok, control.text  # whatever an earlier run has ordered and not used

    def connect(self, name: str) -> dict[str, dict[str, Any]]:
        """Connect a new person's accounts and return them by network."""
        return self.product.connect(f"{name}{self.word}")

    def write(self, accounts: Iterable[dict[str, Any]], **values: Any) -> str:
        """Write a post to these accounts and return its id."""
        post: str = self.product.client.call("POST", "/api/posts", json=self.body(accounts, **values))["post"]["id"]
        self.posts.append(post)
        return post

    def body(self, accounts: Iterable[dict[str, Any]], **values: Any) -> dict[str, Any]:
        """Return what to write for the next post to these accounts, which are this run's from now on."""
        accounts = list(accounts)
        self.remote_ids |= {account["remote_id"] for account in accounts}
        content = f"Post {len(self.posts)} of {self.word}"
        return {"content": content, "platforms": [account["id"] for account in accounts]} | values

    def publish(self, posts: Iterable[str] | None = None) -> None:
        """Have these posts, or all, published as soon as somebody comes by."""
        for post in self.posts if posts is None else posts:
            self.product.client.call("POST", f"/api/posts/{post}/publish", headers={"Prefer": "wait=0"})

    def is_settled(self) -> bool:
        """Return whether all posts of this run are settled."""
        return not any(self._has_open(status) for status in OPEN)

    def wait(self, *, seconds: float) -> bool:
        """Wait until everything is settled; returns whether it was in time."""
        until = time.monotonic() + seconds
        while not self.is_settled():
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _has_open(self, status: str) -> bool:
        found = self.product.client.call("GET", f"/api/posts?status={status}&limit={PAGE}")
        mine = set(self.posts) & {post["id"] for post in found["posts"]}
        return bool(mine) or found["pagination"]["total_items"] > PAGE

    def copies(self) -> list[dict[str, Any]]:
        """Return the visible copies of this run's posts."""
        return [copy for copy in self.product.copies() if copy["text"].endswith(f"of {self.word}")]

    def requests(self, network: str = "") -> list[dict[str, Any]]:
        """Return the requests for this run's accounts that reached the networks since it began, oldest first."""
        found = self.product.requests(**({"network": network} if network else {}))
        return [
            each
            for each in found
            if each["account"] in self.remote_ids and datetime.fromisoformat(each["at"]) >= self.began_at
        ]

    def fired(self) -> int:
        """Return how often ordered faults hit a call."""
        answer = requests.get(f"{self.product.base}/sandbox/_control/faults", headers=self.product.control, timeout=10)
        return sum(fault["fired"] for fault in answer.json()["faults"])

    def numbers(
        self, *, kills: int = 0, may_park: bool = False, ends: Mapping[str, str] = MappingProxyType({})
    ) -> Numbers:
        """Count the present state; posts in `ends` are expected to end like this, without a copy."""
        posts = [self.product.post(post) for post in self.posts]
        targets = [
            (target["platform"], post["content"], target["status"], ends.get(post["id"], "published"))
            for post in posts
            for target in post["targets"]
        ]
        copies = Counter((copy["network"], copy["text"]) for copy in self.copies())
        wanted = Counter((network, text) for network, text, _, end in targets if end == "published")
        claimed = Counter((network, text) for network, text, status, _ in targets if status == "published")
        return Numbers(
            posts=len(posts),
            kills=kills,
            faults=self.fired(),
            requests=len(self.requests()),
            doubled=sum(count > wanted[key] for key, count in copies.items()),
            lost=(claimed - copies).total() + sum(_is_lost(status, end) for _, _, status, end in targets),
            needs_review=sum(status == "needs_review" != end for _, _, status, end in targets),
            untold=sum(not self._is_told(post) for post in posts),
            seconds=time.monotonic() - self.began,
            may_park=may_park,
        )

    def _is_told(self, post: dict[str, Any]) -> bool:
        lines = self.product.client.call("GET", f"/api/posts/{post['id']}/timeline")["timeline"]
        ends = [line for line in lines if line["kind"] == post["status"] and line["target_id"] is None]
        return len(ends) == 1


def _is_lost(status: str, end: str) -> bool:
    return status not in (end, "needs_review")
