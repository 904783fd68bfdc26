"""What a bench says: a figure, what it is compared with, and whether that is good enough."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADINGS = ("", "goal", "figure", "baseline", "ratio", "asked", "")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One goal: its ratio to the baseline of the same run, or the bare figure, is held against a bound.

    One without a bound is only told.
    """

    number: str
    sentence: str
    unit: str
    figure: float
    baseline: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.figure / self.baseline if self.baseline else None

    @property
    def holds(self) -> bool:
        value = self.figure if self.ratio is None else self.ratio
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def asked(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"{shown(self.at_least)} to {shown(self.at_most)}"
        if self.at_most is not None:
            return f"<= {shown(self.at_most)}"
        return "-" if self.at_least is None else f">= {shown(self.at_least)}"

    @property
    def row(self) -> tuple[str, ...]:
        verdict = "" if self.asked == "-" else "holds" if self.holds else "MISSED"
        figures = (f"{shown(self.figure)} {self.unit}".rstrip(), shown(self.baseline), shown(self.ratio))
        return (self.number, self.sentence, *figures, self.asked, verdict)


def shown(value: float | None) -> str:
    """Return a number with three significant digits, or a dash for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def table(goals: Iterable[Goal]) -> str:
    """Return the goals as lines of equal columns."""
    return aligned([HEADINGS, *(goal.row for goal in goals)])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines of equal columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
