"""A webmail to talk to over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from merpati.platform.settings import Settings
from tests.embedded import Cluster, Service
from tests.office import Office, Visitor, open_office


@pytest.fixture(scope="module")
def office(cluster: Cluster, settings: Settings) -> Iterator[Office]:
    with ExitStack() as stack:

        def start(name: str) -> Service:
            service = Service(name, settings, cluster.home)
            stack.callback(service.close)
            return service.start()

        yield open_office(settings, start)


_people = itertools.count()


@pytest.fixture
def hire(office: Office) -> Callable[[], str]:
    """A new person's address, each time it is called."""
    return lambda: office.hire(f"person{next(_people)}")


@pytest.fixture
def visitor(office: Office) -> Iterator[Visitor]:
    with Visitor(office) as visitor:
        yield visitor
