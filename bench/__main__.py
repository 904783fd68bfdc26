"""`python -m bench [subject …]`: measures the product beside its baselines and prints each goal with its figure."""

import importlib
import sys

from bench.goals import Goal, table
from bench.world import prepared

SUBJECTS = (
    "http",
    "claims",
    "publishing",
    "nodes",
    "lateness",
    "queue",
    "memory",
    "writers",
    "analytics",
    "admin",
    "console",
    "webhooks",
    "refusals",
)
"""Modules of this package; each has `run() -> list[Goal]` and is imported when Django is set up."""


def main(*names: str) -> int:
    """Run these subjects, or all, print the goals of each at once, and return 1 when one was missed."""
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        sys.exit(f"There is no bench {', '.join(unknown)}; there are {', '.join(SUBJECTS)}.")
    goals: list[Goal] = []
    with prepared():
        for name in names or SUBJECTS:
            print(f"Measuring {name}", flush=True)
            found = importlib.import_module(f"bench.{name}").run()
            print(f"\n{table(found)}\n", flush=True)
            goals += found
    missed = [goal for goal in goals if not goal.holds]
    print(f"Missed:\n\n{table(missed)}" if missed else "All goals hold.")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
