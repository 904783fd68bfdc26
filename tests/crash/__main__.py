"""Everything at full size, on SQLite and on MariaDB: `python -m tests.crash` prints the numbers of each run.

A line begins with the numbers of the acceptance tests that the run is for. `--only WORD` (repeatable) chooses the runs
whose line has all these words; `--record FILE` adds the lines to a file, and `--resume` leaves out what that file has
already. `--table` writes what is proved, and the lines of the last full run, into `docs/reliability.md`. Exits 1 when
anything was wrong.
"""

import argparse
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from ouipost.configuration import secrets_file
from tests.crash import proofs
from tests.crash.campaign import TOLD
from tests.crash.run import DATABASES, Run
from tests.crash.runs import all_runs, of_soaks
from tests.services import database

PATIENT_JOBS = 2
LONGEST = 1500


class Record:
    """Prints lines, and keeps them in a file where one is named."""

    def __init__(self, file: Path | None, *, resume: bool) -> None:
        self._lock = threading.Lock()
        self._file = file
        self.lines = file.read_text().splitlines() if file and resume and file.exists() else []

    def add(self, line: str) -> None:
        with self._lock:
            print(line, flush=True)  # noqa: T201
            self.lines.append(line)
            if self._file:
                with self._file.open("a") as file:
                    file.write(f"{line}\n")

    def of(self, runs: Sequence[Run]) -> list[str]:
        """Return the lines of these runs."""
        return [line for line in self.lines if any(line.startswith(str(run)) for run in runs)]


def run_group(runs: Sequence[Run], server: str, record: Record) -> None:
    """Run what shares a place, one after the other; in a new place after each run that went wrong."""
    left = list(runs)
    while left:
        with ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True))
            for line in _in_one_place(left, Path(home), server, stack):
                record.add(line)


def _in_one_place(left: list[Run], home: Path, server: str, stack: ExitStack) -> Iterator[str]:
    """Take runs off the list until one goes wrong, and give the line of each."""
    place, is_good = None, True
    while left and is_good:
        run = left.pop(0)
        try:
            place = place or stack.enter_context(run.place(home, server))
            result = run.work(place)
            is_good = run.is_good(result)
            yield f"{run}{result}  {'GOOD' if is_good else 'WRONG'}"
        except Exception as error:
            is_good = False
            print(error, file=sys.stderr, flush=True)  # noqa: T201
            yield f"{run}{type(error).__name__}: {' '.join(str(error)[:LONGEST].split())}  WRONG"


def totals(lines: Sequence[str]) -> str:
    """Add the numbers of all lines up."""
    sums = [f"{name} {sum(int(found) for line in lines for found in _found(name, line))}" for name in TOLD]
    wrong = sum(not line.endswith("GOOD") for line in lines)
    return f"All {len(lines)} runs: {'  '.join(sums)}  {f'{wrong} WRONG' if wrong else 'GOOD'}"


def _found(name: str, line: str) -> list[str]:
    return re.findall(rf"\s{re.escape(name)} (\d+)(?:  |$)", line)[:1]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.crash", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="WORD")
    parser.add_argument("--record", type=Path, metavar="FILE")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--jobs", type=int, default=2, help="products side by side (default 2), and two that only wait")
    parser.add_argument("--list", action="store_true", help="print what would run")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="in place of all other runs, one so long")
    parser.add_argument("--table", action="store_true", help="write the tables of docs/reliability.md anew")
    options = parser.parse_args(arguments)
    if options.table:
        lines = proofs.LAST_RUN.read_text().splitlines()
        proofs.PAGE.write_text(proofs.page(proofs.PAGE.read_text(), lines))
        return 0
    record = Record(options.record, resume=options.resume)
    candidates = of_soaks(options.soak) if options.soak else all_runs()
    chosen = [run for run in candidates if all(word in str(run) for word in options.only)]
    if not chosen:
        parser.error("No run's line has all these words: " + ", ".join(options.only))
    runs = [run for run in chosen if not record.of([run])]
    if options.list:
        print(*runs, sep="\n")  # noqa: T201
        return 0
    os.environ["OUTBOUND_ALLOW"] = "127.0.0.0/8"  # receivers of webhooks are on this machine
    with tempfile.TemporaryDirectory(prefix="crash-") as home:
        secrets_file.load(Path(home))  # products share them with what their databases are copied from
    with database() as server, ThreadPoolExecutor(options.jobs) as busy, ThreadPoolExecutor(PATIENT_JOBS) as patient:
        urls = dict(zip(DATABASES, ("", server), strict=True))
        for run in [run for run in runs if run.is_alone]:
            run_group([run], urls[run.database], record)
        beside = [run for run in runs if not run.is_alone]
        groups = [list(group) for _, group in groupby(beside, lambda run: run.group or str(run))]
        started = [
            (patient if group[0].is_patient else busy).submit(run_group, group, urls[group[0].database], record)
            for group in groups
        ]
        for each in started:
            each.result()
    lines = record.of(chosen)
    record.add(totals(lines))
    return int(len(lines) < len(chosen) or not all(line.endswith("GOOD") for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
