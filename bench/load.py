"""Load on one address, and what it costs the processes that serve it."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.processes import cpu_seconds
from tests.services import find

CONNECTIONS = 16
WARM_UP_SECONDS = 1
PATIENCE = "30s"
SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One request that is sent again and again, and the processes that it costs time: the web server's first."""

    name: str
    url: str
    headers: Mapping[str, str]
    processes: Sequence[int]
    body: str = ""
    connections: int = CONNECTIONS


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one subject did in one round; times are in milliseconds, CPU in microseconds per request."""

    per_second: float
    p50: float
    p99: float
    cpu: float
    web_cpu: float


def compare(subjects: Sequence[Subject], *, rounds: int, seconds: int) -> dict[str, Round]:
    """Load the subjects in turn, in reversed order every other round; returns the median of each figure by name."""
    for subject in subjects:
        _load(subject, WARM_UP_SECONDS)
    taken: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            taken[subject.name].append(_round(subject, seconds))
    return {name: _medians(each) for name, each in taken.items()}


def _round(subject: Subject, seconds: int) -> Round:
    before = [cpu_seconds(pid) for pid in subject.processes]
    report = _load(subject, seconds)
    used = [cpu_seconds(pid) - start for pid, start in zip(subject.processes, before, strict=True)]
    microseconds = [1e6 * each / report["requests"] for each in used]
    return Round(
        per_second=report["requests"] / report["seconds"],
        p50=report["p50_ms"],
        p99=report["p99_ms"],
        cpu=sum(microseconds),
        web_cpu=microseconds[0],
    )


def _load(subject: Subject, seconds: int) -> dict[str, float]:
    command = [
        find("wrk"),
        "-t1",
        f"-c{subject.connections}",
        f"-d{seconds}s",
        "--timeout",
        PATIENCE,
        "-s",
        str(SCRIPT),
    ]
    for name, value in subject.headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [subject.url, *(["--", subject.body] if subject.body else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    report: dict[str, float] = json.loads(done.stdout.rsplit("\n", 2)[-2])
    if report["failed"] or not report["requests"]:
        sys.exit(f"{subject.name}: {report['failed']:.0f} of {report['requests']:.0f} requests failed.")
    return report


def _medians(rounds: Iterable[Round]) -> Round:
    taken = list(rounds)
    return Round(**{name: median(getattr(each, name) for each in taken) for name in Round.__dataclass_fields__})
