"""The publisher: claims due targets straight from the database and publishes them; any number of publishers may run."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from ouipost import claims
from ouipost.claims import Claim
from ouipost.engine import Engine
from ouipost.writer import Runs
from posts.models import Target
from posts.publishing.arming import Loaded, load_ahead
from posts.publishing.claiming import claim_targets
from posts.publishing.clock import CLOCK
from posts.publishing.one_target import publish

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ClaimedTarget:
    """A claimed target, as it was read right after the claim."""

    claim: Claim
    loaded: Loaded | None = field(repr=False)


class Publisher(Engine[ClaimedTarget]):
    """One process's share of the publishing: its own thread writes, up to `threads` others talk to networks."""

    name = "publish"
    last_seconds = 700
    """A network may take 600 s for a video before the visible call. If each Celery run gave up earlier, such a post
    would start over every time."""

    def claim(self, free: int, running: Collection[ClaimedTarget]) -> list[ClaimedTarget]:
        CLOCK.pause_if_jumped()
        held = claim_targets(free, suspects=not any(job.claim.unsettled for job in running))
        loaded = load_ahead(held)
        return [ClaimedTarget(claim=claim, loaded=loaded.get(claim.pk)) for claim in held]

    def leave(self, jobs: Sequence[ClaimedTarget]) -> None:
        """Make unsent targets due at once; armed ones are looked for when their lease is over."""
        held = {job.claim.pk: job.claim for job in jobs}
        with transaction.atomic():  # none can be armed now: the writer is closed, and later claims have other fences
            unseen = Target.objects.filter(pk__in=held, outcome_unknown=False).values_list("pk", flat=True)
            rows = [(held[pk], {**held[pk].released, "in_flight": None}) for pk in unseen]
            given_back = claims.write_each(Target, rows)
        for claim in given_back:
            logger.info("Target %s is given back: the worker has to end", claim.pk)

    def ids(self, job: ClaimedTarget) -> dict[str, str | int]:
        found: dict[str, str | int] = {"target_id": job.claim.pk}
        if job.loaded is None:
            return found
        target = job.loaded.target
        about = {"post_id": target.post_id, "account_id": target.account_id, "network": target.platform}
        return found | about | {"workspace_id": target.post.workspace_id, "attempt": target.attempts + 1}

    def work(self, job: ClaimedTarget, writer: Runs) -> None:
        publish(job.claim, writer=writer, loaded=job.loaded, is_ending=self._stopping.is_set)
