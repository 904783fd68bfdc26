"""Each reading of an account is counted by what came of it."""

from datetime import datetime
from typing import Any

import pytest

from accounts import calls, registry, tokens
from accounts.platforms.base import Session
from accounts.platforms.errors import PlatformError, RateLimited
from accounts.platforms.shapes import Account, AccountNumbers, Profile
from analytics import reading
from ouipost.writer import Inline
from tests.analytics.readings import claim
from tests.factories import make_account
from tests.posts.fakes import ScriptedNetwork, never
from workspaces.models import Workspace


class Counting(ScriptedNetwork):
    """Says how an account stands, or why it does not."""

    def __init__(self, said: AccountNumbers | PlatformError) -> None:
        super().__init__()
        self.said = said

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        if isinstance(self.said, PlatformError):
            raise self.said
        return self.said

    def profile(self, session: Session, account: Account) -> Profile:
        return Profile(name="Page")


@pytest.mark.parametrize(
    ("said", "outcome"), [(AccountNumbers(followers=3), "read"), (RateLimited("Slower."), "rate_limited")]
)
def test_a_reading_is_counted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, said: Any, outcome: str) -> None:
    monkeypatch.setattr(registry, "get", lambda *_, **__: Counting(said))
    monkeypatch.setattr(tokens, "close_old_connections", lambda: None)
    account = make_account(workspace)

    reading.read(claim(account), writer=Inline(), is_ending=never)

    counted = {key[1:]: each.calls for key, each in calls.COUNTED.take().items()}
    assert counted == {("sandbox:facebook", "sync", outcome): 1}
