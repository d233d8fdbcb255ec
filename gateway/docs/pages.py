"""The documents that are served as they are: OpenAPI of the calls, a page to read made from it, AsyncAPI of the events.

The page is plain HTML without any script, so its Content-Security-Policy allows nothing but our own style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from werkzeug.http import generate_etag

from gateway.docs import asyncapi, openapi
from gateway.http.problems import TABLE
from gateway.http.response import JSON, Response
from gateway.http.route import Route

WEB = Path(__file__).parent / "web"
ONLY_OUR_STYLE = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)


def documents(routes: Iterable[Route]) -> dict[str, Response]:
    """Every document by its path."""
    described = openapi.document(routes)
    made = {
        "/openapi.json": (msgspec.json.encode(described), JSON),
        "/asyncapi.json": (msgspec.json.encode(asyncapi.document()), JSON),
        "/docs": (page(described).encode(), "text/html; charset=utf-8"),
        "/docs/style.css": ((WEB / "docs.css").read_bytes(), "text/css; charset=utf-8"),
    }
    return {
        path: Response(body, etag=generate_etag(body), media_type=media_type, headers=[ONLY_OUR_STYLE])
        for path, (body, media_type) in made.items()
    }


def page(described: dict[str, Any]) -> str:
    """The OpenAPI document as a page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["shape"] = shape
    rendered: str = environment.get_template("docs.html").render(
        described, sections=_sections(described), problems=TABLE.problems, kinds=TABLE.kinds
    )
    return rendered


def _sections(described: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, in the table's order."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            shown = {"description": "", "requestBody": None, **operation, "method": method.upper(), "path": path}
            sections.setdefault(operation["tags"][0], []).append(shown)
    return sections


def shape(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words: ``string, one of a, b``; ``list of Rental``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(shape(part) for part in schema.get("anyOf") or schema["oneOf"])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    name = schema.get("type", "any")
    name = " or ".join(name) if isinstance(name, list) else name
    if name.startswith("array"):
        return f"list of {shape(schema.get('items', {}))}"
    if name == "object" and "data" in schema.get("properties", {}):
        return f"page of {shape(schema['properties']['data']['items'])}"
    return f"{name} ({schema['format']})" if "format" in schema else name
