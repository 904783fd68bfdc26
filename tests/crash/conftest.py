"""Products that this part of the suite shares, each without a worker: tests bring their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.crash.matrix import Stage, stage
from tests.product import Product

SPEED = 16
Stages = Callable[[str], Stage]


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """Products that were started when they were first asked for, by who runs them."""
    with ExitStack() as stack:
        started: dict[str, Stage] = {}

        def of(runner: str) -> Stage:
            if runner not in started:
                home = tmp_path_factory.mktemp(runner)
                started[runner] = stack.enter_context(stage(home, None, runner, speed=SPEED))
            return started[runner]

        yield of


@pytest.fixture
def product(stages: Stages) -> Product:
    return stages("work").product
