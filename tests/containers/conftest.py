"""One engine, one `docker compose up` for all tests of containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.containers.composed import Composed
from tests.containers.engine import Engine, NoEngine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = Engine()
    try:
        engine.prepare()
        engine.start()
        engine.base_image()
    except NoEngine as reason:
        engine.stop()
        pytest.skip(f"no container engine here: {reason}")
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def company(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The company of the stories, in containers."""
    limits = {"smtp_client_rate": 0, "smtp_error_limit": 1_000, "submission_rate": 0, "queue_lease": 5}
    with Composed(engine, tmp_path_factory.mktemp("compose"), "merpati-test", **limits) as company:
        yield company  # type: ignore[misc]
