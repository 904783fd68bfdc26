"""The figures of the fault test, told after the run."""

from collections import Counter

from _pytest.terminal import TerminalReporter

FAULTS_TRIED = "faults_tried"
COLUMNS = ("kinds", "faults", "copies above 1", "wrong", "needs_review")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print for each network how many kinds of posts met how many faults, and what came of it."""
    totals: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for network, counts in (value for name, value in report.user_properties if name == FAULTS_TRIED):
                totals.setdefault(network, Counter()).update(counts)
    if totals:
        terminalreporter.section("faults at the networks")
        terminalreporter.write_line(f"{'network':12}" + "".join(f"{name:>16}" for name in COLUMNS))
    for network, counts in totals.items():
        terminalreporter.write_line(f"{network:12}" + "".join(f"{counts[name]:>16}" for name in COLUMNS))
