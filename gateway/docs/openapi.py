"""The OpenAPI 3.1 document, made from the table of routes. ``python -m gateway.docs.openapi`` prints it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from inspect import cleandoc
from typing import Any, get_type_hints

import msgspec
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import EXCLUDE

from gateway.api.views import ProblemDocument
from gateway.http.problems import MEDIA_TYPE
from gateway.http.request_parsing import PathParameters
from gateway.http.route import Route
from services.contracts import SERVICES
from services.contracts.schemas import reader_schema, schema_of

HEADERS = {
    "Idempotency-Key": "At most 255 printable ASCII characters. Sent again with it, a request takes effect once.",
    "Prefer": "`wait=N`: wait up to N seconds (at most 30) for the outcome.",
    "If-None-Match": "An `ETag`: answers 304 while it is still the current one.",
    "If-Match": "An `ETag`: answers 412 when it is not the current one any more.",
}
KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"}
PATH: dict[str, Any] = {
    **{name: msgspec.json.schema(hint) for name, hint in get_type_hints(PathParameters, include_extras=True).items()},
    "service": {"type": "string", "enum": list(SERVICES)},
}
REFUSALS = {
    400: "The request is not valid.",
    401: "No token, or a bad one.",
    403: "Not for this role.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "In conflict with the present state.",
    412: "Changed meanwhile.",
    413: "The body is larger than this request may be.",
    415: "The body is not JSON.",
    422: "Refused by the house rules, or an Idempotency-Key used again for something else.",
    429: "Too many requests, or too many that wait; `Retry-After` says when to send it again.",
    431: "The first line and the headers are larger than 16 KiB.",
    503: "A service does not answer, or has too much to do; `Retry-After` says when to send it again.",
}
ABOUT = """The open backend of a public items sharing centre.

Errors are problem documents (RFC 9457) with a stable `code`, in Korean and English; `Accept-Language` chooses which of
the two `title` and `detail` speak. Amounts are whole won, dates ISO 8601, instants RFC 3339 in UTC. Lists are pages:
`next` is the `after` of the next page. Fields may be added; unknown fields in a request are refused.
"""


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document as plain JSON data."""
    spec = APISpec("Nanum", "1.0.0", "3.1.0", plugins=[MarshmallowPlugin()], info={"description": ABOUT})
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for status, words in REFUSALS.items():
        spec.components.response(
            f"Problem{status}",
            {"description": words, "content": {MEDIA_TYPE: {"schema": reader_schema(ProblemDocument)}}},
        )
    routes = tuple(routes)
    for route in routes:
        spec.path(path=route.path, operations={route.method.lower(): _operation(route)})
    made = plain_json(spec)
    for body in {route.body.__name__ for route in routes if route.body is not None}:
        made["components"]["schemas"][body]["additionalProperties"] = False
    return made


def plain_json(spec: APISpec) -> dict[str, Any]:
    """A document as JSON data: patterns end as JSON Schema (ECMA 262) says it, and lists in a query are one text."""
    text = json.dumps(spec.to_dict()).replace("\\\\Z", "$").replace('"explode": true', '"explode": false')
    made: dict[str, Any] = json.loads(text)
    return made


def plain(docstring: str | None) -> str:
    """A docstring as one line of Markdown."""
    return " ".join((docstring or "").split()).replace("``", "`")


def _operation(route: Route) -> dict[str, Any]:
    summary, _, more = cleandoc(route.handler.__doc__ or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "tags": [route.tag],
        "summary": summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
        "security": [{}, {"token": []}] if route.policy.public else [{"token": []}],
        "x-roles": ["everybody"] if route.policy.public else sorted(route.policy.roles),
    }
    if more:
        operation["description"] = more
    if route.body is not None:
        sent = schema_of(route.body, route.fills, EXCLUDE)
        required = any(field.required for field in sent().fields.values())
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": sent}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": PATH[name]}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    if route.query is not None:
        found.append({"in": "query", "schema": schema_of(route.query, route.fills, EXCLUDE)})
    heeded = list(route.headers) if route.key == "none" else ["Idempotency-Key", *route.headers]
    for name in heeded:
        required = name == "Idempotency-Key" and route.key == "required"
        schema = KEY if name == "Idempotency-Key" else {"type": "string"}
        found.append(
            {"in": "header", "name": name, "required": required, "description": HEADERS[name], "schema": schema}
        )
    return found


def _responses(route: Route) -> dict[str, Any]:
    """The success, and the statuses that a problem of this route may have."""
    possible = {
        400: True,
        401: True,
        403: not route.policy.public,
        404: "{" in route.path or (route.body or route.query) is not None,  # an id of another centre is unknown
        408: route.body is not None,
        409: route.key != "none",
        412: "If-Match" in route.headers,
        413: route.body is not None,
        415: route.body is not None,
        422: route.key != "none",
        429: route.limited or "Prefer" in route.headers,
        431: True,
        503: True,
        **dict.fromkeys(route.refusals, True),
    }
    known = {"304": {"description": "The client has the current one."}} if "If-None-Match" in route.headers else {}
    problems = {str(status): f"Problem{status}" for status, may_be in sorted(possible.items()) if may_be}
    return {str(route.status): _success(route), **known, **problems}


def _success(route: Route) -> dict[str, Any]:
    if isinstance(route.answer, str):
        return {"description": route.answer}
    schema: Any = reader_schema(route.answer)
    if route.paged:
        listed = {"data": {"type": "array", "items": schema}, "next": {"type": ["string", "integer", "null"]}}
        schema = {"type": "object", "required": ["data"], "properties": listed}
    described = plain(route.answer.__doc__)
    return {"description": described, "content": {"application/json": {"schema": schema}}}


def text(routes: Iterable[Route]) -> str:
    """The document as it is kept in docs/api/openapi.json."""
    return json.dumps(document(routes), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    from gateway.api import ROUTES

    sys.stdout.write(text(ROUTES))
