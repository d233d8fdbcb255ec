"""The table of routes as the single source: policies, documents, headers; logs, metrics, settings, the start."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import logging
import re
from contextlib import redirect_stdout

import pytest
import structlog

from gateway.api import ROUTES
from gateway.app import build
from gateway.docs import openapi
from gateway.http.auth import ROLES, only
from gateway.http.request import RequestContext
from gateway.http.response import Response
from gateway.http.route import Route, Routes, RouteWithoutPolicy
from services.contracts import SERVICES
from services.contracts.schemas import schema_of
from tests.support.waiting import wait_for
from tests.unit.gateway.conftest import (
    CENTRE,
    RENTAL_ID,
    RESIDENT_ID,
    Client,
    Gateway,
    lending,
    settings,
    token,
)
from tests.unit.gateway.services import Stage

EXAMPLES = {"id": RENTAL_ID, "barcode": "NG-C10-001", "code": "C10", "service": "rentals"}


async def handler(context: RequestContext) -> Response:
    """Do nothing."""
    return Response.json({})


def test_a_route_without_policy_keeps_the_app_from_starting() -> None:
    routes = Routes("x")
    routes.get("/v1/x", answer="nothing")(handler)
    with pytest.raises(RouteWithoutPolicy, match="GET /v1/x"):
        build(settings({}), routes)


def test_a_policy_names_known_roles() -> None:
    for roles in ((), ("director",)):
        with pytest.raises(ValueError, match="names roles out of"):
            only(*roles)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_policy_is_enforced(gateway: Gateway, route: Route) -> None:
    path = route.path.format_map(EXAMPLES)
    assert route.who is not None
    outcome = Client(gateway.url, None).request(route.method, path)
    assert (outcome.status_code == 401) == (not route.who.public)
    for role in ROLES:
        outcome = Client(gateway.url, token(role)).request(route.method, path)
        assert (outcome.status_code == 403) == (role not in route.who.roles), role


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_handlers_are_short_and_say_what_they_do(route: Route) -> None:
    source = inspect.getsource(route.handler)
    body = source[source.rindex('"""') + 3 :].strip().splitlines()
    assert len(body) <= 12
    assert route.handler.__doc__ and route.handler.__doc__.endswith((".", ".\n    "))


@pytest.mark.parametrize("route", [each for each in ROUTES if each.method == "GET"], ids=lambda route: route.name)
def test_whatever_is_asked_is_asked_of_the_callers_centre(gateway: Gateway, stage: Stage, route: Route) -> None:
    here = {name: text.replace(CENTRE, "busan-suyeong") for name, text in EXAMPLES.items()}
    role = "manager" if route.policy.public or "manager" in route.policy.roles else min(route.policy.roles)
    required = {"phone": "010-1234-5678", "barcodes": "NG-C10-001", "nights": "1", "resident_id": here["id"]}
    known = schema_of(route.query, route.fills)().fields if route.query else {}
    query = {name: text for name, text in required.items() if name in known}
    Client(gateway.url, token(role, centre="busan-suyeong")).get(route.path.format_map(here), params=query)
    assert {params["centre"] for _, _, params in stage.asked} <= {"busan-suyeong"}
    assert bool(stage.asked) == (route.tag not in ("health", "documents"))


def test_the_document_names_what_bounds_may_answer() -> None:
    paths = openapi.document(ROUTES)["paths"]
    assert {"404", "409", "422"} <= paths["/v1/quotes"]["get"]["responses"].keys()
    for route in ROUTES:
        told = paths[route.path][route.method.lower()]["responses"].keys()
        assert {"400", "401", "431", "503"} <= told
        assert ("429" in told) == (route.tag != "health" or route.path == "/metrics")
        assert ({"408", "413", "415"} <= told) == (route.body is not None)
    parameters = paths["/v1/rentals"]["post"]["parameters"]
    (key,) = (each for each in parameters if each["name"] == "Idempotency-Key")
    assert (key["schema"]["minLength"], key["schema"]["maxLength"]) == (1, 255)
    for text, known in (("a", True), ("a b", True), ("", False), (" a", False), ("a ", False), ("é", False)):
        assert bool(re.search(key["schema"]["pattern"], text)) == known


def test_operation_names_are_unique() -> None:
    names = [route.handler.__name__ for route in ROUTES]
    assert len(names) == len(set(names))


