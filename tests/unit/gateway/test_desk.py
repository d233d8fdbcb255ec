"""The desk's scanner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest
import yaml

from gateway.api.desk import actions
from services.contracts.rentals.words import HolderState
from tests.unit.gateway.conftest import CENTRE, RENTAL_ID, RESIDENT_ID, Client
from tests.unit.gateway.services import Stage

SEED = Path(__file__).parents[3] / "deploy/seed/house_rules.yaml"
RULES = json.loads(json.dumps(yaml.safe_load(SEED.read_text(encoding="utf-8")), default=str))
CONTACT = {"name": "김나눔", "phone": "010-1234-5678", "email": None, "birth_date": None, "language": "ko"}
PERSON = {"name": "김나눔", "phone": "010-1234-5678"}
MEMBER = {"resident_id": RESIDENT_ID, "centre": CENTRE, "state": "verified", "version": 2}
ITEM = {"barcode": "NG-C10-001", "centre": CENTRE, "category": "C10", "state": "ready", "version": 3}


def test_a_scan_says_what_who_and_what_next(desk: Client, stage: Stage) -> None:
    stage.rows["inventory", "item"] = (3, ITEM)
    stage.rows["inventory", "category"] = (1, {"code": "C10", "name_ko": "텐트"})
    free = desk.post("/v1/desk/scan", json={"barcode": "NG-C10-001"}).json()
    assert (free["item"], free["category"]["name_ko"], free["holder"]) == (ITEM, "텐트", None)
    assert free["actions"] == ["lend", "report_damage", "report_lost"]
    holder = {"barcode": "NG-C10-001", "rental_id": RENTAL_ID, "state": "out", "due_on": "2026-11-25"}
    stage.rows["rentals", "holder"] = (None, holder)
    out = desk.post("/v1/desk/scan", json={"barcode": "NG-C10-001"}).json()
    assert (out["holder"], out["actions"]) == (holder, ["return"])


@pytest.mark.parametrize("state", get_args(HolderState))
def test_a_scan_takes_every_state_of_a_holder(desk: Client, stage: Stage, state: str) -> None:
    stage.rows["inventory", "item"] = (3, {**ITEM, "state": "cleaning"})
    stage.rows["rentals", "holder"] = (None, {"barcode": "NG-C10-001", "rental_id": RENTAL_ID, "state": state})
    found = desk.post("/v1/desk/scan", json={"barcode": "NG-C10-001"}).json()
    assert found["holder"]["state"] == state
    assert found["actions"]
    assert ("inventory", "item", {"centre": CENTRE, "barcode": "NG-C10-001", "whose": "true"}) in stage.asked
    assert ("rentals", "holder", {"centre": CENTRE, "barcode": "NG-C10-001"}) in stage.asked


def test_a_scan_of_nothing(desk: Client) -> None:
    answer = desk.post("/v1/desk/scan", json={"barcode": "NG-C10-404"})
    assert (answer.status_code, answer.json()["code"]) == (404, "item_unknown")


@pytest.mark.parametrize(
    ("state", "holder", "role", "expected"),
    [
        ("ready", None, "desk", ["lend", "report_damage", "report_lost"]),
        ("ready", None, "manager", ["lend", "report_damage", "report_lost", "retire"]),
        ("ready", "out", "desk", ["return"]),  # inventory has not heard of the loan yet
        ("ready", "held", "desk", ["await_payment"]),
        ("held", "held", "desk", ["await_payment"]),
        ("held", "held", "manager", ["await_payment"]),
        ("out", "out", "desk", ["return"]),
        ("out", None, "desk", []),  # it is just coming back
        ("cleaning", None, "desk", ["make_ready", "report_damage", "report_lost"]),
        ("cleaning", "checking", "desk", ["make_ready", "report_damage", "report_lost"]),
        ("cleaning", "checking", "manager", ["make_ready", "report_damage", "report_lost", "retire"]),
        ("damaged", "checking", "desk", ["send_repair", "report_lost"]),
        ("repair", "checking", "desk", ["return_repair", "report_lost"]),
        ("lost", "checking", "desk", ["make_ready", "report_damage"]),
        ("out", "checking", "desk", []),  # inventory has not heard of the return yet
        ("damaged", None, "desk", ["send_repair", "report_lost"]),
        ("repair", None, "desk", ["return_repair", "report_lost"]),
        ("lost", None, "desk", ["make_ready", "report_damage"]),
        ("retired", None, "manager", []),
    ],
)
def test_what_can_be_done_next(state: str, holder: str | None, role: str, expected: list[str]) -> None:
    assert actions(state, holder, role) == expected
