"""A rentals scenario with house rules, items and a verified resident: what most decisions of the desk start from."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.contracts.base import id_of
from services.contracts.inventory.events import CategoryDescribed, ItemMadeReady, ItemRegistered
from services.contracts.inventory.words import Cause, Condition, Group, MissingPart, Part
from services.contracts.rentals.commands import RequestRental, ReturnItems
from services.contracts.rentals.words import PaymentChoice, ReturnedItem
from services.rentals.checkout.model import StartRental
from services.rentals.house_rules.model import HouseRulesAdopted
from services.rentals.residents.model import ResidentJoined, ResidentVerified
from services.rentals.service import SERVICE
from tests.support.house_rules import house_rules
from tests.support.scenario import Scenario, scenario

CENTRE = "gwangju-namgu"
KIM, RENTAL, RENTAL_2 = f"{CENTRE}.kim", f"{CENTRE}.r1", f"{CENTRE}.r2"
CHAIR, CHAIR_2, DRILL = "NG-C10-001", "NG-C10-002", "NG-T01-001"
CHAIR_ID, DRILL_ID = id_of(CENTRE, CHAIR), id_of(CENTRE, DRILL)
PAID = StartRental(rental_id=RENTAL, payment_id=f"{CENTRE}.p1")


def rules(centre: str = CENTRE, **changed: dict[str, Any]) -> HouseRulesAdopted:
    """A centre has adopted the seed's house rules with some sections changed."""
    return HouseRulesAdopted(centre=centre, rules_version=1, rules=house_rules(**changed))


def described(code: str, group: Group, fee_krw: int, max_nights: int, centre: str = CENTRE) -> CategoryDescribed:
    """A category as inventory publishes it."""
    return CategoryDescribed(
        centre=centre,
        code=code,
        group=group,
        name_ko=code,
        name_en=code,
        purchase_price_krw=0,
        fee_krw=fee_krw,
        max_nights=max_nights,
        hazard="none",
        briefing_required=False,
        manual_ko="",
        manual_en="",
        parts=(Part(ko="의자", en="chair", qty=1), Part(ko="팩", en="peg", qty=4)),
    )


def made_ready(barcode: str, code: str, after_rental: str | None = None, centre: str = CENTRE) -> ItemMadeReady:
    """Inventory calls an item ready: a new one, or one that came back."""
    return ItemMadeReady(
        centre=centre,
        barcode=barcode,
        category=code,
        reason="cleaned" if after_rental else "new",
        after_rental=after_rental,
        repair_id=None,
    )


def stocked(
    at: Scenario, barcode: str, code: str, group: Group, fee_krw: int, max_nights: int, centre: str = CENTRE
) -> Scenario:
    """A category, and one ready item of it."""
    return at.received(
        described(code, group, fee_krw, max_nights, centre),
        ItemRegistered(centre=centre, barcode=barcode, category=code),
        made_ready(barcode, code, centre=centre),
    )


def desk(**changed: dict[str, Any]) -> Scenario:
    """The desk on a Monday morning: two chairs and a drill are ready, Kim is verified."""
    at = scenario(SERVICE).given(
        rules(**changed),
        ResidentJoined(centre=CENTRE, resident_id=KIM),
        ResidentVerified(centre=CENTRE, resident_id=KIM, method="id_card", verified_on=date(2026, 11, 2)),
    )
    stocked(at, CHAIR, "C10", "camping", 600, 4)
    stocked(at, CHAIR_2, "C10", "camping", 600, 4)
    return stocked(at, DRILL, "T01", "tool", 2600, 3)


def out(*barcodes: str, **changed: dict[str, Any]) -> Scenario:
    """Kim has the items since Monday; they are due on Wednesday."""
    return desk(**changed).when(request(*barcodes)).when(PAID)


def request(*barcodes: str, **changed: Any) -> RequestRental:
    """Kim borrows for two nights."""
    asked = {"rental_id": RENTAL, "resident_id": KIM, "barcodes": barcodes or (CHAIR,), "nights": 2}
    payment = PaymentChoice(method="card_terminal")
    return RequestRental(**{**asked, "payment": payment, "manual_acknowledged": True, **changed})


def back(
    *barcodes: str, condition: Condition = "good", cause: Cause | None = None, missing: tuple[MissingPart, ...] = ()
) -> ReturnItems:
    """Kim brings items back."""
    found = (ReturnedItem(barcode=b, condition=condition, cause=cause, missing=missing) for b in barcodes or (CHAIR,))
    return ReturnItems(rental_id=RENTAL, items=tuple(found))