def test_the_document_covers_every_route(stranger: Client) -> None:
    described = stranger.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert described == json.loads(openapi.text(ROUTES))
    for route in ROUTES:
        operation = described["paths"][route.path][route.method.lower()]
        assert operation["summary"] and operation["x-roles"]
        assert ("requestBody" in operation) == (route.body is not None)
        keys = [p for p in operation["parameters"] if p["name"] == "Idempotency-Key"]
        assert [p["required"] for p in keys] == ([] if route.key == "none" else [route.key == "required"])
    assert sum(len(operations) for operations in described["paths"].values()) == len(ROUTES)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    described = openapi.document(ROUTES)

    def follow(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(ref := value.get("$ref"), str):
                found = described
                for step in ref.removeprefix("#/").split("/"):
                    found = found[step]
            for inner in value.values():
                follow(inner)
        elif isinstance(value, list):
            for inner in value:
                follow(inner)

    follow(described)


def test_the_page_needs_nobody_else(stranger: Client) -> None:
    page = stranger.get("/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "<script" not in page.text and "style=" not in page.text and "//" not in page.text.replace("</", "")
    for route in ROUTES:
        assert f"<code>{route.path}</code>" in page.text
    style = stranger.get("/docs/style.css")
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert stranger.get("/docs", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/livez", "/docs", "/openapi.json", "/v1/nothing", f"/v1/rentals/{RENTAL_ID}"])
def test_every_answer_has_the_security_headers(desk: Client, path: str) -> None:
    headers = desk.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers
    assert headers["X-Request-Id"]


def test_readiness_tells_each_service(stranger: Client, stage: Stage) -> None:
    stage.down.add("billing")
    states = {**dict.fromkeys(SERVICES, "ready"), "billing": "not ready"}
    told = {"status": "ready", "services": states}
    wait_for(lambda: stranger.get("/readyz").json() == told, 5)  # what was found is told for a second
    assert stranger.get("/readyz").status_code == 200


def test_the_gateway_starts_without_any_service(gateway: Gateway) -> None:
    nowhere = dict.fromkeys(SERVICES, "http://127.0.0.1:9")

    async def ready() -> bytes:
        app, sent = build(settings(nowhere)), []
        inbox: asyncio.Queue[dict] = asyncio.Queue()

        async def send(message: dict) -> None:
            sent.append(message)

        life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, send))
        await inbox.put({"type": "lifespan.startup"})
        scope = {"type": "http", "method": "GET", "path": "/readyz", "query_string": b"", "headers": []}
        body = asyncio.Queue()
        await body.put({"type": "http.request", "body": b"", "more_body": False})
        await app({**scope, "asgi": {"version": "3.0"}, "http_version": "1.1"}, body.get, send)
        await inbox.put({"type": "lifespan.shutdown"})
        await life
        return b"".join(message.get("body", b"") for message in sent)

    assert json.loads(gateway.run(ready()))["services"] == dict.fromkeys(nowhere, "unreachable")


def test_metrics_count_templates_never_ids(desk: Client, stranger: Client) -> None:
    desk.get(f"/v1/rentals/{RENTAL_ID}")
    desk.get("/v1/nothing/at/all")
    desk.post("/v1/rentals", json=lending(), headers={"Idempotency-Key": "m"})
    text = stranger.get("/metrics").text
    assert 'nanum_gateway_requests_total{method="GET",route="/v1/rentals/{id}",status="404"}' in text
    assert 'nanum_gateway_requests_total{method="GET",route="none",status="404"}' in text
    assert 'nanum_gateway_batch_commands_bucket{le="1.0",service="rentals"}' in text
    assert "nanum_gateway_requests_in_flight" in text
    assert RENTAL_ID not in text and "nothing" not in text


def test_a_request_is_one_log_line_without_anything_personal(gateway: Gateway, stage: Stage) -> None:
    stage.rows["notifications", "contacts"] = (None, {"data": [], "next": None})
    with structlog.testing.capture_logs() as lines:
        client = Client(gateway.url, token())
        client.get("/v1/residents", params={"phone": "010-1234-5678"}, headers={"X-Request-Id": "4bf92f3577b34da6"})
        client.post("/v1/residents", json={"name": "김나눔", "phone": "010-1234-5678", "x": 1})
    [found, refused] = [line for line in lines if line["event"] == "request"]
    assert found | {"ms": 0} == {
        "event": "request",
        "log_level": "info",
        "request_id": "4bf92f3577b34da6",
        "method": "GET",
        "route": "/v1/residents",
        "status": 200,
        "ms": 0,
        "role": "desk",
        "code": None,
    }
    assert (refused["status"], refused["code"]) == (400, "invalid_request")
    assert "1234-5678" not in str(lines) and "김" not in str(lines)


def test_log_lines_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway import logs

    # Another test's tool may have set up logging for itself, which disables the loggers that it finds.
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "disabled", False)
    before = structlog.get_config()
    root, out = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stdout(out):
            logs.configure("info")
            logging.getLogger("uvicorn.error").error("cannot bind")
        assert json.loads(out.getvalue())["event"] == "cannot bind"
    finally:
        structlog.configure(**before)
        root.handlers, root.level = handlers, level


def test_a_token_is_good_until_it_expires(gateway: Gateway) -> None:
    import time

    client = Client(gateway.url, token("resident", RESIDENT_ID, exp=int(time.time()) + 1))
    assert client.get("/v1/items").status_code == 404  # nothing on the stage, but the token is good
    deadline = time.monotonic() + 10
    while (answer := client.get("/v1/items")).status_code != 401 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer.json()["code"] == "token_expired"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
