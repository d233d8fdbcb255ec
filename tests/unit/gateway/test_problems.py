"""Every way in which a request comes to nothing: status, code, both languages, nothing done."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import fields
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from gateway.api.views import ProblemDocument
from gateway.http.problems import TABLE, preferred_language
from integrations.tokens import new_key, public
from services.contracts import refusals
from services.contracts.tokens import ROLES
from tests.unit.gateway.conftest import RENTAL_ID, TOKEN_KEY, Client, Gateway, lending, signed, token
from tests.unit.gateway.services import Stage

KEY = {"Idempotency-Key": "k"}
JSON = {"Content-Type": "application/json", **KEY}


def check(answer, status: int, code: str) -> dict:  # type: ignore[no-untyped-def]
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == problem["request_id"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert problem["type"] == f"/problems/{code}"
    assert problem.keys() | {"errors"} == {field.name for field in fields(ProblemDocument)}
    assert problem["title_ko"] and problem["detail_ko"] and problem["title_en"] and problem["detail_en"]
    return problem


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":1}x', b"\xff", b"NaN", b'{"a": 1e999}', b"[" * 50_000, b'{"name": "a\\u0000b"}'],
    ids=["empty", "cut", "trailing", "not utf-8", "NaN", "overflow", "deep", "nul"],
)
def test_malformed_json(desk: Client, stage: Stage, body: bytes) -> None:
    check(desk.post("/v1/rentals", data=body, headers=JSON), 400, "malformed_json")
    assert stage.commands("rentals") == []


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"1"])
def test_not_an_object(desk: Client, body: bytes) -> None:
    check(desk.post("/v1/rentals", data=body, headers=JSON), 400, "not_an_object")


def test_every_wrong_field_is_named(desk: Client, stage: Stage) -> None:
    body = lending(barcodes=["NG-C10-001", "ng lower"], nights="2", colour="red", payment={"method": ""})
    del body["manual_acknowledged"]
    problem = check(desk.post("/v1/rentals", json=body, headers=KEY), 400, "invalid_request")
    assert {error["pointer"] for error in problem["errors"]} == {
        "/barcodes/1",
        "/nights",
        "/colour",
        "/payment/method",
        "/manual_acknowledged",
    }
    assert {error["in"] for error in problem["errors"]} == {"body"}
    assert all(error["message"] for error in problem["errors"])
    assert stage.commands("rentals") == []


def test_what_the_gateway_fills_in_cannot_be_sent(desk: Client) -> None:
    for name in ("rental_id", "centre"):
        problem = check(desk.post("/v1/rentals", json=lending(**{name: "x"}), headers=KEY), 400, "invalid_request")
        assert problem["errors"] == [{"in": "body", "pointer": f"/{name}", "message": "Unknown field."}]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/categories?colour=red", "/colour"),
        ("/v1/categories?limit=0", "/limit"),
        ("/v1/categories?limit=1&limit=2", "/limit"),
        ("/v1/categories?q=a%00b", "/q"),
        ("/v1/quotes?barcodes=NG-C10-001,x&nights=1", "/barcodes/1"),
        ("/v1/quotes?barcodes=NG-C10-001", "/nights"),
        ("/v1/rentals?overdue=perhaps", "/overdue"),
        ("/v1/residents", "/phone"),
        ("/v1/events/rentals?after=-1", "/after"),
        (f"/v1/rentals/{RENTAL_ID}?as_of=2026", "/as_of"),
    ],
)
def test_every_wrong_parameter_is_named(manager: Client, stage: Stage, path: str, pointer: str) -> None:
    problem = check(manager.get(path), 400, "invalid_request")
    assert [(error["in"], error["pointer"]) for error in problem["errors"]] == [("query", pointer)]
    assert stage.asked == []


def test_a_path_has_to_have_its_form(desk: Client, stage: Stage) -> None:
    problem = check(desk.get("/v1/items/ng-c10-001"), 400, "invalid_request")
    assert problem["errors"][0]["in"] == "path"
    assert "capital letters" in problem["errors"][0]["message"]
    assert stage.asked == []


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_wrong_content_type(desk: Client, content_type: str | None) -> None:
    headers = {**KEY, **({"Content-Type": content_type} if content_type else {})}
    check(desk.post("/v1/rentals", data=json.dumps(lending()).encode(), headers=headers), 415, "wrong_content_type")


def test_a_charset_is_no_other_type(desk: Client) -> None:
    headers = {**KEY, "Content-Type": "Application/JSON; charset=utf-8"}
    assert desk.post("/v1/rentals", data=json.dumps(lending()).encode(), headers=headers).status_code == 201


def test_a_body_over_one_mebibyte(desk: Client, stage: Stage) -> None:
    check(desk.post("/v1/rentals", data=b" " * (1 << 20) + b"{}", headers=JSON), 413, "body_too_large")

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 32768

    check(desk.post("/v1/rentals", data=chunks(), headers=JSON), 413, "body_too_large")
    assert stage.commands("rentals") == []


def test_a_chunked_body_below_it(desk: Client) -> None:
    raw = json.dumps(lending()).encode()
    assert desk.post("/v1/rentals", data=iter([raw[:50], raw[50:]]), headers=JSON).status_code == 201


def test_an_action_without_fields_needs_no_body(desk: Client, stage: Stage) -> None:
    assert desk.post("/v1/items/NG-C10-001/ready").status_code == 200
    assert desk.post("/v1/items/NG-C10-001/ready", json={}).status_code == 200
    check(desk.post("/v1/items/NG-C10-001/ready", json={"state": "ready"}), 400, "invalid_request")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/rentals/", "/v2/rentals", "/v1/rentals/a/b/c"])
def test_unknown_path(desk: Client, path: str) -> None:
    check(desk.get(path), 404, "unknown_path")


def test_method_not_allowed(desk: Client) -> None:
    answer = desk.put("/v1/rentals", json={})
    check(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    assert desk.delete("/v1/categories").headers["Allow"] == "GET, HEAD, POST"


def test_a_method_from_elsewhere(gateway: Gateway) -> None:
    for method in ("MKCOL", "QUERY"):
        answer = Client(gateway.url, None).request(method, "/v1/rentals")
        check(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET, HEAD, POST"
        check(Client(gateway.url, None).request(method, "/v1/unicorns"), 404, "unknown_path")


def test_head_is_a_get_without_its_body(desk: Client, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = (1, {"rental_id": RENTAL_ID, "centre": "gwangju-namgu"})
    answer = desk.head(f"/v1/rentals/{RENTAL_ID}")
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, b"", '"1"')


def test_no_token(stranger: Client) -> None:
    answer = stranger.get("/v1/rentals")
    check(answer, 401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="nanum"'


@pytest.mark.parametrize("header", ["Basic ZGVzazpkZXNr", "Bearer", "Bearer  ", "nonsense"])
def test_another_scheme(stranger: Client, header: str) -> None:
    check(stranger.get("/v1/rentals", headers={"Authorization": header}), 401, "token_missing")


def forged() -> dict[str, str]:
    now, other = int(time.time()), new_key("people", ROLES)
    claims = jwt.decode(token(), OKPKey.import_key(TOKEN_KEY), ["Ed25519"]).claims
    secret = OctKey.import_key(json.dumps(public(TOKEN_KEY)))  # what everybody may know, taken for a secret
    return {
        "another key": signed(claims, other),
        "another key's name": signed(claims, kid=other["kid"]),
        "no key's name": signed(claims, kid=None),
        "a shared secret": jwt.encode({"alg": "HS256", "kid": TOKEN_KEY["kid"]}, claims, secret),
        "alg none": "eyJhbGciOiJub25lIn0." + token().split(".")[1] + ".",
        "cut": token()[:-3],
        "not a token": "abc",
        "too long": "a" * 5000,
        "other issuer": token(iss="somebody"),
        "other audience": token(aud="somebody"),
        "no audience": token(aud=None),
        "other role": token("director"),
        "no role": token(role=None),  # type: ignore[arg-type]
        "no subject": token(sub=None),
        "no centre": token(centre=None),  # type: ignore[arg-type]
        "a centre with a dot": token(centre="seoul.gangnam"),
        "no expiry": token(exp=None),
        "no beginning": token(iat=None),
        "no id": token(jti=None),
        "a life of more than a day": token(iat=now, exp=now + 24 * 3600 + 1),
        "a life without end": token(exp=float("nan")),
        "made tomorrow": token(iat=now + 3600, exp=now + 7200),
        "a role in a list": token(role=["manager"]),  # type: ignore[arg-type]
        "not yet": token(nbf=4102444800),
    }


@pytest.mark.parametrize("how", forged())
def test_a_forged_token(stranger: Client, how: str) -> None:
    for path in ("/v1/rentals", "/v1/categories"):  # also where none is needed: a bad one is an error to mend
        answer = stranger.get(path, headers={"Authorization": f"Bearer {forged()[how]}"})
        check(answer, 401, "token_invalid")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_another_role(analyst: Client, resident: Client, desk: Client) -> None:
    problem = check(analyst.post("/v1/rentals", json=lending(), headers=KEY), 403, "role_not_allowed")
    assert problem["details"] == {"role": "analyst", "roles": "desk, manager"}
    check(resident.get("/v1/payments"), 403, "role_not_allowed")
    check(desk.get("/v1/ledger"), 403, "role_not_allowed")
    check(desk.get("/v1/events/rentals"), 403, "role_not_allowed")


def test_the_key_is_required_where_it_matters(desk: Client, stage: Stage) -> None:
    check(desk.post("/v1/rentals", json=lending()), 400, "idempotency_key_missing")
    returning = desk.post(f"/v1/rentals/{RENTAL_ID}/return", json={"items": []})
    check(returning, 400, "idempotency_key_missing")
    assert stage.commands("rentals") == []


@pytest.mark.parametrize("key", ["k" * 256, b"\xec\x97\xb4\xec\x87\xa0", ""], ids=["long", "not ascii", "empty"])
def test_a_bad_key(desk: Client, key: str | bytes) -> None:
    answer = desk.post("/v1/rentals", json=lending(), headers={"Idempotency-Key": key})
    check(answer, 400, "idempotency_key_invalid")


def test_a_key_of_255_characters(desk: Client) -> None:
    assert desk.post("/v1/rentals", json=lending(), headers={"Idempotency-Key": "k" * 255}).status_code == 201


def test_the_language_is_the_clients(desk: Client) -> None:
    korean = desk.get("/v1/nothing")
    english = desk.get("/v1/nothing", headers={"Accept-Language": "en-GB,en;q=0.9,ko;q=0.5"})
    assert korean.json()["detail"] == korean.json()["detail_ko"]
    assert english.json()["detail"] == english.json()["detail_en"]
    assert (korean.headers["Content-Language"], english.headers["Content-Language"]) == ("ko", "en")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "ko"),
        ("", "ko"),
        ("*", "ko"),
        ("fr", "ko"),
        ("en", "en"),
        ("ko,en;q=0.8", "ko"),
        ("ko;q=0,en-GB", "en"),
    ],
)
def test_preferred_language(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


def test_an_unexpected_error_leaks_nothing(desk: Client, stage: Stage) -> None:
    stage.decide["request_rental"] = lambda command: {
        "id": command["id"],
        "refused": {"code": "x", "kind": "no such kind", "ko": "", "en": "secret text", "details": {}},
    }
    answer = desk.post("/v1/rentals", json=lending(), headers=KEY)
    check(answer, 500, "internal_error")
    assert "secret" not in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize(
    "sent", ["a b", "f" * 65, "<script>", "kim-younghee", "01012345678", "KIMYOUNGHEENAMGUGWANGJU", "till-3:17", ""]
)
def test_a_request_id_that_may_say_something_is_replaced(desk: Client, sent: str) -> None:
    assert desk.get("/livez", headers={"X-Request-Id": sent}).headers["X-Request-Id"] != sent


@pytest.mark.parametrize("sent", [str(uuid4()), uuid4().hex, "4bf92f3577b34da6", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_a_request_id_that_says_nothing_is_kept(desk: Client, sent: str) -> None:
    assert desk.get("/livez", headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent


def test_a_body_that_never_comes(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.request_parsing.SLOWEST_BODY", 0.2)
    port = int(gateway.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        head = f"POST /v1/rentals HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\nIdempotency-Key: k\r\n"
        line.sendall((head + "Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{").encode())
        assert b" 408 " in line.recv(65536).split(b"\r\n", 1)[0]


def test_the_tables_are_complete() -> None:
    assert set(TABLE.kinds) == set(refusals.KINDS)
    assert not set(TABLE.problems) & set(TABLE.by_code)
    for problem in TABLE.problems.values():
        assert problem.ko.title and problem.ko.detail and problem.en.title and problem.en.detail
        assert any("가" <= letter <= "힣" for letter in problem.ko.detail)
