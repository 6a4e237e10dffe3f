"""Who may do what through the REST API, and what hostile requests get."""

from __future__ import annotations

import base64
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from merpati.directory import AuthClient
from merpati.platform.errors import BadCredentials, Throttled
from tests.system import rest
from tests.system.rest import PASSWORD, make, problem

SARI, TITO = "sari@klinik.example", "tito@klinik.example"
INJECTIONS = [
    "'; DROP TABLE directory.accounts; --",
    '" OR ""="',
    "%s%s%(x)s",
    "a' UNION SELECT hash FROM auth.passwords --",
    "\\'; SELECT pg_sleep(60); --",
    "$1",
]


@pytest.fixture(scope="module")
def api(auth):
    with rest.postmaster(auth) as api:
        make(api, "domains", name="klinik.example")
        for address in (SARI, TITO):
            make(api, "accounts", address=address, password=PASSWORD)
        yield api


@pytest.fixture(scope="module")
def sari(auth, api):
    with rest.login(auth, SARI) as sari:
        yield sari


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/domains", None),
        ("POST", "/domains", {"name": "evil.example"}),
        ("PATCH", "/domains/klinik.example", {"enabled": False}),
        ("DELETE", "/domains/klinik.example", None),
        ("GET", "/accounts", None),
        ("POST", "/accounts", {"address": "evil@klinik.example", "password": PASSWORD}),
        ("GET", f"/accounts/{TITO}", None),
        ("PATCH", f"/accounts/{TITO}", {"display_name": "evil"}),
        ("PUT", f"/accounts/{TITO}/password", {"password": PASSWORD}),
        ("DELETE", f"/accounts/{TITO}", None),
        ("DELETE", f"/accounts/{SARI}", None),
        ("PATCH", "/accounts/me", {"role": "postmaster"}),
        ("PATCH", "/accounts/me", {"quota": 0}),
        ("PATCH", "/accounts/me", {"login_enabled": True}),
        ("GET", f"/accounts/{TITO}/app-passwords", None),
        ("POST", f"/accounts/{TITO}/app-passwords", {"name": "evil"}),
        ("DELETE", f"/accounts/{TITO}/app-passwords/1", None),
        ("GET", "/accounts/nobody@klinik.example", None),
        ("GET", "/addresses", None),
        ("POST", "/addresses", {"address": "evil@klinik.example", "targets": [SARI]}),
        ("GET", f"/addresses/{TITO}", None),
        ("DELETE", f"/addresses/{TITO}", None),
        ("GET", "/queue", None),
        ("POST", "/queue/1/retry", None),
        ("DELETE", "/queue/1", None),
        ("GET", f"/trace?address={TITO}", None),
        ("GET", "/audit", None),
        ("GET", "/status", None),
    ],
)
def test_a_user_may_not(sari, api, method, path, body):
    problem(sari.request(method, path, json=body), 403)
    assert api.get(f"/accounts/{TITO}").json()["display_name"] == ""


def test_a_user_may_look_after_themselves(auth, api, sari):
    assert sari.get("/accounts/me").json() == sari.get(f"/accounts/{SARI}").json()
    changed = sari.patch("/accounts/me", json={"display_name": "Sari", "language": "id"}).json()
    assert (changed["display_name"], changed["language"]) == ("Sari", "id")
    new = {"password": "an even better password"}
    problem(sari.put("/accounts/me/password", json=new), 422)
    problem(sari.put("/accounts/me/password", json=new | {"current_password": "wrong"}), 403)
    assert sari.put("/accounts/me/password", json=new | {"current_password": PASSWORD}).status_code == 204
    assert sari.get("/accounts/me").status_code == 200, "the token that changed it goes on"
    back = {"password": PASSWORD, "current_password": new["password"]}
    assert sari.put("/accounts/me/password", json=back).status_code == 204


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer nonsense",
        "Bearer merpati_" + "A" * 43,
        "Basic !!!",
        "Basic " + "QQ" * 5_000,
        "Digest x",
        "Bearer \xff\xfe",
    ],
)
def test_without_a_good_token_nothing(auth, header):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    with rest.anonymous(auth) as stranger:
        for path in ("/accounts/me", "/domains", "/status"):
            answer = stranger.get(path, headers=headers)
            problem(answer, 401)
            assert "WWW-Authenticate" in answer.headers


def test_basic_for_scripts(auth, api):
    with rest.anonymous(auth) as script:
        assert script.get("/accounts/me", auth=(SARI, PASSWORD)).json()["address"] == SARI
        problem(script.get("/accounts/me", auth=(SARI, "wrong")), 401)


