"""The auth service while Postgres or Redis is away, when killed, and when told to stop."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.embedded import Cluster, Service, wait_until
from tests.system import rest
from tests.system.rest import PASSWORD, problem

PATIENCE = 30  # seconds; a guard against hangs


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A Postgres and a Valkey that these tests may stop."""
    cluster = Cluster()
    try:
        cluster.start()
        yield cluster, cluster.new(tmp_path_factory.mktemp("data"))
    finally:
        cluster.close()


@pytest.fixture
def auth(town):
    cluster, settings = town
    service = Service("auth", settings, cluster.home).start()
    yield service
    service.close()


def test_postgres_away_is_503_and_comes_back_by_itself(town, auth):
    cluster, settings = town
    with rest.postmaster(settings) as api:
        assert api.get("/domains").status_code == 200
        cluster.stop_postgres()
        try:
            for answer in (
                api.get("/domains"),
                api.get("/health"),
                api.post("/domains", json={"name": "late.example"}),
                httpx.post(
                    f"{rest.url(settings)}/api/v1/login", json={"username": "a@b.example", "password": "x"}
                ),
            ):
                assert "Retry-After" in answer.headers
                problem(answer, 503)
        finally:
            cluster.start_postgres()
        wait_until(lambda: api.get("/domains").status_code == 200, PATIENCE, "Postgres back")
        assert api.post("/domains", json={"name": "late.example"}).status_code == 201


def test_redis_away_changes_nothing_but_the_status(town, auth):
    cluster, settings = town
    with rest.postmaster(settings) as api:
        cluster.stop_valkey()
        try:
            assert api.post("/domains", json={"name": "quiet.example"}).status_code == 201
            wait_until(lambda: api.get("/status").json()["bell"] == "down", PATIENCE, "the bell lost")
        finally:
            cluster.start_valkey()
        wait_until(lambda: api.get("/status").json()["bell"] == "up", PATIENCE, "the bell back")


def test_starts_without_postgres_and_is_ready_with_it(town):
    cluster, settings = town
    cluster.stop_postgres()
    service = Service("auth", settings, cluster.home)
    started = threading.Thread(target=service.start)
    try:
        started.start()

        def answers() -> bool:
            try:
                return rest.anonymous(settings).get("/health").status_code == 503
            except httpx.TransportError:
                return False

        wait_until(answers, PATIENCE, "an answer")
        assert started.is_alive(), "not ready while nobody can log in"
    finally:
        cluster.start_postgres()
    started.join(PATIENCE)
    assert rest.anonymous(settings).get("/health").status_code == 200
    service.close()


def test_a_killed_service_starts_again_on_its_socket(town, auth):
    cluster, settings = town
    auth.kill()
    again = Service("auth", settings, cluster.home).start()
    transport = httpx.HTTPTransport(uds=settings.auth_endpoint.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://auth") as client:
        problem(client.post("/internal/verify"), 401)
    again.close()


def test_the_request_in_hand_is_finished(town, auth):
    _, settings = town
    with rest.postmaster(settings) as api:
        answers: list[int] = []
        many = [
            threading.Thread(
                target=lambda number=number: answers.append(
                    api.post(
                        "/accounts", json={"address": f"n{number}@late.example", "password": PASSWORD}
                    ).status_code
                )
            )
            for number in range(4)
        ]
        api.post("/domains", json={"name": "late.example"})
        for thread in many:
            thread.start()
        log = auth.log
        wait_until(lambda: answers, PATIENCE, "the first answer")
        auth.stop()
        for thread in many:
            thread.join(PATIENCE)
        assert set(answers) == {201}
        assert "Traceback" not in log.read_text()
