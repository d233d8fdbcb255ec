"""Every successful answer of the API against the contract that its route names."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import requests
from marshmallow import RAISE

from gateway.api import ROUTES
from gateway.http.route import Route
from services.contracts.schemas import schema_of

UNDER_CONTRACT = {route.name for route in ROUTES if not isinstance(route.answer, str)}
PAGE = {"data", "next"}


@cache
def _route(method: str, path: str) -> Route | None:
    for route in ROUTES:
        if route.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path):
            return route
    return None


def check(method: str, path: str, response: requests.Response) -> str | None:
    """The route whose contract the answer keeps, to the last field; None when it promises none."""
    route = _route(method, path.partition("?")[0])
    if route is None or route.name not in UNDER_CONTRACT or not response.ok or response.status_code == 304:
        return None
    document: Any = response.json()
    if route.paged:
        assert {"data"} <= set(document) <= PAGE, f"{route.name} answers a page with {sorted(document)}"
    wrong = schema_of(route.answer, unknown=RAISE)(many=route.paged).validate(
        document["data"] if route.paged else document
    )
    assert not wrong, f"{route.name} answers what is no {route.answer.__name__}: {wrong}"
    return route.name
