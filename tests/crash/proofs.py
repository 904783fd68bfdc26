"""The claims about reliability with their proofs, and the results of the last full run.

`proofs.txt` has a line for each sentence: the number of the acceptance test, the sentence, the files that prove it in
the suite, and what `make crash` adds. `last_run.txt` has the lines that `python -m tests.crash --record` kept of the
last full run. `python -m tests.crash --table` writes both into `docs/reliability.md`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.crash.campaign import TOLD
from tests.product import ROOT

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "reliability.md"
LAST_RUN = HERE / "last_run.txt"
NUMBERS = """
    1 2 3 4 5 7 9 10 11 12 13 14 15 16 17 19 20 21 22 24 26 27 28 29 30 32 33 34 35 36 37 39
    40 41 42 43 44 45 46 48 49 50 52 53 54 55 56 57 58 60 61 62 64 65 66 67 68 69 70 72 73 74 75 76
    77 78 79 81 82 84 85 87 88
""".split()  # noqa: SIM905 (a list literal takes a line for each)
"""The numbers of all acceptance tests."""
OTHERS = ("C", "H", "R", "V")
"""Claims without a number: the acceptance tests have one machine, no lost answers to commits, no restored copies and no
uploads that take minutes."""
SENTENCES = "| | Sentence | Short | Full |"
LINES = "| | Run | On | posts | kills | faults | requests | copies>1 | lost | review | not told once | |"
LINE = re.compile(r"(?P<tests>.{10})(?P<name>.{38})(?P<database>.{8})(?P<runner>.{7})(?P<rest>.*)  GOOD")
"""The line of a run; see `Run.__str__` and `Numbers.__str__`."""
DATABASES = {"sqlite": "SQLite", "mariadb": "MariaDB"}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One sentence and its proofs; names of files and commands are in backticks."""

    number: str
    sentence: str
    short: str
    full: str

    @property
    def names(self) -> list[str]:
        return re.findall(r"`(.+?)`", f"{self.short} {self.full}")

    def __str__(self) -> str:
        return f"| {self.number} | {self.sentence} | {self.short} | {self.full} |"


def proofs() -> list[Proof]:
    """Return all of them, in the order of the page."""
    lines = (HERE / "proofs.txt").read_text().splitlines()
    return [Proof(**dict(zip(Proof.__annotations__, line.split(" | "), strict=True))) for line in lines]


def page(text: str, lines: Sequence[str]) -> str:
    """Return the page with its two tables as they should be: all sentences, and these lines of a full run."""
    told = _with_table(text, SENTENCES, ["|---|---|---|---|", *map(str, proofs())])
    return _with_table(told, LINES, [f"|{'---|' * LINES.count(' |')}", *rows(lines)])


def _with_table(text: str, heading: str, table: Iterable[str]) -> str:
    before, _, after = text.partition(f"{heading}\n")
    rest = re.sub(r"\A(\|.*\n)*", "", after)
    return "\n".join([f"{before}{heading}", *table, rest])


def rows(record: Sequence[str]) -> Iterator[str]:
    """Return the rows of a record's runs, the matrix summed up by its blows, and at last the sum of all."""
    lines = [line for line in record if not line.startswith("All ")]
    sums = [0] * len(TOLD)
    for run, group in groupby(map(_parsed, lines), key=lambda parsed: parsed[0]):
        found = list(group)
        numbers = [sum(column) for column in zip(*(each for _, each, _ in found), strict=True)]
        sums = [one + other for one, other in zip(sums, numbers, strict=True)]
        yield _row(run, numbers, found[0][2] if len(found) == 1 else "")
    yield _row(("", "**All**", ""), sums, "", mark="**")


def _parsed(line: str) -> tuple[tuple[str, str, str], list[int], str]:
    """Return the run's tests, name and place, its eight numbers, and its further results."""
    match = LINE.fullmatch(line)
    assert match is not None, f"Not the line of a run that went well: {line}"
    parts = match["rest"].split("  ")
    numbers, others = parts[: len(TOLD)], parts[len(TOLD) + 1 :]  # between them, how long it took
    name = re.sub(r"^matrix: ([\w-]+).*", r"matrix: \1, 10 steps", match["name"].strip())
    name = re.sub(r"^nine networks: kill.*", "nine networks: kill, 11 steps", name)
    on = f"{DATABASES[match['database'].strip()]} {match['runner']}".strip()
    return (match["tests"].strip(), name, on), [int(each.rpartition(" ")[2]) for each in numbers], ", ".join(others)


def _row(run: Sequence[str], numbers: Sequence[int], others: str, *, mark: str = "") -> str:
    cells = [*run, *(f"{mark}{number:,}{mark}" for number in numbers), others]
    return " ".join(f"| {cell}" if cell else "|" for cell in cells) + " |"
