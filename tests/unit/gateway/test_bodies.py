"""Bodies that are large, wrong in many places, or no text: they cost little, and are explained in few words."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from gateway.api import ROUTES
from gateway.http.problems import Problem
from gateway.http.request_parsing import LARGEST_BODY, MOST_ERRORS, Parser, invalid
from gateway.http.route import LONG_TEXTS, Route
from services.contracts.rentals.commands import AdoptHouseRules, RequestRental, ReturnItems
from tests.unit.gateway.conftest import RENTAL_ID, Client, lending
from tests.unit.gateway.services import Stage
from tests.unit.gateway.test_problems import JSON, check

WITH_BODY = [route for route in ROUTES if route.body is not None]


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.name)
def test_each_route_bounds_its_body(manager: Client, stage: Stage, route: Route) -> None:
    path = route.path.replace("{id}", RENTAL_ID).replace("{barcode}", "NG-C10-001")
    body = b" " * (route.largest_body - 2) + b"{}"
    headers = {**JSON, "Idempotency-Key": "k"}
    within = manager.request(route.method, path, data=body, headers=headers)
    assert within.status_code != 413
    problem = check(manager.request(route.method, path, data=body + b" ", headers=headers), 413, "body_too_large")
    assert problem["details"] == {"limit": route.largest_body}
    assert route.largest_body in (LARGEST_BODY, LONG_TEXTS)


@pytest.mark.parametrize(
    ("contract", "body"),
    [
        (ReturnItems, {"items": [{}] * 349_000}),
        (RequestRental, lending(barcodes=[1] * 500_000)),
        (RequestRental, {f"unknown{n}": 1 for n in range(110_000)}),
        (AdoptHouseRules, {"rules": {f"unknown{n}": [{}] for n in range(110_000)}, "version": 1}),
    ],
)
def test_a_document_wrong_in_a_hundred_thousand_places_costs_little(contract: type, body: dict) -> None:
    parser = Parser(contract, frozenset({"centre", "rental_id"}))
    parser.mistakes({})
    tracemalloc.start()
    began = time.perf_counter()
    problem = invalid("body", parser.mistakes(body))
    took, (_, most) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem.errors
    assert took < 0.25  # with the memory traced; untraced it is a few milliseconds
    assert most < 16 << 20


def test_twenty_mistakes_are_listed_and_all_are_counted(desk: Client) -> None:
    body = {**lending(), **{f"unknown{n}": 1 for n in range(500)}}
    problem = check(desk.post("/v1/rentals", json=body, headers={"Idempotency-Key": "k"}), 400, "invalid_request")
    assert len(problem["errors"]) == MOST_ERRORS
    assert problem["details"] == {"errors": 500}


def test_few_mistakes_are_all_listed(desk: Client) -> None:
    body = {**lending(), **{f"unknown{n}": 1 for n in range(MOST_ERRORS)}}
    problem = check(desk.post("/v1/rentals", json=body, headers={"Idempotency-Key": "k"}), 400, "invalid_request")
    assert (len(problem["errors"]), problem["details"]) == (MOST_ERRORS, {})


@pytest.mark.parametrize(
    "body",
    [b'{"name":"\xff","phone":"010-1111-1111"}', b"\xff\xfe{\x00}\x00", b'{"\xc3": 1}', b"{" + b'"a":[' * 10_000],
)
def test_what_is_no_text_is_no_json(desk: Client, body: bytes) -> None:
    check(desk.post("/v1/residents", data=body, headers=JSON), 400, "malformed_json")


@pytest.mark.parametrize("depth", [10, 300, 700, 950, 5000])
def test_however_deep_a_document_is_it_is_refused_in_order(desk: Client, depth: int) -> None:
    body = b'{"a":' * depth + b'"\\u0000"' + b"}" * depth
    check(desk.post("/v1/residents", data=body, headers=JSON), 400, "malformed_json")


def test_the_words_of_many_mistakes_are_bounded() -> None:
    problem = invalid("body", {"items": {str(n): ["wrong"] for n in range(10_000)}})
    assert isinstance(problem, Problem)
    assert len(json.dumps(problem.errors)) < 4096
