"""Posts by state, day by day, without reading more posts than takes a moment."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from adminapi.console.charts import Chart, Series, shown_time
from adminapi.monitoring.figures import UNPUBLISHED, Figures
from adminapi.templatetags.console import STATES
from posts.models import PostStatus

DAYS = 30
MOST_COUNTED = 20_000
"""Up to this many published posts of few workspaces are counted one by one; beyond, the sums by network are used."""
TONES = {
    PostStatus.PUBLISHED: "good",
    PostStatus.PARTIALLY_PUBLISHED: "part",
    PostStatus.PUBLISHING: "info",
    PostStatus.SCHEDULED: "main",
    PostStatus.DRAFT: "calm",
    PostStatus.NEEDS_REVIEW: "doubt",
    PostStatus.MISSED: "late",
    PostStatus.FAILED: "bad",
}


@dataclass(frozen=True, kw_only=True)
class State:
    """One state, with its readable name and its colour."""

    status: str
    name: str
    tone: str
    count: int


@dataclass(frozen=True, kw_only=True)
class States:
    """The number of posts in each state, on each of the last days until now."""

    days: list[date]
    counted: Mapping[tuple[date, str], int]
    by_network: bool
    """True if published posts are counted once per network."""

    @property
    def legend(self) -> list[State]:
        """Return the states that occur, with their posts of all days."""
        sums = Counter[str]()
        for (_day, status), count in self.counted.items():
            sums[status] += count
        found = ((status.value, tone, sums[status]) for status, tone in TONES.items() if sums[status])
        return [State(status=name, name=str(STATES[name]), tone=tone, count=count) for name, tone, count in found]

    @property
    def chart(self) -> Chart:
        series = [
            Series(
                name=each.name,
                tone=each.tone,
                numbers=[self.counted.get((day, each.status), 0) for day in self.days],
            )
            for each in self.legend
        ]
        note = _("Each post is counted on the day it went out, was planned for, or else was written (UTC).")
        more = _("Published ones are counted once for each network: there are too many to count post by post.")
        return Chart(
            title=_("Posts by state, last 30 days"),
            heading=_("Day"),
            labels=[shown_time(day) for day in self.days],
            series=series,
            kind="stack",
            note=f"{note} {more}" if self.by_network else note,
        )


def summarize(figures: Figures, published: Mapping[date, int]) -> States:
    """Return the posts of some days. `published` has the stored sums of each day: posts times networks."""
    days = sorted(published)
    by_network = figures.few_workspaces is None or sum(published.values()) > MOST_COUNTED
    statuses = UNPUBLISHED if by_network else list(PostStatus)
    counted = figures.posts_by_day(days[0], statuses=statuses)
    sums = {(day, PostStatus.PUBLISHED.value): count for day, count in published.items() if count and by_network}
    return States(days=days, counted=counted | sums, by_network=by_network)
