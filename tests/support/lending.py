"""A rentals scenario with house rules, a shelf and a verified resident: what most decisions of the desk start from."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from services.rentals.domain.house_rules import HouseRulesAdopted
from services.rentals.domain.rental import Payment, ReturnedItem, ReturnItems, StartRental
from services.rentals.domain.resident import ResidentJoined, ResidentVerified
from services.rentals.service import SERVICE
from tests.support.scenario import Scenario, scenario

CENTRE = "gwangju-namgu"
KIM, RENTAL = f"{CENTRE}.kim", f"{CENTRE}.r1"
CHAIR, CHAIR_2, DRILL = "NG-C10-001", "NG-C10-002", "NG-T01-001"
_FILE = Path(__file__).parents[2] / "deploy/seed/house_rules.yaml"
RULES: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(_FILE.read_text()), default=str))


def rules(**changed: dict[str, Any]) -> HouseRulesAdopted:
    """The seed's house rules with some sections changed."""
    merged = {**RULES, **{name: {**RULES[name], **section} for name, section in changed.items()}}
    return HouseRulesAdopted(centre=CENTRE, rules_version=1, rules=merged)


def shelf(at: Scenario, barcode: str, code: str, group: str, fee_krw: int, max_nights: int) -> Scenario:
    """A category and one ready unit of it."""
    terms = {"centre": CENTRE, "code": code, "group": group, "name_ko": code, "name_en": code}
    at.heard("inventory", "category.described", terms, fee_krw=fee_krw, max_nights=max_nights)
    unit = {"centre": CENTRE, "barcode": barcode, "category": code}
    return at.heard("inventory", "item.registered", unit).heard("inventory", "item.ready", unit)


def desk(**changed: dict[str, Any]) -> Scenario:
    """The desk on a Monday morning: two chairs and a drill on the shelf, Kim verified."""
    at = scenario(SERVICE).given(
        rules(**changed),
        ResidentJoined(centre=CENTRE, resident_id=KIM),
        ResidentVerified(centre=CENTRE, resident_id=KIM, method="id_card", verified_on=date(2026, 11, 2)),
    )
    shelf(at, CHAIR, "C10", "camping", 600, 4)
    shelf(at, CHAIR_2, "C10", "camping", 600, 4)
    return shelf(at, DRILL, "T01", "tool", 2600, 3)


def start(*barcodes: str, **changed: Any) -> StartRental:
    """Kim borrows for two nights."""
    asked = {"rental_id": RENTAL, "resident_id": KIM, "barcodes": barcodes or (CHAIR,), "nights": 2}
    return StartRental(**{**asked, "payment": Payment(method="card_terminal"), "manual_acknowledged": True, **changed})


def back(
    *barcodes: str, condition: str = "good", cause: str | None = None, missing: tuple[str, ...] = ()
) -> ReturnItems:
    """Kim brings units back."""
    found = (ReturnedItem(barcode=b, condition=condition, cause=cause, missing=missing) for b in barcodes or (CHAIR,))
    return ReturnItems(rental_id=RENTAL, items=tuple(found))
