"""`manage.py verify_audit`: prove that no row of the audit log was changed, removed or inserted since it was sealed."""

import re
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from adminapi.management.arguments import WrongArgument, require_between
from adminapi.management.base import OperatorCommand, add_json, counted
from ouipost.events.models import ChainHead
from ouipost.events.verifying import Kept, Verdict, Waiting, end, follow, waiting

KEPT = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
EMPTY = "0:"
"""The head of a chain without rows."""


class Command(OperatorCommand):
    help = "Recompute the chain of the audit log; exits 1 and names the first row that does not hold."
    details = """
Examples:
  manage.py verify_audit                      prints the head of the chain: keep it on another machine
  manage.py verify_audit --kept 3121:2f1c0e…  also proves that nothing before it was rewritten
  manage.py verify_audit --from 100000 --json

It only reads, some 40,000 rows a second. Exits with 1 if the chain is broken, with 2 if an argument cannot be, such as
a row beyond the end of the chain, else with 0."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="first", type=int, default=1, metavar="SEQ", help="trust what comes before this row"
        )
        parser.add_argument("--kept", default="", metavar="SEQ:SEAL", help="a head that was printed earlier")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between("--from", options["first"], least=1, most=10**18)
        kept = _kept(options["kept"], first=options["first"])
        _require_reached(options["first"], kept)
        found = self._follow(options["first"], kept)
        left = waiting(timezone.now())
        self.show(_shown(found, left))
        self._say(found, left)
        if found.broken is not None:
            sys.exit(1)

    def _follow(self, first: int, kept: Kept | None) -> Verdict:
        """Follow the chain, and print after each batch how far it is intact."""
        found, told, total = Verdict(), 0, _length(first)
        for found in follow(first=first, kept=kept):
            if found.rows > told:
                told = found.rows
                self.say(f"{told:,} of {counted(max(total, told), 'row holds', 'rows hold')}")
        return found

    def _say(self, found: Verdict, left: Waiting) -> None:
        if left.rows:
            old = counted(left.overdue, "is older", "are older")
            self.say(f"{counted(left.rows, 'row is', 'rows are')} not sealed yet; {old} than a minute.")
        if left.overdue:
            self.say("Rows that old wait for a worker, or were given an earlier time: is a worker running?")
        if found.backdated:
            has = counted(found.backdated, "row has", "rows have")
            self.say(f"{has} a time an hour or more before a row sealed earlier.")
        if found.broken is not None:
            row = f" ({found.broken.id})" if found.broken.id else ""
            self.say(f"BROKEN at {found.broken.seq}{row}: {found.broken.what}")
        else:
            self.say(f"The chain holds. Keep its head elsewhere: {found.seq}:{found.seal}")


def _kept(text: str, *, first: int) -> Kept | None:
    """Return the kept head; raises WrongArgument if it is malformed, or before the checked rows."""
    if text in ("", EMPTY):
        return None
    match = KEPT.fullmatch(text)
    if match is None:
        raise WrongArgument("--kept is a head as this command prints it: a number, a colon, 64 hexadecimal digits.")
    if int(match[1]) < first:
        raise WrongArgument("--kept is before --from: it would not be looked at.")
    return Kept(seq=int(match[1]), seal=match[2])


def _require_reached(first: int, kept: Kept | None) -> None:
    """Raise WrongArgument if the chain does not go so far; a kept head proves whether it once did."""
    last = end()
    if kept is None and first > last + 1:
        raise WrongArgument(
            f"There is nothing from {first} on: the chain ends at {last}. Whether it was longer once, "
            "`--kept` proves with a head of then."
        )


def _length(first: int) -> int:
    head = ChainHead.objects.filter(pk=1).first()
    return max(0, (head.seq if head else 0) - first + 1)


def _shown(found: Verdict, left: Waiting) -> dict[str, Any]:
    return {
        "holds": found.broken is None,
        "rows": found.rows,
        "head": {"seq": found.seq, "seal": found.seal},
        "broken": asdict(found.broken) if found.broken else None,
        "unsealed": left.rows,
        "unsealed_overdue": left.overdue,
        "backdated": found.backdated,
    }
