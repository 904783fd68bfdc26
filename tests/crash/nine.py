"""A post with files for each of the nine networks, while processes are killed at a step of the engine."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import Any

from tests.crash.campaign import Campaign, Numbers
from tests.crash.matrix import Cell, Stage, strike
from tests.networks.kinds import KINDS

CHOSEN = (
    *("facebook video", "instagram carousel", "twitter images", "linkedin images of an organization", "tiktok video"),
    *("youtube video", "pinterest video", "threads carousel", "bluesky images"),
)
"""Kinds whose files take several calls, without those whose lost answer only a person can clear up."""
FAULTS: tuple[dict[str, Any], ...] = ({}, {"effect": "reset", "after_accept": True})
"""The faults for the visible call of one post at each network; the first has none."""

MOST = len(CHOSEN) * len(FAULTS)
LEAST = 5
"""The least number of struck posts: only posts without a handle or key are looked for, so not all reach each step."""


def one_of_each(stage: Stage, cell: Cell, *, faults: Sequence[dict[str, Any]] = FAULTS) -> Numbers:
    """Publish a post for each network and fault while processes are struck, and count the copies in the end."""
    campaign, client = Campaign(stage.product), stage.product.client
    for fault, kind in product(faults, [kind for kind in KINDS if str(kind) in CHOSEN]):
        word = f"{len(campaign.posts)} of {campaign.word}"
        account = client.connect(kind.network, f"P{word.replace(' ', '')}", choose=kind.choose)
        if fault:
            stage.product.order(network=kind.network, account=account["remote_id"], **fault)
        post = campaign.write([account], **kind.request(f"Post {word}", account))
        for make in kind.files:
            client.call("POST", f"/api/posts/{post}/media", files={"file": ("file", _made(make))})
    return strike(stage, cell, campaign)


@cache
def _made(make: Callable[[], bytes]) -> bytes:
    return make()