def test_a_token_ends_with_logout_change_of_password_and_switch(auth, api):
    make(api, "accounts", address="t@klinik.example", password=PASSWORD)
    first, second = rest.login(auth, "t@klinik.example"), rest.login(auth, "t@klinik.example")
    assert first.delete("/login").status_code == 204
    problem(first.get("/accounts/me"), 401)
    assert second.get("/accounts/me").status_code == 200
    api.put("/accounts/t@klinik.example/password", json={"password": PASSWORD}).raise_for_status()
    problem(second.get("/accounts/me"), 401)
    third = rest.login(auth, "t@klinik.example")
    api.patch("/accounts/t@klinik.example", json={"login_enabled": False}).raise_for_status()
    problem(third.get("/accounts/me"), 401)


async def test_a_token_ends_with_its_time(auth, api, database):
    with rest.login(auth, TITO, expires_in=60) as tito:
        assert tito.get("/accounts/me").status_code == 200
        db = await database("owner")
        async with db.connection() as conn:
            await conn.execute(
                "UPDATE auth.tokens SET expires_at = now() WHERE account_id ="
                " (SELECT id FROM directory.accounts WHERE address = %s)",
                (TITO,),
            )
        problem(tito.get("/accounts/me"), 401)
        problem(tito.post("/login", json={"username": TITO, "password": PASSWORD, "expires_in": 10**9}), 422)


async def test_neither_tokens_nor_passwords_are_stored(auth, api, database):
    with rest.login(auth, TITO) as tito:
        app_password = tito.post("/accounts/me/app-passwords", json={"name": "x"}).json()["password"]
        token = tito.headers["Authorization"].removeprefix("Bearer ")
    db = await database("owner")
    async with db.connection() as conn:
        for table in ("tokens", "passwords", "app_passwords", "audit"):
            cursor = await conn.execute(f"SELECT t::text FROM auth.{table} t")
            stored = str(await cursor.fetchall())
            for secret in (token, PASSWORD, app_password, app_password.replace("-", "")):
                assert secret not in stored and secret.encode().hex() not in stored
    log = (auth.data / "log" / "auth.log").read_text()
    assert PASSWORD not in log and token not in log and app_password not in log


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_is_text(api, text):
    answers = [
        api.get(f"/accounts/{text.replace('/', '')}"),
        api.get("/accounts", params={"search": text}),
        api.get("/accounts", params={"domain": text}),
        api.get("/domains", params={"search": text}),
        api.get("/addresses", params={"account": text}),
        api.get("/audit", params={"target": text}),
        api.get("/trace", params={"message_id": text}),
        api.get("/queue", params={"sender": text}),
        api.post("/accounts", json={"address": f"{text}@klinik.example", "password": PASSWORD}),
        api.post("/login", json={"username": text, "password": text}),
        api.patch(f"/accounts/{TITO}", json={"display_name": text}),
    ]
    assert {answer.status_code for answer in answers} <= {200, 401, 404, 422}
    assert answers[-1].json()["display_name"] == text
    api.patch(f"/accounts/{TITO}", json={"display_name": ""})
    assert len(api.get("/accounts", params={"search": "@klinik.example"}).json()["items"]) >= 2


def test_requests_are_bounded(auth, api):
    problem(api.post("/domains", content=b"x" * (1024 * 1024 + 1)), 413)
    chunks = (b"x" * 65_536 for _ in range(40))
    problem(api.post("/domains", content=chunks), 413)
    assert api.post("/domains", content=b"[" * 500_000).status_code in (400, 422)
    with socket.create_connection(("127.0.0.1", auth.api_port), 10) as raw:
        raw.sendall(b"GET /" + b"a" * 200_000)
        raw.settimeout(10)
        assert raw.recv(100).startswith(b"HTTP/1.1 4")


def test_the_internal_listener_is_for_our_services(auth, api):
    problem(api.get(f"{rest.url(auth)}/internal/verify"), 404)
    problem(api.post(f"{rest.url(auth)}/internal/verify", json={}), 404)
    path = auth.auth_endpoint.removeprefix("unix:")
    with httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url="http://auth") as internal:
        for headers in (
            {},
            {"Authorization": "Bearer x"},
            {"Authorization": "Bearer \xe9".encode("latin-1")},
        ):
            problem(internal.post("/internal/verify", json={}, headers=headers), 401)
            problem(internal.post("/internal/sasl", json={}, headers=headers), 401)
        right = {"Authorization": f"Bearer {auth.secret('internal_token')}"}
        problem(internal.post("/internal/verify", json={}, headers=right), 422)


