"""The engine itself is killed under load: its containers come back with it, and nothing acknowledged is lost."""

from __future__ import annotations

from tests.containers.composed import Composed
from tests.embedded import wait_until
from tests.system.load import Load, assert_all_arrive, incoming, subjects
from tests.system.merpati import SERVICES

IQBAL = "iqbal@example.com"


def test_the_engine_is_killed_and_everything_comes_back(company: Composed) -> None:
    load = Load("engine", incoming(company, IQBAL))
    with load:
        load.wait_for(5)
        company.engine.kill()
        company.engine.start()
        wait_until(lambda: all(company.is_healthy(name) for name in SERVICES), 180, "all services healthy")
        load.wait_for(5)
    assert_all_arrive([load], lambda: subjects(company, IQBAL))
