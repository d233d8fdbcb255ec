"""Residents, catalogue, repairs, the desk's scanner, payments, notices, events: what is sent where, and who may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.gateway.conftest import CENTRE, RENTAL_ID, RESIDENT_ID, Client, Gateway, token
from tests.unit.gateway.services import Stage, accepted, refused

SEED = Path(__file__).parents[3] / "deploy/seed/house_rules.yaml"
RULES = json.loads(json.dumps(yaml.safe_load(SEED.read_text(encoding="utf-8")), default=str))
CONTACT = {"name": "김나눔", "phone": "010-1234-5678", "email": None, "birth_date": None, "language": "ko"}
PERSON = {"name": "김나눔", "phone": "010-1234-5678"}
MEMBER = {"resident_id": RESIDENT_ID, "centre": CENTRE, "state": "verified", "version": 2}
ITEM = {"barcode": "NG-C10-001", "centre": CENTRE, "category": "C10", "state": "ready", "version": 3}


def joined(command: dict) -> dict:
    return {**accepted(command), "result": {**command["data"], "state": "unverified", "version": 1}}


def test_a_resident_is_registered_at_two_services(desk: Client, stage: Stage) -> None:
    stage.decide["join_resident"] = joined
    answer = desk.post("/v1/residents", json={**PERSON, "center": CENTRE}, headers={"Idempotency-Key": "r1"})
    [contact], [membership] = stage.commands("notifications"), stage.commands("rentals")
    resident_id = answer.json()["resident_id"]
    assert (answer.status_code, answer.json()) == (201, {"resident_id": resident_id, "state": "unverified"})
    assert answer.headers["Location"] == f"/v1/residents/{resident_id}"
    assert contact["data"] == {**PERSON, "resident_id": resident_id, "centre": CENTRE}
    assert membership["data"] == {"resident_id": resident_id, "centre": CENTRE}
    assert contact["id"] != membership["id"]


def test_a_registration_that_broke_off_is_completed(desk: Client, stage: Stage) -> None:
    stage.decide["join_resident"] = joined
    stage.down.add("rentals")
    key = {"Idempotency-Key": "r1"}
    assert desk.post("/v1/residents", json=PERSON, headers=key).status_code == 503
    stage.down.clear()
    answer = desk.post("/v1/residents", json=PERSON, headers=key)
    first, again = stage.commands("notifications")
    assert (first["id"], first["data"]) == (again["id"], again["data"])
    assert answer.json()["resident_id"] == first["data"]["resident_id"]


def test_without_a_key_every_registration_is_another(desk: Client, stage: Stage) -> None:
    stage.decide["join_resident"] = joined
    ids = {desk.post("/v1/residents", json=PERSON).json()["resident_id"] for _ in range(2)}
    assert len(ids) == 2


def test_another_centre_is_refused(desk: Client, stage: Stage) -> None:
    answer = desk.post("/v1/residents", json={**PERSON, "center": "busan-suyeong"})
    assert (answer.status_code, answer.json()["code"]) == (403, "token_of_another_centre")
    assert stage.commands("notifications") == []


def test_a_resident_is_shown_with_contact(desk: Client, resident: Client, stage: Stage) -> None:
    stage.rows["rentals", "membership"] = (2, MEMBER)
    stage.rows["notifications", "contact"] = (1, {**PERSON, "resident_id": RESIDENT_ID})
    for client in (desk, resident):
        answer = client.get(f"/v1/residents/{RESIDENT_ID}")
        assert answer.json() == {**MEMBER, "contact": {**PERSON, "resident_id": RESIDENT_ID}}
        assert answer.headers["Cache-Control"] == "no-store"
    other = resident.get(f"/v1/residents/{CENTRE}.{'c' * 32}")
    assert (other.status_code, other.json()["code"]) == (404, "not_found")


def test_a_resident_is_shown_though_contacts_are_away(desk: Client, stage: Stage) -> None:
    stage.rows["rentals", "membership"] = (2, MEMBER)
    stage.down.add("notifications")
    answer = desk.get(f"/v1/residents/{RESIDENT_ID}")
    assert (answer.status_code, answer.json()["contact"]) == (200, None)
    assert answer.json()["warnings"][0]["code"] == "contact_unavailable"
    stage.down = {"rentals"}
    assert desk.get(f"/v1/residents/{RESIDENT_ID}").status_code == 503


def test_an_unknown_resident_is_not_found_in_the_services_words(desk: Client) -> None:
    answer = desk.get(f"/v1/residents/{RESIDENT_ID}")
    assert (answer.status_code, answer.json()["code"]) == (404, "membership_unknown")


def test_residents_are_found_by_phone(desk: Client, resident: Client, stage: Stage) -> None:
    stage.rows["notifications", "contacts"] = (None, {"data": [], "next": None})
    assert desk.get("/v1/residents", params={"phone": "010-1234-5678"}).status_code == 200
    assert stage.asked == [("notifications", "contacts", {"centre": CENTRE, "phone": "010-1234-5678"})]
    assert resident.get("/v1/residents?name=김").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "service", "command", "data"),
    [
        ("POST", f"/v1/residents/{RESIDENT_ID}/verification", {"method": "id_card"}, "rentals", "verify_resident",
         {"resident_id": RESIDENT_ID, "method": "id_card"}),
        ("POST", f"/v1/residents/{RESIDENT_ID}/suspension", {"until": "2026-12-01", "reason": "late"}, "rentals",
         "suspend_resident", {"resident_id": RESIDENT_ID, "until": "2026-12-01", "reason": "late"}),
        ("DELETE", f"/v1/residents/{RESIDENT_ID}/suspension", None, "rentals", "reinstate_resident",
         {"resident_id": RESIDENT_ID}),
        ("POST", f"/v1/residents/{RESIDENT_ID}/contact", CONTACT, "notifications", "correct_contact",
         {"resident_id": RESIDENT_ID, **CONTACT}),
        ("DELETE", f"/v1/residents/{RESIDENT_ID}/contact?reason=moved_away", None, "notifications", "forget_contact",
         {"resident_id": RESIDENT_ID, "reason": "moved_away"}),
        ("POST", "/v1/items/NG-C10-001/damage", {"cause": "wear"}, "inventory", "report_damage",
         {"centre": CENTRE, "barcode": "NG-C10-001", "cause": "wear"}),
        ("POST", "/v1/items/NG-C10-001/lost", None, "inventory", "report_lost",
         {"centre": CENTRE, "barcode": "NG-C10-001"}),
        ("POST", "/v1/items/NG-C10-001/retire", None, "inventory", "retire_item",
         {"centre": CENTRE, "barcode": "NG-C10-001"}),
        ("POST", f"/v1/repairs/{RENTAL_ID}/sent", {"maker": "kovea"}, "inventory", "send_repair",
         {"repair_id": RENTAL_ID, "maker": "kovea"}),
        ("POST", f"/v1/repairs/{RENTAL_ID}/returned", {"mended": True, "cost_krw": 0}, "inventory", "return_repair",
         {"repair_id": RENTAL_ID, "mended": True, "cost_krw": 0}),
        ("POST", "/v1/house-rules", {"rules": RULES}, "rentals", "adopt_house_rules",
         {"centre": CENTRE, "rules": RULES}),
    ],
)  # fmt: skip
def test_a_command_reaches_its_service(
    manager: Client, stage: Stage, method: str, path: str, body: Any, service: str, command: str, data: dict
) -> None:
    answer = manager.request(method, path, json=body)
    assert answer.status_code == 200
    assert stage.asked == []
    assert [(sent["name"], sent["data"]) for sent in stage.commands(service)] == [(command, data)]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("", "/reason"), ("?reason=he+moved+to+Busan", "/reason"), ("?reason=asked&name=Kim", "/name")],
)
def test_a_contact_is_forgotten_for_a_reason_that_is_a_code(manager: Client, path: str, pointer: str) -> None:
    answer = manager.delete(f"/v1/residents/{RESIDENT_ID}/contact{path}")
    assert (answer.status_code, [wrong["pointer"] for wrong in answer.json()["errors"]]) == (400, [pointer])


@pytest.mark.parametrize(
    ("path", "service", "query", "params"),
    [
        (f"/v1/repairs/{RENTAL_ID}", "inventory", "repair", {"repair_id": RENTAL_ID}),
        ("/v1/repairs?state=open", "inventory", "repairs", {"centre": CENTRE, "state": "open"}),
        (f"/v1/payments/{RENTAL_ID}", "billing", "payment", {"payment_id": RENTAL_ID}),
        (f"/v1/payments?rental_id={RENTAL_ID}", "billing", "payments", {"centre": CENTRE, "rental_id": RENTAL_ID}),
        ("/v1/damages?state=open", "billing", "damages", {"centre": CENTRE, "state": "open"}),
        ("/v1/ledger", "billing", "ledger", {"centre": CENTRE}),
        (
            f"/v1/notices?about={RENTAL_ID}",
            "notifications",
            "notices",
            {"centre": CENTRE, "about": RENTAL_ID},
        ),
        ("/v1/announcements", "notifications", "announcements", {"centre": CENTRE}),
        ("/v1/house-rules", "rentals", "house_rules", {"centre": CENTRE}),
        ("/v1/items?category=C10", "inventory", "items", {"category": "C10", "whose": "true"}),
    ],
)
def test_a_query_reaches_its_service(
    manager: Client, stage: Stage, path: str, service: str, query: str, params: dict
) -> None:
    stage.rows[service, query] = (None, {"data": [], "next": None, "centre": CENTRE})
    assert manager.get(path).status_code == 200
    assert stage.asked == [(service, query, {**params, "centre": CENTRE})]


def test_the_catalogue_is_public_and_cacheable(stranger: Client, stage: Stage) -> None:
    stage.rows["inventory", "categories"] = (None, {"data": [{"code": "C10", "free": 2}], "next": None})
    answer = stranger.get("/v1/categories?available=true")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=2")
    assert stage.asked[0][2] == {"centre": CENTRE, "available": "true"}
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert stranger.get("/v1/categories?available=true", headers=tag).status_code == 304
    stage.rows["inventory", "categories"] = (None, {"data": [{"code": "C10", "free": 1}], "next": None})
    assert stranger.get("/v1/categories?available=true", headers=tag).status_code == 200
    missing = stranger.get("/v1/categories/C99")
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")


def test_an_item_is_registered(manager: Client, desk: Client, stage: Stage) -> None:
    body = {"category": "C10", "barcode": "NG-C10-009"}
    answer = manager.post("/v1/items", json=body)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/v1/items/NG-C10-009")
    assert stage.commands("inventory")[0]["data"] == {**body, "centre": CENTRE}
    assert desk.post("/v1/items", json=body).status_code == 403


def test_a_barcode_is_one_of_the_callers_centre(gateway: Gateway, stage: Stage) -> None:
    stage.rows["inventory", "item"] = (3, ITEM)
    for centre in (CENTRE, "busan-suyeong"):
        client = Client(gateway.url, token("manager", centre=centre))
        assert client.get("/v1/items/NG-C10-001").json() == ITEM
        assert client.post("/v1/items/NG-C10-001/retire").status_code == 200
        assert client.post("/v1/items/NG-C10-001/retire", json={"centre": CENTRE}).status_code == 400
        there = {"centre": centre, "barcode": "NG-C10-001"}
        assert stage.asked.pop() == ("inventory", "item", {**there, "whose": "true"})
        assert stage.commands("inventory")[-1]["data"] == there
    assert len(stage.commands("inventory")) == 2


def test_whose_an_item_is_and_was_is_asked_for_staff_alone(
    resident: Client, analyst: Client, desk: Client, stage: Stage
) -> None:
    stage.rows["inventory", "item"] = (3, ITEM)
    stage.rows["inventory", "items"] = (None, {"data": [ITEM], "next": None})
    for client, whose in ((resident, "false"), (analyst, "false"), (desk, "true")):
        for path in ("/v1/items/NG-C10-001", "/v1/items"):
            assert client.get(path).status_code == 200
            assert stage.asked.pop()[2]["whose"] == whose
            assert client.get(f"{path}?whose=true").status_code == 400  # nobody says it but the gateway


def test_a_damage_has_an_address(desk: Client, stage: Stage) -> None:
    damage_id = f"{RENTAL_ID}.NG-C10-001"
    stage.rows["billing", "damage"] = (1, {"damage_id": damage_id})
    assert desk.get(f"/v1/damages/{damage_id}").json() == {"damage_id": damage_id}
    assert stage.asked == [("billing", "damage", {"damage_id": damage_id, "centre": CENTRE})]
    assert desk.get("/v1/damages/busan-suyeong.r.NG-C10-001").status_code == 404


def test_a_resident_reads_their_own_notices(resident: Client, stage: Stage) -> None:
    stage.rows["notifications", "notices"] = (None, {"data": [], "next": None})
    assert resident.get("/v1/notices").status_code == 200
    assert stage.asked[0][2]["resident_id"] == RESIDENT_ID
    assert resident.get(f"/v1/notices?resident_id={CENTRE}.{'c' * 32}").status_code == 403


def test_events_are_passed_through(analyst: Client, stage: Stage) -> None:
    answer = analyst.get("/v1/events/rentals?after=5&limit=10")
    assert answer.json() == {"epoch": "e1", "head": 9, "data": [], "next": 9}
    assert stage.asked == [("rentals", "events", {"after": "5", "limit": "10", "centre": CENTRE})]
    assert answer.headers["Link"] == '</v1/events/rentals?after=9&limit=10>; rel="next"'
    assert analyst.get("/v1/events/nothing").status_code == 404


def test_a_refused_command_of_another_resource(manager: Client, stage: Stage) -> None:
    stage.decide["retire_item"] = refused("conflict", "item_out")
    assert manager.post("/v1/items/NG-C10-001/retire").status_code == 409
