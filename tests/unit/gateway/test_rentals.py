"""Lending and taking back over HTTP: ids, rows passed through, waiting, conditions, ownership."""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest

from tests.unit.gateway.conftest import CENTRE, RENTAL_ID, RESIDENT_ID, Client, Gateway, lending, token
from tests.unit.gateway.services import Stage, accepted, refused

SCAN = "4bf92f3577b34da6a3ce929d0e0e4736"
KEY = {"Idempotency-Key": "checkout-1"}
RETURN = {"items": [{"barcode": "NG-C10-001", "condition": "good"}]}


def awaiting(command: dict) -> dict:
    row = {"rental_id": command["data"]["rental_id"], "state": "awaiting_payment", "version": 1, "name_ko": "나눔"}
    return {"id": command["id"], "position": 7, "version": 1, "result": row}


def rental(state: str = "out", version: int = 2, resident_id: str = RESIDENT_ID) -> tuple[int, dict]:
    row = {"rental_id": RENTAL_ID, "centre": CENTRE, "resident_id": resident_id, "state": state, "version": version}
    return version, row


def test_a_rental_is_requested_and_its_row_passed_through(desk: Client, stage: Stage) -> None:
    stage.decide["request_rental"] = awaiting
    answer = desk.post("/v1/rentals", json=lending(), headers={**KEY, "X-Request-Id": SCAN})
    [command] = stage.commands("rentals")
    assert answer.status_code == 201
    assert answer.content == json.dumps(awaiting(command)["result"]).encode()  # the very bytes of the service
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"/v1/rentals/{command['data']['rental_id']}"
    assert answer.headers["X-Request-Id"] == SCAN
    assert command["name"] == "request_rental"
    actor = {"role": "desk", "subject": command["meta"]["actor"]["subject"], "centre": CENTRE}
    assert command["meta"] == {"actor": actor, "correlation_id": SCAN}
    assert command["data"] == {**lending(), "rental_id": command["data"]["rental_id"]}
    assert command["data"]["rental_id"].startswith(f"{CENTRE}.")


def test_who_did_it_is_told_by_an_opaque_name(gateway: Gateway, stage: Stage) -> None:
    for who in ("kim.younghee@example.org", "kim.younghee@example.org", "park"):
        Client(gateway.url, token(subject=who)).post("/v1/rentals", json=lending(), headers=KEY)
    there = {"resident_id": f"busan-suyeong.{'a' * 32}"}
    elsewhere = Client(gateway.url, token(subject="park", centre="busan-suyeong"))
    elsewhere.post("/v1/rentals", json=lending(**there), headers=KEY)
    first, again, other, abroad = [command["meta"]["actor"]["subject"] for command in stage.commands("rentals")]
    assert first == again and len({first, other, abroad}) == 3
    assert all(re.fullmatch(r"a-[0-9a-f]{24}", subject) for subject in (first, other, abroad))


def test_a_repeated_key_gives_the_same_ids(desk: Client, stage: Stage, gateway: Gateway) -> None:
    for _ in range(2):
        desk.post("/v1/rentals", json=lending(), headers=KEY)
    desk.post("/v1/rentals", json=lending(), headers={"Idempotency-Key": "checkout-2"})
    Client(gateway.url, token(subject="desk-2")).post("/v1/rentals", json=lending(), headers=KEY)
    first, again, other_key, other_caller = stage.commands("rentals")
    assert (again["id"], again["data"]) == (first["id"], first["data"])
    assert len({first["id"], other_key["id"], other_caller["id"]}) == 3
    assert other_key["data"]["rental_id"] != first["data"]["rental_id"]


def test_the_same_key_at_another_centre_is_another_command(desk: Client, stage: Stage, gateway: Gateway) -> None:
    there = {"resident_id": f"busan-suyeong.{'a' * 32}"}
    desk.post("/v1/rentals", json=lending(), headers=KEY)
    Client(gateway.url, token(centre="busan-suyeong")).post("/v1/rentals", json=lending(**there), headers=KEY)
    here, other = stage.commands("rentals")
    assert here["id"] != other["id"]


def test_the_wait_ends_when_the_payment_is_decided(desk: Client, stage: Stage, gateway: Gateway) -> None:
    stage.decide["request_rental"] = awaiting
    stage.rows["rentals", "rental"] = rental("awaiting_payment", 1)

    async def pay() -> None:
        while not stage.asked:
            await asyncio.sleep(0.005)
        (_, _, asked), *_ = stage.asked
        stage.change("rentals", "rental", f"rental-{asked['rental_id']}", 2, rental("out", 2)[1])

    paying = asyncio.run_coroutine_threadsafe(pay(), gateway.loop)
    answer = desk.post("/v1/rentals", json=lending(), headers={**KEY, "Prefer": "wait=20"})
    paying.result(1)
    assert (answer.status_code, answer.json()["state"]) == (201, "out")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.headers["ETag"] == '"2"'
    assert len(stage.asked) == 2  # before the change and after it


