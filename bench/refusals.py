"""How long a refusal takes, where its time could give something away: what is nearly right, or somebody else's, beside
what does not exist. Each pair is asked in turns, over Django's test client in one process.
"""

import sys
import time
from collections.abc import Callable
from functools import cache, partial
from statistics import median

from django.test import Client

from adminapi.models import LoginAttempt
from adminapi.sessions import logins
from bench.goals import Goal
from ouipost.ids import new_id
from tests.factories import make_key, make_post, make_user, make_workspace
from workspaces.keys import guesses

ROUNDS = 11
MANY = 1_000_000
Ask = Callable[[], int]
"""Asks once, and returns the status of the answer."""


def run() -> list[Goal]:
    """Ask as somebody who has not guessed before: nobody is made to wait here."""
    guesses.PER_MINUTE = logins.MOST_OF_EMAIL = logins.MOST_FROM_ADDRESS = MANY
    ours, theirs = make_workspace(mode="live"), make_workspace(mode="live")
    secret = make_key(name="Ours", workspace_ids=[ours.pk])[1]
    post, email = f"/api/posts/{make_post(theirs).pk}", make_user().email
    nearly, unknown = secret[:-1] + ("a" if secret[-1] != "a" else "b"), "pk_live_" + "z" * 32
    known = partial(_call, secret, ours.pk)
    return [
        _goal(
            "a key whose last character is wrong, beside one of which nothing is right",
            partial(_call, nearly, ours.pk, "GET", "/api/posts"),
            partial(_call, unknown, ours.pk, "GET", "/api/posts"),
            status=401,
            within=0.05,
        ),
        _goal(
            "a wrong password, beside an unknown e-mail address",
            partial(_log_in, email),
            partial(_log_in, "nobody@example.com"),
            status=401,
            within=0.1,
            turns=10,
        ),
        *(
            _goal(
                f"{method} of another tenant's post, beside one that does not exist",
                partial(known, method, post),
                partial(known, method, f"/api/posts/{new_id('post')}"),
                status=404,
                within=0.2,
            )
            for method in ("GET", "PUT", "DELETE")
        ),
    ]


def _call(secret: str, workspace_id: str, method: str, path: str) -> int:
    headers = {"X-API-Key": secret, "X-Workspace-ID": workspace_id}
    body = b'{"content": "Ours now"}' if method == "PUT" else b""
    return _browser().generic(method, path, body, content_type="application/json", headers=headers).status_code


def _log_in(email: str) -> int:
    LoginAttempt.objects.all().delete()  # they are read with each attempt
    body = {"email": email, "password": "a wrong pass phrase"}
    return _browser().post("/admin/login", body, content_type="application/json").status_code


@cache
def _browser() -> Client:
    """Return one for all: to load its middleware takes longer than what is measured."""
    return Client(SERVER_NAME="127.0.0.1")


def _goal(sentence: str, ask: Ask, baseline: Ask, *, status: int, within: float, turns: int = 100) -> Goal:
    """Return the round of the median ratio, of two medians of turns: what else the machine does touches few of them."""
    rounds = [_round(ask, baseline, status, turns) for _ in range(ROUNDS)]
    figure, beside = sorted(rounds, key=lambda pair: pair[0] / pair[1])[ROUNDS // 2]
    return Goal(
        number="R",
        sentence=sentence,
        unit="ms",
        figure=figure * 1000,
        baseline=beside * 1000,
        at_least=1 - within,
        at_most=1 + within,
    )


def _round(ask: Ask, baseline: Ask, status: int, turns: int) -> tuple[float, float]:
    pairs = [(_seconds(ask, status), _seconds(baseline, status)) for _ in range(turns)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def _seconds(ask: Ask, status: int) -> float:
    started = time.perf_counter()
    answered = ask()
    seconds = time.perf_counter() - started
    if answered != status:
        sys.exit(f"A refusal is {answered} and not {status}.")
    return seconds
