"""The OpenAPI 3.1 document, made from the table of routes. ``python -m gateway.openapi`` prints it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from gateway.problems import MEDIA_TYPE
from gateway.route import Route
from services.contracts.schema import BARCODE, CODE, ID

HEADERS = {
    "Idempotency-Key": "At most 255 printable ASCII characters. Sent again with it, a request takes effect once.",
    "Prefer": "`wait=N`: wait up to N seconds (at most 30) for the outcome.",
    "If-None-Match": "An `ETag`: answers 304 while it is still the current one.",
    "If-Match": "An `ETag`: answers 412 when it is not the current one any more.",
}
PATH = {
    "id": {"type": "string", "pattern": ID.regex.pattern},
    "barcode": {"type": "string", "pattern": BARCODE.regex.pattern, "example": "NG-C10-004"},
    "code": {"type": "string", "pattern": CODE.regex.pattern, "example": "C10"},
    "service": {"type": "string", "enum": ["inventory", "rentals", "billing", "notifications"]},
}
REFUSALS = {
    400: "The request is not valid.",
    401: "No token, or a bad one.",
    403: "Not for this role.",
    404: "There is no such thing.",
    409: "In conflict with the present state.",
    412: "Changed meanwhile.",
    413: "The body has more than 1 MiB.",
    415: "The body is not JSON.",
    422: "Refused by the house rules, or an Idempotency-Key used again for something else.",
    503: "A service does not answer; send it again in a moment.",
}
ABOUT = """The open backend of a public items sharing centre.

Errors are problem documents (RFC 9457) with a stable `code`, in Korean and English; `Accept-Language` chooses which of
the two `title` and `detail` speak. Amounts are whole won, dates ISO 8601, instants RFC 3339 in UTC. Lists are pages:
`next` is the `after` of the next page. Fields may be added; unknown fields in a request are refused.
"""


class Problem(Schema):
    """Why a request came to nothing (RFC 9457)."""

    type = fields.String(required=True, metadata={"example": "/problems/invalid_request"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "stable; decide by this"})
    title_ko = fields.String(required=True)
    detail_ko = fields.String(required=True)
    title_en = fields.String(required=True)
    detail_en = fields.String(required=True)
    facts = fields.Dict(required=True)
    request_id = fields.String(required=True)
    errors = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "what is wrong, each with `in`, a JSON `pointer` and a `message`"},
    )


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document as plain JSON data."""
    spec = APISpec(
        title="Nanum",
        version="1.0.0",
        openapi_version="3.1.0",
        info={"description": ABOUT},
        plugins=[MarshmallowPlugin()],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for status, words in REFUSALS.items():
        spec.components.response(
            f"Problem{status}", {"description": words, "content": {MEDIA_TYPE: {"schema": Problem}}}
        )
    for route in routes:
        spec.path(path=route.path, operations={route.method.lower(): _operation(route)})
    made = spec.to_dict()
    _comma_separated(made)
    plain: dict[str, Any] = json.loads(standard_patterns(json.dumps(made)))
    return plain


def standard_patterns(text: str) -> str:
    """JSON text of schemas with the end of every pattern as JSON Schema (ECMA 262) says it, not as Python does."""
    return text.replace("\\\\Z", "$")


def _operation(route: Route) -> dict[str, Any]:
    if route.who is None:
        raise ValueError(f"{route.name} has no policy")
    summary, _, more = (route.handler.__doc__ or "").strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "tags": [route.tag],
        "summary": summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
        "security": [{}, {"token": []}] if route.who.public else [{"token": []}],
        "x-roles": ["everybody"] if route.who.public else sorted(route.who.roles),
    }
    if more.strip():
        operation["description"] = "\n".join(line.strip() for line in more.strip().splitlines())
    if route.body is not None:
        required = any(field.required for field in route.body().fields.values())
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": route.body}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": PATH[name]}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    if route.query is not None:
        found.append({"in": "query", "schema": route.query})
    heeded = list(route.headers) if route.key == "none" else ["Idempotency-Key", *route.headers]
    for name in heeded:
        required = name == "Idempotency-Key" and route.key == "required"
        schema = {"type": "string", "maxLength": 255} if name == "Idempotency-Key" else {"type": "string"}
        found.append(
            {"in": "header", "name": name, "required": required, "description": HEADERS[name], "schema": schema}
        )
    return found


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route)}
    if "If-None-Match" in route.headers:
        responses["304"] = {"description": "The client has the current one."}
    responses.update({str(status): f"Problem{status}" for status in _refusals(route)})
    return responses


def _success(route: Route) -> dict[str, Any]:
    if isinstance(route.answer, str):
        return {"description": route.answer}
    schema: Any = route.answer
    if route.many:
        listed = {"data": {"type": "array", "items": schema}, "next": {"type": ["string", "integer", "null"]}}
        schema = {"type": "object", "required": ["data"], "properties": listed}
    described = " ".join((route.answer.__doc__ or "").split())
    return {"description": described, "content": {"application/json": {"schema": schema}}}


def _refusals(route: Route) -> list[int]:
    """The statuses that a problem of this route may have."""
    asks_a_service = route.tag not in ("health", "documents")
    possible = {
        400: asks_a_service,
        401: asks_a_service,
        403: route.who is not None and not route.who.public,
        404: "{" in route.path or (route.body is not None and route.method == "POST"),
        409: route.key != "none",
        412: "If-Match" in route.headers,
        413: route.body is not None,
        415: route.body is not None,
        422: route.key != "none",
        503: asks_a_service,
    }
    return [status for status, may_be in possible.items() if may_be]


def _comma_separated(made: dict[str, Any]) -> None:
    """Lists in a query are comma-separated here; apispec supposes repeated parameters."""
    for operations in made["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter.get("explode"):
                    parameter["explode"] = False


def text(routes: Iterable[Route]) -> str:
    """The document as it is kept in docs/api/openapi.json."""
    return json.dumps(document(routes), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    from gateway.routes import ROUTES

    sys.stdout.write(text(ROUTES))
