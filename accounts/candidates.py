"""The accounts that a sign-in opened, kept encrypted in its row until some of them are chosen."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from accounts.models import Connection
from accounts.platforms.shapes import Candidate, Profile, Tokens


def candidates_of(connection: Connection) -> list[Candidate]:
    """Return the accounts to choose from in a sign-in that waits for a choice; otherwise none."""
    text = connection.unseal()
    return [_candidate(each) for each in json.loads(text)] if text.startswith("[") else []


def dump(candidates: list[Candidate]) -> str:
    """Return the text to seal, from which `candidates_of` reads them."""
    return json.dumps([asdict(each) for each in candidates], default=lambda moment: moment.isoformat())


def _candidate(values: dict[str, Any]) -> Candidate:
    tokens = values["tokens"]
    for moment in ("access_expires_at", "ends_at"):
        tokens[moment] = datetime.fromisoformat(tokens[moment]) if tokens[moment] else None
    tokens["scopes"] = tuple(tokens["scopes"])
    return Candidate(**values | {"tokens": Tokens(**tokens), "profile": Profile(**values["profile"])})
