"""The API's own description: whole, true, and readable."""

from __future__ import annotations

import re

import pytest

from merpati_auth.documentation import example
from tests.system import rest

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def api(auth):
    with rest.postmaster(auth) as api:
        yield api


@pytest.fixture(scope="module")
def spec(api):
    return api.get("/openapi.json").json()


def operations(spec):
    for path, methods in spec["paths"].items():
        assert methods.keys() <= METHODS
        for method, operation in methods.items():
            yield path, method, operation


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_operation_says_what_it_does(spec):
    assert spec["openapi"].startswith("3.1")
    seen = set()
    for path, method, operation in operations(spec):
        where = f"{method} {path}"
        assert operation["summary"] and operation["description"].endswith((".", "?")), where
        assert operation["tags"], where
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        in_path = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), where
        assert any(code.startswith("2") for code in operation["responses"]), where
        assert "application/problem+json" in operation["responses"]["default"]["content"], where
        for item in operation.get("parameters", ()):
            assert item["in"] == "path" or item["name"] == "limit" or item["description"], where
    assert "get /api/v1/trace" in {f"{method} {path}" for path, method, _ in operations(spec)}
    assert not any("/internal" in path for path, _, _ in operations(spec))


def test_every_reference_leads_somewhere(spec):
    for reference in references(spec):
        node = spec
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_examples_of_requests_are_accepted(spec, api):
    order = ("/domains", "/accounts", "/accounts/{address}/app-passwords", "/addresses")
    for path in order:
        schema = spec["paths"][f"/api/v1{path}"]["post"]["requestBody"]["content"]["application/json"][
            "schema"
        ]
        body = example(schema, spec)
        body.pop("password_hash", None)
        answer = api.post(path.replace("{address}", "sari@klinik.example"), json=body)
        assert answer.status_code == 201, answer.text


def test_answers_are_as_described(spec, api):
    for path, name in (
        ("/accounts/me", "Account"),
        ("/domains/klinik.example", "Domain"),
        ("/status", "Status"),
    ):
        described = spec["components"]["schemas"][name]
        answer = api.get(path).json()
        assert answer.keys() == described["properties"].keys()


def test_the_page_for_people_fetches_nothing(api):
    answer = api.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for words in ("POST /api/v1/login", "GET /api/v1/trace", "sari@klinik.example"):
        assert words in answer.text
    assert not re.search(r"<script|src=|https?://", answer.text)


def test_every_type_of_problem_is_described(api):
    kinds = api.get("/problems").json()
    assert kinds["conflict"] == {"status": 409, "title": "The name is taken, or the thing is in use"}
    assert api.get("/domains/nothing.example").json()["type"].rpartition("#")[2] in kinds