def test_the_wait_ends_when_time_is_up(desk: Client, stage: Stage) -> None:
    stage.decide["request_rental"] = awaiting
    stage.rows["rentals", "rental"] = rental("awaiting_payment", 1)
    began = time.monotonic()
    answer = desk.post("/v1/rentals", json=lending(), headers={**KEY, "Prefer": "respond-async, wait=1"})
    assert 0.9 < time.monotonic() - began < 5
    assert (answer.status_code, answer.json()["state"]) == (201, "awaiting_payment")


def test_a_committed_rental_is_answered_though_the_waiting_fails(desk: Client, stage: Stage) -> None:
    stage.decide["request_rental"] = awaiting  # and the query answers 404
    answer = desk.post("/v1/rentals", json=lending(), headers={**KEY, "Prefer": "wait=5"})
    assert (answer.status_code, answer.json()["state"]) == (201, "awaiting_payment")
    assert "Preference-Applied" not in answer.headers


def test_a_wait_is_capped_at_thirty_seconds(desk: Client, stage: Stage) -> None:
    answer = desk.post("/v1/rentals", json=lending(), headers={**KEY, "Prefer": "wait=3600"})
    assert answer.headers["Preference-Applied"] == "wait=30"  # decided at once, so nothing was waited for


def test_a_rental_shows_its_version_and_304(desk: Client, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = rental(version=4)
    answer = desk.get(f"/v1/rentals/{RENTAL_ID}")
    assert (answer.status_code, answer.headers["ETag"], answer.headers["Cache-Control"]) == (200, '"4"', "no-store")
    again = desk.get(f"/v1/rentals/{RENTAL_ID}", headers={"If-None-Match": 'W/"4"'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", '"4"')
    assert desk.get(f"/v1/rentals/{RENTAL_ID}", headers={"If-None-Match": '"3"'}).status_code == 200


def test_a_rental_is_a_long_poll(desk: Client, stage: Stage, gateway: Gateway) -> None:
    stage.rows["rentals", "rental"] = rental("awaiting_payment", 1)

    async def change() -> None:
        while len(stage.asked) < 2:
            await asyncio.sleep(0.005)
        stage.change("rentals", "rental", f"rental-{RENTAL_ID}", 2, rental("out", 2)[1])

    changing = asyncio.run_coroutine_threadsafe(change(), gateway.loop)
    answer = desk.get(f"/v1/rentals/{RENTAL_ID}", headers={"If-None-Match": '"1"', "Prefer": "wait=20"})
    changing.result(1)
    assert (answer.status_code, answer.json()["state"], answer.headers["ETag"]) == (200, "out", '"2"')
    unchanged = desk.get(f"/v1/rentals/{RENTAL_ID}", headers={"If-None-Match": '"2"', "Prefer": "wait=1"})
    assert (unchanged.status_code, unchanged.headers["Preference-Applied"]) == (304, "wait=1")


def test_a_resident_sees_their_own_rental_only(resident: Client, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = rental()
    assert resident.get(f"/v1/rentals/{RENTAL_ID}").status_code == 200
    stage.rows["rentals", "rental"] = rental(resident_id=f"{CENTRE}.{'c' * 32}")
    hidden = resident.get(f"/v1/rentals/{RENTAL_ID}", headers={"If-None-Match": '"2"', "Prefer": "wait=5"})
    assert (hidden.status_code, hidden.json()["code"]) == (404, "not_found")


def test_a_resident_lists_their_own_rentals_only(resident: Client, stage: Stage) -> None:
    stage.rows["rentals", "rentals"] = (None, {"data": [], "next": None})
    assert resident.get("/v1/rentals?state=out").status_code == 200
    assert stage.asked == [("rentals", "rentals", {"centre": CENTRE, "state": "out", "resident_id": RESIDENT_ID})]
    other = resident.get(f"/v1/rentals?resident_id={CENTRE}.{'c' * 32}")
    assert (other.status_code, other.json()["code"]) == (403, "not_yours")


def test_a_page_names_the_next_one(desk: Client, stage: Stage) -> None:
    stage.rows["rentals", "rentals"] = (None, {"data": [{}], "next": "c2&x"})
    answer = desk.get("/v1/rentals?state=out&limit=1")
    assert answer.headers["Link"] == '</v1/rentals?state=out&limit=1&after=c2%26x>; rel="next"'


def test_a_rental_of_another_centre_is_not_there(desk: Client, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = rental()
    assert desk.get(f"/v1/rentals/busan-suyeong.{'b' * 32}").status_code == 404
    assert stage.asked == []


def test_a_history_is_for_staff_and_of_something(desk: Client, resident: Client, stage: Stage) -> None:
    stage.rows["rentals", "history"] = (None, {"data": [{"position": 1, "type": "rental.requested"}]})
    assert desk.get(f"/v1/rentals/{RENTAL_ID}/history").json()["data"][0]["type"] == "rental.requested"
    assert stage.asked == [("rentals", "history", {"stream": f"rental-{RENTAL_ID}", "centre": CENTRE})]
    assert resident.get(f"/v1/rentals/{RENTAL_ID}/history").status_code == 403
    stage.rows["rentals", "history"] = (None, {"data": []})
    assert desk.get(f"/v1/rentals/{RENTAL_ID}/history").status_code == 404


def test_items_come_back(desk: Client, stage: Stage) -> None:
    answer = desk.post(f"/v1/rentals/{RENTAL_ID}/return", json=RETURN, headers=KEY)
    assert answer.status_code == 200
    assert stage.commands("rentals")[0]["data"] == {"rental_id": RENTAL_ID, **RETURN}
    assert stage.asked == []


def test_a_return_heeds_if_match(desk: Client, stage: Stage) -> None:
    """The service compares the version in the transaction of the command; the gateway neither reads nor remembers."""
    stage.decide["return_items"] = at_version_3
    path = f"/v1/rentals/{RENTAL_ID}/return"
    late = desk.post(path, json=RETURN, headers={"Idempotency-Key": "r-1", "If-Match": '"2"'})
    assert (late.status_code, late.json()["code"], late.headers["ETag"]) == (412, "version_mismatch", '"3"')
    assert late.json()["details"] == {"version": 3}
    now = {"Idempotency-Key": "r-2", "If-Match": '"3"'}
    assert desk.post(path, json=RETURN, headers=now).status_code == 200
    again = desk.post(path, json=RETURN, headers=now)  # its answer was lost: the same command, the stored outcome
    assert again.status_code == 200
    _, first, second = stage.commands("rentals")
    assert first["id"] == second["id"]
    assert stage.asked == []


def at_version_3(command: dict) -> dict:
    """What a service does whose rental has version 3."""
    if 3 in command["meta"]["expected_version"]:
        return accepted(command)
    return refused("stale", "version_mismatch", version=3)(command)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("*", None),
        ('"3"', [3]),
        ('"2", W/"3"', [2, 3]),
        ('"some-other-tag"', [0]),  # no version at all: never the present one
        ('"' + "9" * 400 + '"', [0]),
    ],
)
def test_what_if_match_names_goes_with_the_command(
    desk: Client, stage: Stage, header: str | None, expected: list[int] | None
) -> None:
    headers = {"Idempotency-Key": "r", **({} if header is None else {"If-Match": header})}
    assert desk.post(f"/v1/rentals/{RENTAL_ID}/return", json=RETURN, headers=headers).status_code == 200
    assert desk.post(f"/v1/repairs/{RENTAL_ID}/sent", json={"maker": "kovea"}, headers=headers).status_code == 200
    [returning], [sending] = stage.commands("rentals"), stage.commands("inventory")
    assert returning["meta"].get("expected_version") == sending["meta"].get("expected_version") == expected


def test_an_id_with_two_dots_is_of_the_centre_before_the_first(desk: Client, stage: Stage) -> None:
    """As a damage has: its rental's id and the barcode."""
    damage_id = f"{RENTAL_ID}.NG-C10-004"
    stage.rows["rentals", "rental"] = rental()
    assert desk.get(f"/v1/rentals/{damage_id}").status_code == 200
    assert desk.get(f"/v1/rentals/busan-suyeong.{damage_id}").status_code == 404
    assert [params for _, _, params in stage.asked] == [{"rental_id": damage_id, "centre": CENTRE}]


def test_a_quote_takes_barcodes_in_a_list(resident: Client, stage: Stage) -> None:
    stage.rows["rentals", "quote"] = (None, {"fee_krw": 2000, "due_on": "2026-11-25"})
    answer = resident.get("/v1/quotes?barcodes=NG-C10-001,NG-C10-002&nights=2")
    assert answer.json()["fee_krw"] == 2000
    sent = {"centre": CENTRE, "barcodes": "NG-C10-001,NG-C10-002", "nights": "2", "resident_id": RESIDENT_ID}
    assert stage.asked == [("rentals", "quote", sent)]


def test_each_kind_of_refusal_has_its_status(desk: Client, stage: Stage) -> None:
    expected = {"invalid": 400, "not_found": 404, "conflict": 409, "stale": 412, "refused": 422, "unavailable": 503}
    for kind, status in expected.items():
        stage.decide["request_rental"] = refused(kind, "too_many_items", limit=5)
        answer = desk.post("/v1/rentals", json=lending(), headers=KEY)
        problem = answer.json()
        assert (answer.status_code, problem["status"]) == (status, status)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (problem["code"], problem["type"]) == ("too_many_items", "/problems/too_many_items")
        assert (problem["detail"], problem["detail_ko"], problem["detail_en"]) == ("안 됩니다.", "안 됩니다.", "No.")
        assert problem["details"] == {"limit": 5}
        assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_key_used_for_something_else_is_422(desk: Client, stage: Stage) -> None:
    stage.decide["request_rental"] = refused("invalid", "idempotency_key_reused")
    answer = desk.post("/v1/rentals", json=lending(nights=1), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
