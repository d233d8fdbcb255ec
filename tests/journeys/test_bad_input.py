"""Whatever is wrong with a request: a problem with its own code and status, in both languages; nothing half done."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.support.api import Api
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def api(fleet):
    return Api(fleet)


@pytest.fixture(scope="module")
def kim(api):
    return api.resident()


@pytest.fixture(scope="module")
def stock(api):
    return api.stock(8)


def refused(answer, status, code):
    """The problem, after checking that it is one in both languages."""
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    for language in ("ko", "en"):
        assert problem[f"title_{language}"] and problem[f"detail_{language}"]
    assert not re.search(r"\{\w+\}", problem["detail_ko"] + problem["detail_en"])  # a detail that was not filled in
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


def head(api):
    return api.get("/v1/events/rentals?after=0&limit=1", role="analyst")["head"]


def lending(api, body, **headers):
    return api.call("POST", "/v1/rentals", body, **headers)


class TestLending:
    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"barcodes": ["NG-C10-999"]}, 404, "item_unknown"),
            ({"nights": 5}, 422, "too_many_nights"),
            ({"payment": {"method": "seashells"}}, 400, "payment_method_unknown"),
            ({"manual_acknowledged": False}, 422, "manual_not_acknowledged"),
            ({"resident_id": "gwangju-namgu.nobody"}, 404, "resident_unknown"),
            ({"barcodes": []}, 400, "invalid_request"),
            ({"nights": "two"}, 400, "invalid_request"),
            ({"nights": 0}, 400, "invalid_request"),
            ({"color": "red"}, 400, "invalid_request"),
            ({"barcodes": ["x y"]}, 400, "invalid_request"),
        ],
    )
    def test_is_refused(self, api, kim, stock, change, status, code):
        before = head(api)
        refused(lending(api, api.order(kim, stock[0]) | change), status, code)
        assert head(api) == before

    def test_of_an_item_that_is_out(self, api, kim, stock):
        api.lend(kim, stock[0])
        problem = refused(lending(api, api.order(api.resident(), stock[0])), 409, "item_already_out")
        assert problem["details"]["barcode"] == stock[0]

    def test_of_an_item_that_is_not_ready(self, api, kim):
        barcode = f"TT-C10-{uuid.uuid4().hex[:8].upper()}"
        api.post("/v1/items", {"barcode": barcode, "category": "C10"}, role="manager")
        wait_for(lambda: api.call("GET", f"/v1/quotes?barcodes={barcode}&nights=1").status_code == 409)
        refused(lending(api, api.order(kim, barcode)), 409, "item_not_ready")

    def test_of_the_same_item_twice(self, api, kim, stock):
        refused(lending(api, api.order(kim, stock[1], stock[1])), 400, "barcode_repeated")

    def test_to_an_unverified_resident(self, api, stock):
        refused(lending(api, api.order(api.resident(verified=False), stock[1])), 422, "resident_not_verified")

    def test_to_a_suspended_resident(self, api, stock):
        lee = api.resident()
        api.post(f"/v1/residents/{lee}/suspension", {"until": "2099-12-31", "reason": "conduct"}, role="manager")
        refused(lending(api, api.order(lee, stock[1])), 422, "resident_is_suspended")
        assert api.call("DELETE", f"/v1/residents/{lee}/suspension", role="manager").ok
        assert api.lend(lee, stock[1])["state"] == "out"

    def test_of_too_many_items(self, api):
        chairs, lanterns = api.stock(3, "C10"), api.stock(3, "C26")
        refused(lending(api, api.order(api.resident(), *chairs, *lanterns)), 422, "too_many_items")

    def test_of_too_many_of_one_category(self, api, stock):
        refused(lending(api, api.order(api.resident(), *stock[3:8])), 422, "too_many_of_category")


class TestReturning:
    def test_what_is_not_out_or_not_of_this_rental_or_without_a_cause(self, api, stock):
        rental = api.lend(api.resident(), stock[2])
        path = f"/v1/rentals/{rental['rental_id']}/return"

        def back(barcode, **found):
            return api.call("POST", path, {"items": [{"barcode": barcode, "condition": "good", **found}]})

        refused(back("NG-C10-001"), 409, "item_not_in_rental")
        refused(back(stock[2], condition="damaged"), 400, "cause_missing")
        refused(back(stock[2], condition="melted"), 400, "invalid_request")
        refused(api.call("POST", f"{path}x", {}), 404, "unknown_path")
        missing = api.call(
            "POST", "/v1/rentals/gwangju-namgu.none/return", {"items": [{"barcode": stock[2], "condition": "good"}]}
        )
        refused(missing, 404, "rental_unknown")
        assert back(stock[2]).ok


class TestRequests:
    def test_malformed_json(self, api):
        refused(lending(api, b'{"resident_id": ', Content_Type="application/json"), 400, "malformed_json")

    def test_not_an_object(self, api):
        refused(lending(api, b"[1, 2]", Content_Type="application/json"), 400, "not_an_object")

    def test_another_content_type(self, api):
        refused(lending(api, b"a=b", Content_Type="application/x-www-form-urlencoded"), 415, "wrong_content_type")

    def test_a_body_that_is_too_large(self, api):
        big = b'{"resident_id": "' + b"x" * (64 * 1024) + b'"}'
        refused(lending(api, big, Content_Type="application/json"), 413, "body_too_large")

    def test_no_key_a_used_key_and_the_same_request_again(self, api, stock):
        kim, key = api.resident(), str(uuid.uuid4())
        order = api.order(kim, stock[3])
        refused(lending(api, order, Idempotency_Key=""), 400, "idempotency_key_missing")
        first = lending(api, order, Idempotency_Key=key)
        again = lending(api, order, Idempotency_Key=key)
        assert first.status_code == again.status_code == 201
        assert first.content == again.content
        refused(lending(api, order | {"nights": 1}, Idempotency_Key=key), 422, "idempotency_key_reused")

    def test_unknown_path_and_wrong_method(self, api):
        refused(api.call("GET", "/v1/unicorns"), 404, "unknown_path")
        answer = api.call("DELETE", "/v1/rentals")
        refused(answer, 405, "method_not_allowed")
        assert "POST" in answer.headers["Allow"]


class TestWhoAsks:
    def test_no_token_a_forged_one_and_another_role(self, api, kim, stock):
        order = api.order(kim, stock[4])
        answer = lending(api, order, role="")
        refused(answer, 401, "token_missing")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        refused(lending(api, order, role="", Authorization="Bearer e30.e30.e30"), 401, "token_invalid")
        refused(lending(api, order, role="analyst"), 403, "role_not_allowed")
        refused(lending(api, order, role=f"resident:{kim}"), 403, "role_not_allowed")

    def test_a_resident_sees_their_own_rentals_alone(self, api, stock):
        kim, lee = api.resident(), api.resident()
        rental = api.lend(kim, stock[5])
        path = f"/v1/rentals/{rental['rental_id']}"
        assert api.call("GET", path, role=f"resident:{kim}").ok
        refused(api.call("GET", path, role=f"resident:{lee}"), 404, "not_found")
        assert api.get("/v1/rentals", role=f"resident:{lee}")["data"] == []
        assert len(api.get("/v1/rentals", role=f"resident:{kim}")["data"]) == 1

    def test_the_feed_is_for_analysts_and_managers(self, api):
        refused(api.call("GET", "/v1/events/rentals"), 403, "role_not_allowed")
