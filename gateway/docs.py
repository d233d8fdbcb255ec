"""The documents that are served as they are: OpenAPI of the calls, a page to read made from it, AsyncAPI of the events.

The page is plain HTML without any script, so its Content-Security-Policy allows nothing but our own style sheet.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from gateway import asyncapi, openapi
from gateway.answer import Answer
from gateway.problems import KINDS, OWN
from gateway.route import Route

WEB = Path(__file__).parent / "web"
ONLY_OUR_STYLE = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)


def documents(routes: Iterable[Route]) -> dict[str, Answer]:
    """Every document by its path."""
    described = openapi.document(routes)
    style = (WEB / "docs.css").read_bytes()
    return {
        "/openapi.json": Answer(msgspec.json.encode(described)),
        "/asyncapi.json": Answer(msgspec.json.encode(asyncapi.document())),
        "/docs": Answer(page(described).encode(), media_type="text/html; charset=utf-8", headers=[ONLY_OUR_STYLE]),
        "/docs/style.css": Answer(style, media_type="text/css; charset=utf-8"),
    }


def page(described: dict[str, Any]) -> str:
    """The OpenAPI document as a page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["shape"] = shape
    rendered: str = environment.get_template("docs.html").render(
        info=described["info"],
        sections=_sections(described),
        schemas=described["components"]["schemas"],
        problems=OWN,
        kinds=KINDS,
    )
    return rendered


def _sections(described: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, in the table's order."""
    sections: dict[str, list[dict[str, Any]]] = {}
    responses = described["components"]["responses"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            answers = {
                status: responses[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                for status, answer in operation["responses"].items()
            }
            place = {"method": method.upper(), "path": path, "responses": answers}
            shown = {"description": "", "requestBody": None, **operation, **place}
            sections.setdefault(operation["tags"][0], []).append(shown)
    return sections


def shape(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words: ``string, one of a, b``; ``list of Rental``."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(shape(part) for part in schema.get("anyOf") or schema["oneOf"])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    kind = schema.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind.startswith("array"):
        return f"list of {shape(schema.get('items', {}))}"
    if kind == "object" and "data" in schema.get("properties", {}):
        return f"page of {shape(schema['properties']['data']['items'])}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind
