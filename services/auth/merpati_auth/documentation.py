"""The API's page for people, made from its own description: plain HTML, nothing fetched from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h3 { margin: 2.5rem 0 .5rem; } p { margin: .5rem 0; } code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: #f4f4f2; padding: .7rem 1rem; overflow: auto; } dt { font-weight: 600; }
@media (prefers-color-scheme: dark) { body { background: #1b1b1a; color: #e6e6e3; } pre { background: #2a2a28; } }
"""

Schema = Mapping[str, Any]


def page(spec: Schema) -> str:
    """The whole description as one page."""
    title = escape(f"{spec['info']['title']} API {spec['info']['version']}")
    paragraphs = "".join(f"<p>{_inline(text)}</p>" for text in spec["info"]["description"].split("\n\n"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f'<h1>{title}</h1>{paragraphs}<p>For machines: <a href="openapi.json">openapi.json</a></p>'
        f"{''.join(_operations(spec))}</html>"
    )


def _operations(spec: Schema) -> Iterator[str]:
    group = None
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            if tag != group:
                group = tag
                yield f"<h2>{escape(tag.capitalize())}</h2>"
            yield f"<h3>{escape(operation['summary'])}</h3>"
            yield f"<p><code>{method.upper()} {escape(path)}</code></p>"
            yield f"<p>{_inline(operation['description'])}</p>"
            yield _parameters(operation.get("parameters", ()))
            yield _body("Send", operation.get("requestBody"), spec)
            for status in ("200", "201"):
                yield _body(f"Answer {status}", operation["responses"].get(status), spec)


def _parameters(parameters: Any) -> str:
    rows = "".join(
        f"<dt><code>{escape(item['name'])}</code></dt><dd>{_inline(item.get('description', ''))}</dd>"
        for item in parameters
        if item["in"] == "query"
    )
    return f"<dl>{rows}</dl>" if rows else ""


def _body(title: str, body: Schema | None, spec: Schema) -> str:
    """An example of what is sent or answered."""
    if body is None or "application/json" not in body.get("content", ()):
        return ""
    value = example(body["content"]["application/json"]["schema"], spec)
    return f"<p>{title}:</p><pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _inline(text: str) -> str:
    """Text with its `words of code`."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def example(schema: Schema, spec: Schema) -> Any:
    """A value that fits the schema, from its examples and defaults."""
    if "$ref" in schema:
        return example(spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]], spec)
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], spec)
    if schema.get("type") == "object":
        return {name: example(value, spec) for name, value in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example(schema["items"], spec)]
    if schema.get("format") == "date-time":
        return "2026-11-24T08:00:00Z"
    return {"string": "…", "integer": 0, "number": 0.0, "boolean": True}.get(schema.get("type", ""))
