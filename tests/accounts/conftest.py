"""A network on paper in the place of the real ones, and the few words most tests begin with."""

import pytest

from accounts import registry
from tests.accounts.fakes import FakeNetwork, FakePasswordNetwork


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    fake = FakeNetwork()
    monkeypatch.setattr(registry, "connector", lambda platform, workspace: fake)
    return fake


@pytest.fixture
def password_network(monkeypatch: pytest.MonkeyPatch) -> FakePasswordNetwork:
    fake = FakePasswordNetwork()
    monkeypatch.setattr(registry, "connector", lambda platform, workspace: fake)
    return fake
