"""Random requests to every operation: nothing that a client sends may be a fault of the server."""

from __future__ import annotations

import json
import os
import random
from urllib.parse import quote

import pytest

from tests.system import rest

SEED = int(os.environ.get("MERPATI_FUZZ_SEED", "20261124"))
ROUNDS = 25  # of each operation

STRINGS = [
    "",
    "a",
    "me",
    "sari@klinik.example",
    "klinik.example",
    "nobody@klinik.example",
    "@",
    "a@",
    "é@ü.example",
    "\u0000",
    "a\u0000b@klinik.example",
    "\ud800",
    "\u202e\ufeff",
    "x" * 5_000,
    "a" * 64 + "@" + "b" * 63 + ".example",
    "../../etc/passwd",
    "%00",
    "%2e%2e",
    "\r\nSet-Cookie: a=b",
    "'\"\\;--",
    "{}",
    "null",
    "9" * 40,
    "MQ",
    "🕊@klinik.example",
    '"a b"@klinik.example',
    "a@[127.0.0.1]",
    "xn--a@xn--b",
]
NUMBERS = [0, 1, -1, 2, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**70), 0.5, 1e308]


def value(chance: random.Random, depth: int = 0):
    kind = chance.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return chance.choice(NUMBERS)
    if kind == 1:
        return chance.choice([True, False, None])
    if kind < 5:
        return chance.choice(STRINGS)
    if kind == 5:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(STRINGS): value(chance, depth + 1) for _ in range(chance.randrange(4))}


def fitting(chance: random.Random, schema, spec):
    """A value that mostly fits, so that requests come past the first checks."""
    if chance.random() < 0.07:
        return value(chance)
    if "$ref" in schema:
        return fitting(chance, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]], spec)
    if "anyOf" in schema:
        return fitting(chance, chance.choice(schema["anyOf"]), spec)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return {
            name: fitting(chance, item, spec)
            for name, item in schema.get("properties", {}).items()
            if chance.random() < (0.95 if name in schema.get("required", ()) else 0.3)
        }
    if kind == "array":
        return [fitting(chance, schema["items"], spec) for _ in range(chance.randrange(4))]
    if kind == "string":
        fresh = chance.randrange(10**6)
        new = [f"n{fresh}@klinik.example", f"d{fresh}.example", "a password that is long enough"]
        if chance.random() < 0.3:
            return chance.choice(STRINGS)
        return chance.choice([*schema.get("examples", ()), *new])
    if kind == "null":
        return None
    return chance.choice([True, False]) if kind == "boolean" else chance.choice(NUMBERS)


def text(found) -> str:
    written = found if isinstance(found, str) else json.dumps(found)
    return quote(written.encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture(scope="module")
def api(auth):
    with rest.postmaster(auth) as api:
        rest.make(api, "domains", name="klinik.example")
        rest.make(api, "accounts", address="sari@klinik.example", password=rest.PASSWORD)
        yield api


def test_no_request_is_a_fault(auth, api):
    chance = random.Random(SEED)
    spec = api.get("/openapi.json").json()
    operations = [
        (path, method, operation)
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if (path, method) != ("/api/v1/login", "delete")  # it would end our token
    ]
    statuses = set()
    for _ in range(ROUNDS):
        for path, method, operation in operations:
            url = path.removeprefix("/api/v1")
            query = []
            for item in operation.get("parameters", ()):
                chosen = text(fitting(chance, item["schema"], spec))
                if item["in"] == "path":
                    if chosen in ("", "me") and method != "get":
                        chosen = "sari@klinik.example"  # whoever dismisses themselves tests nothing more
                    url = url.replace(f"{{{item['name']}}}", chosen or "x")
                elif chance.random() < 0.5:
                    query.append(f"{item['name']}={chosen}")
            content = None
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                content = json.dumps(fitting(chance, schema, spec)).encode()
                if chance.random() < 0.1:
                    content = bytes(chance.randrange(256) for _ in range(chance.randrange(200)))
            headers = {"Content-Type": chance.choice(["application/json"] * 9 + ["text/plain"])}
            answer = api.request(method, f"{url}?{'&'.join(query)}", content=content, headers=headers)
            statuses.add(answer.status_code)
            assert answer.status_code < 500, f"seed {SEED}: {method} {url}?{query} {content!r}: {answer.text}"
            if answer.status_code >= 400:
                rest.problem(answer, answer.status_code)
    assert {200, 201, 404, 409, 422} <= statuses
    assert "Traceback" not in (auth.data / "log" / "auth.log").read_text()
