"""The finding of a check. Plain Python: it is also used when the settings cannot be read."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

OK, WARNING, WRONG, UNKNOWN = "ok", "warning", "wrong", "unknown"
SHOWN = {OK: "ok     ", WARNING: "warning", WRONG: "WRONG  ", UNKNOWN: "unknown"}
WORST_FIRST = (WRONG, UNKNOWN, WARNING, OK)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The state of a part in a sentence, and the remedy if it is not well."""

    name: str
    status: str
    message: str
    action: str = ""


def well(message: str) -> Finding:
    """Return a finding that needs no action. The doctor fills in the name, here and below."""
    return Finding(name="", status=OK, message=message)


def warning(message: str, action: str) -> Finding:
    """Return a finding about a part that works, but not as it should."""
    return Finding(name="", status=WARNING, message=message, action=action)


def wrong(message: str, action: str) -> Finding:
    """Return a finding about a part that does not work, or will not when it matters."""
    return Finding(name="", status=WRONG, message=message, action=action)


def unknown(message: str) -> Finding:
    """Return a finding about a part that could not be checked, because something else is wrong."""
    return Finding(name="", status=UNKNOWN, message=message)


def worst(found: Sequence[Finding]) -> str:
    """Return the worst status among these."""
    return next(status for status in WORST_FIRST if status in {finding.status for finding in found})


def as_json(found: Sequence[Finding]) -> str:
    """Return the one object of `--json`."""
    return json.dumps({"status": worst(found), "checks": [asdict(finding) for finding in found]})


def as_text(found: Sequence[Finding]) -> str:
    """Return a line or two for each, and one that counts them."""
    lines = []
    for each in found:
        lines.append(f"{SHOWN[each.status]}  {each.name}: {each.message}")
        lines += [f"         do this: {each.action}"] if each.action else []
    counted = [(sum(each.status == status for each in found), status) for status in WORST_FIRST]
    return "\n".join([*lines, ", ".join(f"{count} {status}" for count, status in counted if count) + "."])


def refused(reason: str, *, in_json: bool) -> str:
    """Return the only finding if the settings cannot be read, as nothing else can be checked then."""
    action = "Set it in the environment or in `.env`: `.env.example` has a line for each setting."
    found = [Finding(name="settings", status=WRONG, message=reason, action=action)]
    return as_json(found) if in_json else as_text(found)
