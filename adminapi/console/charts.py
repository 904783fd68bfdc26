"""Charts of the console: the drawing, and a table of the same numbers for readers who cannot see it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.periods import Granularity

Number = int | float | None
"""A number of a chart; None means unknown, which differs from 0."""
FORMATS = {
    Granularity.HOUR: "SHORT_DATETIME_FORMAT",
    Granularity.DAY: "MONTH_DAY_FORMAT",
    Granularity.WEEK: "DATE_FORMAT",
    Granularity.MONTH: "YEAR_MONTH_FORMAT",
}


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line, or the bars of one colour; `tone` is a colour of the stylesheet: `--op-chart-<tone>`."""

    name: str
    tone: str
    numbers: Sequence[Number]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Numbers by label. `kind` is `line`, `bar`, `stack` (bars on top of each other) or `list` (bars from the left)."""

    title: str
    heading: str
    """The heading of the labels' column."""
    labels: Sequence[str | SafeString]
    series: Sequence[Series]
    kind: str = "line"
    note: str = ""
    """A remark for reading the chart correctly."""

    @property
    def data(self) -> str:
        """Return the script's data, as JSON."""
        values = {
            "kind": self.kind,
            "labels": [str(label) for label in self.labels],
            "series": [asdict(each) for each in self.series],
        }
        return json.dumps(values, cls=DjangoJSONEncoder)

    @property
    def says(self) -> str:
        """Return the chart's text for screen readers."""
        return _("Chart: %(title)s. The same numbers are in the table that follows.") % {"title": self.title}

    @property
    def rows(self) -> Iterator[tuple[str | SafeString, list[Number]]]:
        """Give each label with its numbers."""
        for place, label in enumerate(self.labels):
            yield label, [series.numbers[place] for series in self.series]

    @property
    def is_known(self) -> bool:
        """Return whether there is anything to draw: false if some numbers are unknown and the others are 0."""
        numbers = [number for series in self.series for number in series.numbers]
        return any(numbers) or None not in numbers

    @property
    def is_long(self) -> bool:
        return len(self.labels) > 12


def shown_time(at: date | datetime, granularity: Granularity = Granularity.DAY) -> str:
    """Return a bucket's start in a readable form that is short enough for an axis."""
    return date_format(at, FORMATS[granularity])
