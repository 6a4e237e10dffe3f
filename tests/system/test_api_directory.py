"""The REST API's domains, accounts, addresses and app passwords."""

from __future__ import annotations

import base64
import hashlib

import httpx
import pytest

from tests.system import rest
from tests.system.rest import PASSWORD, make, problem

SARI = "sari@klinik.example"


@pytest.fixture(scope="module")
def api(auth):
    with rest.postmaster(auth) as api:
        make(api, "domains", name="klinik.example")
        yield api


def verdict(settings, username, password, service="imap"):
    """The status that the internal listener answers to another service."""
    transport = httpx.HTTPTransport(uds=settings.auth_endpoint.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://auth", timeout=30) as client:
        return client.post(
            "/internal/verify",
            headers={"Authorization": f"Bearer {settings.secret('internal_token')}"},
            json={"username": username, "password": password, "service": service, "client": "192.0.2.5"},
        )


def test_the_first_postmaster_has_no_mailbox(auth, api):
    me = api.get("/accounts/me").json()
    assert me["address"] == f"postmaster@{auth.myhostname}"
    assert (me["role"], me["mailbox"], me["domain"], me["used"]) == ("postmaster", False, None, None)


def test_a_domain_from_beginning_to_end(api):
    made = make(api, "domains", name="Bücher.Example", contact=SARI)
    assert made["name"] == "xn--bcher-kva.example"
    assert (made["accounts"], made["aliases"], made["contact"]) == (0, 0, SARI)
    changed = api.patch("/domains/bücher.example", json={"contact": None})
    assert changed.json()["contact"] is None
    taken = problem(api.post("/domains", json={"name": "xn--bcher-kva.example"}), 409)
    assert taken["existing"] == {
        "kind": "domain",
        "name": "xn--bcher-kva.example",
        "url": "/api/v1/domains/xn--bcher-kva.example",
    }
    make(api, "addresses", address="a@xn--bcher-kva.example", targets=["x@elsewhere.example"])
    in_use = problem(api.delete("/domains/xn--bcher-kva.example"), 409)
    assert "1 aliases" in in_use["detail"]
    assert api.delete("/addresses/a@xn--bcher-kva.example").status_code == 204
    assert api.delete("/domains/xn--bcher-kva.example").status_code == 204
    problem(api.get("/domains/xn--bcher-kva.example"), 404)


def test_an_account_can_log_in_at_once_and_never_again_once_deleted(auth, api):
    made = make(
        api, "accounts", address="Tito@Klinik.Example", password=PASSWORD, display_name="Tito", quota=10**9
    )
    assert made["address"] == "tito@klinik.example"
    assert (made["quota"], made["used"], made["login_enabled"], made["mailbox"]) == (10**9, 0, True, True)
    assert verdict(auth, "tito@klinik.example", PASSWORD).json()["account_id"] == made["id"]

    api.patch("/accounts/tito@klinik.example", json={"login_enabled": False}).raise_for_status()
    assert verdict(auth, "tito@klinik.example", PASSWORD).status_code == 401
    api.patch("/accounts/tito@klinik.example", json={"login_enabled": True}).raise_for_status()
    assert verdict(auth, "tito@klinik.example", PASSWORD).status_code == 200

    assert api.delete("/accounts/tito@klinik.example").status_code == 204
    assert verdict(auth, "tito@klinik.example", PASSWORD).status_code == 401
    problem(api.get("/accounts/tito@klinik.example"), 404)
    again = make(api, "accounts", address="tito@klinik.example", password=PASSWORD)
    assert again["id"] != made["id"], "the old account's mail lies under its id"


def test_every_change_raises_auth_version_only_where_sessions_must_end(auth, api):
    make(api, "accounts", address="v@klinik.example", password=PASSWORD)

    def version():
        return verdict(auth, "v@klinik.example", PASSWORD).json()["auth_version"]

    before = version()
    api.patch("/accounts/v@klinik.example", json={"display_name": "V", "quota": 5, "language": "id"})
    assert version() == before
    api.patch("/accounts/v@klinik.example", json={"role": "postmaster"})
    assert version() == before + 1
    api.put("/accounts/v@klinik.example/password", json={"password": PASSWORD})
    assert version() == before + 2


def test_a_name_that_is_taken_is_named(api):
    make(api, "accounts", address=SARI, password=PASSWORD)
    make(api, "addresses", address="apotek@klinik.example", targets=[SARI])
    make(api, "addresses", address="s.dewi@klinik.example", kind="account", account=SARI)
    for address, kind, name in (
        (SARI, "account", SARI),
        ("apotek@klinik.example", "address", "apotek@klinik.example"),
        ("s.dewi@klinik.example", "address", "s.dewi@klinik.example"),
    ):
        answer = problem(api.post("/accounts", json={"address": address, "password": PASSWORD}), 409)
        assert (answer["existing"]["kind"], answer["existing"]["name"]) == (kind, name)
        where = answer["existing"]["url"].removeprefix("/api/v1")
        assert api.get(where).json()["address"] == name
        assert problem(api.post("/addresses", json={"address": address, "targets": ["x@y.example"]}), 409)


def test_an_alias_changes_and_goes(api):
    make(api, "addresses", address="all@klinik.example", targets=["Sari@klinik.example", "x@Y.example"])
    changed = api.patch("/addresses/all@klinik.example", json={"targets": ["z@y.example", "z@y.example"]})
    assert changed.json()["targets"] == ["z@y.example"]
    problem(api.patch(f"/addresses/{SARI}", json={"targets": ["z@y.example"]}), 409)
    problem(api.delete(f"/addresses/{SARI}"), 409)
    assert api.delete("/addresses/all@klinik.example").status_code == 204
    problem(api.delete("/addresses/all@klinik.example"), 404)


def test_who_gets_an_address_again_inherits_no_alias(api):
    make(api, "accounts", address="left@klinik.example", password=PASSWORD)
    make(api, "addresses", address="only@klinik.example", targets=["left@klinik.example"])
    make(api, "addresses", address="both@klinik.example", targets=["left@klinik.example", SARI])
    assert (
        problem(api.delete("/accounts/left@klinik.example"), 409)["existing"]["name"] == "only@klinik.example"
    )
    api.delete("/addresses/only@klinik.example").raise_for_status()
    api.delete("/accounts/left@klinik.example").raise_for_status()
    assert api.get("/addresses/both@klinik.example").json()["targets"] == [SARI]


@pytest.mark.parametrize(
    ("what", "body", "pointers"),
    [
        ("accounts", {}, ["/address"]),
        ("accounts", {"address": "no address", "quota": -1, "role": "king"}, ["/address", "/role", "/quota"]),
        ("accounts", {"address": "x@nowhere.example"}, ["/address"]),
        ("accounts", {"address": "a/b@klinik.example"}, ["/address"]),
        ("accounts", {"address": '"a b"@klinik.example'}, ["/address"]),
        ("accounts", {"address": "x@klinik.example", "password": "short"}, ["/password"]),
        ("accounts", {"address": "x@klinik.example", "password_hash": "{PLAIN}x"}, ["/password_hash"]),
        ("accounts", {"address": "x@klinik.example", "colour": "red"}, ["/colour"]),
        ("accounts", {"address": "x@klinik.example", "display_name": "a\nb"}, ["/display_name"]),
        ("domains", {"name": "localhost"}, ["/name"]),
        ("domains", {"name": "a..example"}, ["/name"]),
        ("addresses", {"address": "x@klinik.example", "targets": []}, ["/targets"]),
        ("addresses", {"address": "x@klinik.example", "targets": ["x@klinik.example"]}, ["/targets"]),
        ("addresses", {"address": "x@klinik.example", "targets": ["nobody"]}, ["/targets/0"]),
        ("addresses", {"address": "x@klinik.example", "targets": ["a@b.example"] * 1_001}, ["/targets"]),
        ("addresses", {"address": "x@klinik.example"}, [""]),
    ],
)
def test_each_wrong_field_is_named(api, what, body, pointers):
    errors = problem(api.post(f"/{what}", json=body), 422)["errors"]
    assert [error["pointer"] for error in errors] == pointers
    assert all(error["detail"] for error in errors)


def test_a_hash_from_another_server_logs_in(auth, api):
    stored = "{SSHA}" + base64.b64encode(hashlib.sha1(b"rahasia" + b"salt").digest() + b"salt").decode()
    make(api, "accounts", address="old@klinik.example", password_hash=stored)
    assert verdict(auth, "old@klinik.example", "rahasia").status_code == 200
    assert verdict(auth, "old@klinik.example", "rahasiaX").status_code == 401


def test_listings_come_in_parts(api):
    make(api, "domains", name="parts.example")
    for number in range(7):
        make(api, "accounts", address=f"n{number}@parts.example")
    seen, where, parts = [], "/accounts?domain=parts.example&limit=3", 0
    while where:
        answer = api.get(where.removeprefix("/api/v1"))
        part = answer.json()
        seen += [item["address"] for item in part["items"]]
        where, parts = part["next"], parts + 1
        assert (f'<{where}>; rel="next"' if where else None) == answer.headers.get("Link")
    assert seen == [f"n{number}@parts.example" for number in range(7)]
    assert parts == 3
    found = api.get("/accounts", params={"search": "N3@PARTS"}).json()["items"]
    assert [item["address"] for item in found] == ["n3@parts.example"]
    for cursor in ("!", "gA", "AA"):
        problem(api.get("/accounts", params={"cursor": cursor}), 422)


def test_app_passwords(auth, api):
    make(api, "accounts", address="phone@klinik.example", password=PASSWORD)
    with rest.login(auth, "phone@klinik.example") as user:
        made = user.post("/accounts/me/app-passwords", json={"name": "K-9", "scopes": ["imap"]}).json()
        problem(user.post("/accounts/me/app-passwords", json={"name": "K-9"}), 409)
        assert verdict(auth, "phone@klinik.example", made["password"]).status_code == 200
        assert verdict(auth, "phone@klinik.example", made["password"], "smtp").status_code == 401
        refused = rest.anonymous(auth).post(
            "/login", json={"username": "phone@klinik.example", "password": made["password"]}
        )
        problem(refused, 401)
        (shown,) = user.get("/accounts/me/app-passwords").json()["items"]
        assert "password" not in shown and shown["last_used"]
        assert user.delete(f"/accounts/me/app-passwords/{made['id']}").status_code == 204
        assert user.get("/accounts/me").status_code == 200, "the token that revoked it goes on"
        problem(user.delete(f"/accounts/me/app-passwords/{made['id']}"), 404)
    assert verdict(auth, "phone@klinik.example", made["password"]).status_code == 401


def test_every_change_is_audited_without_secrets(api):
    make(api, "accounts", address="audited@klinik.example", password="a secret password")
    api.put("/accounts/audited@klinik.example/password", json={"password": "another secret"})
    api.delete("/accounts/audited@klinik.example")
    entries = api.get("/audit", params={"target": "audited@klinik.example"}).json()["items"]
    assert [entry["action"] for entry in entries] == ["account.delete", "account.password", "account.create"]
    assert all(entry["actor"].startswith("postmaster@") and entry["client"] for entry in entries)
    assert "secret" not in str(entries)


def test_a_change_that_fails_leaves_nothing(api):
    before = api.get("/audit", params={"limit": 1}).json()["items"][0]["id"]
    problem(api.post("/accounts", json={"address": "apotek@klinik.example", "password": PASSWORD}), 409)
    assert api.get("/audit", params={"limit": 1}).json()["items"][0]["id"] == before
    found = api.get("/accounts", params={"search": "apotek@"}).json()["items"]
    assert found == []


def test_status_and_health(auth, api):
    assert rest.anonymous(auth).get("/health").json() == {"status": "up"}
    status = api.get("/status").json()
    assert (status["database"], status["bell"]) == ("up", "up")
    assert status["queue"] == {"waiting": 0, "deferred": 0, "held": 0, "oldest_seconds": None}