def test_sasl_for_other_services(auth, api):
    path = auth.auth_endpoint.removeprefix("unix:")
    where = {"service": "smtp", "client": "192.0.2.1"}
    headers = {"Authorization": f"Bearer {auth.secret('internal_token')}"}
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=path), base_url="http://auth", headers=headers
    ) as internal:
        asked = internal.post("/internal/sasl", json={"mechanism": "LOGIN", **where}).json()
        for response in (SARI, PASSWORD):
            assert asked["verdict"] is None
            words = {"response": base64.b64encode(response.encode()).decode(), **where}
            answer = internal.post(f"/internal/sasl/{asked['exchange']}", json=words)
            asked = answer.json()
        assert asked["verdict"]["address"] == SARI
        plain = base64.b64encode(f"\0{SARI}\0wrong".encode()).decode()
        problem(internal.post("/internal/sasl", json={"mechanism": "PLAIN", "initial": plain, **where}), 401)
        problem(internal.post("/internal/sasl", json={"mechanism": "GSSAPI", **where}), 422)
        problem(internal.post("/internal/sasl/gone", json={"response": "", **where}), 404)


def test_only_our_services_name_the_client(auth, api):
    forged = {"X-Merpati-Client": "203.0.113.66", "X-Forwarded-For": "203.0.113.66"}
    with rest.anonymous(auth) as stranger:
        body = {"username": SARI, "password": PASSWORD}
        stranger.post("/login", json=body, headers=forged).raise_for_status()
        entry = api.get("/audit", params={"action": "login"}).json()["items"][0]
        assert (entry["actor"], entry["client"]) == (SARI, "127.0.0.1")
        proof = {"X-Merpati-Internal-Token": auth.secret("internal_token")}
        stranger.post("/login", json=body, headers=forged | proof).raise_for_status()
    assert api.get("/audit", params={"action": "login"}).json()["items"][0]["client"] == "203.0.113.66"


async def test_guessing_waits_and_the_owner_does_not(auth, api):
    make(api, "accounts", address="victim@klinik.example", password=PASSWORD)
    client = AuthClient(auth)

    async def attempt(password: str, where: str = "198.51.100.4") -> None:
        await client.verify("victim@klinik.example", password, service="imap", client=where)

    await attempt(PASSWORD)
    client.drop()
    refusals = []
    for number in range(auth.auth_failures_per_account + 1):
        with pytest.raises((BadCredentials, Throttled)) as caught:
            await attempt(f"guess {number}")
        refusals.append(caught.value)
    assert isinstance(refusals[-1], Throttled) and refusals[-1].retry_after >= 1
    assert not any(isinstance(refusal, Throttled) for refusal in refusals[:-1])
    await attempt(PASSWORD)
    await attempt(PASSWORD, "203.0.113.9")
    await client.close()


def test_guessing_at_the_api_is_told_when_to_come_back(auth, api):
    with rest.anonymous(auth) as guesser:
        for number in range(auth.auth_failures_per_account):
            body = {"username": "nobody@klinik.example", "password": f"guess {number}"}
            problem(guesser.post("/login", json=body), 401)
        answer = guesser.post("/login", json=body | {"password": "one more guess"})
        problem(answer, 429)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert guesser.get("/accounts/me", auth=(SARI, PASSWORD)).status_code == 200, "others go on"


def test_answers_are_neither_cached_nor_reread(auth, api):
    for answer in (
        api.get("/accounts/me"),
        api.get("/nothing"),
        api.get("/docs"),
        api.post("/login", json={}),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


def test_of_many_who_ask_for_a_name_at_once_one_gets_it(auth, api):
    bodies = [{"address": "race@klinik.example"}, {"address": "race@klinik.example", "targets": [SARI]}]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda number: api.post(("/accounts", "/addresses")[number % 2], json=bodies[number % 2]),
                range(16),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    assert all(
        problem(answer, 409)["existing"]["name"] == "race@klinik.example"
        for answer in answers
        if answer.status_code == 409
    )


def test_two_postmasters_cannot_dismiss_each_other(auth, api):
    make(api, "accounts", address="boss@klinik.example", password=PASSWORD, role="postmaster")
    first = f"postmaster@{auth.myhostname}"
    with rest.login(auth, "boss@klinik.example") as boss, ThreadPoolExecutor(2) as pool:
        dismissals = (
            (boss, first),
            (api, "boss@klinik.example"),
        )
        answers = list(
            pool.map(lambda pair: pair[0].patch(f"/accounts/{pair[1]}", json={"role": "user"}), dismissals)
        )
        statuses = sorted(answer.status_code for answer in answers)
        # Whoever comes second is refused: as the last postmaster, or because the first was quicker.
        assert statuses[0] == 200 and statuses[1] in (401, 403, 409)
        left = api if answers[1].status_code == 200 else boss
        back = first if answers[0].status_code == 200 else "boss@klinik.example"
        left.patch(f"/accounts/{back}", json={"role": "postmaster"}).raise_for_status()
