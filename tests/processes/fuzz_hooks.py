"""Read by the process that asks in many ways: it must not saw off the branch that it sits on."""

import os
from typing import Any

import schemathesis

from tests.contract.closing import closed

SPARED = os.environ.get("FUZZ_SPARED", "").split()
"""Ids of whom and where it acts: without them every other request would be refused."""


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Let an answer with a field that is not described fail, too."""
    raw_schema.update(closed(raw_schema))


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what would change or remove them."""
    named = (case.path_parameters or {}).values()
    return case.method == "GET" or not any(spared in str(value) for spared in SPARED for value in named)
