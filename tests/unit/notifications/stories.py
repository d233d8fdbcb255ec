"""What rentals and inventory published before: a rental of two mats, its category, its centre."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from services.contracts.inventory.events import CategoryDescribed
from services.contracts.inventory.words import Part
from services.contracts.rentals.events import (
    HouseRulesAdopted,
    RentalCancelled,
    RentalItemsReturned,
    RentalRequested,
    RentalReturned,
    RentalStarted,
)
from services.contracts.rentals.words import CancellationReason, CheckedItem, RentedItem
from services.notifications.service import SERVICE
from tests.support.house_rules import house_rules
from tests.support.scenario import MONDAY, Scenario, scenario

CENTRE, RENTAL, RESIDENT = "gwangju-namgu", "gwangju-namgu.r1", "gwangju-namgu.p1"
DUE_ON, DUE_AT = date(2026, 11, 26), datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday, 18:00 in Gwangju
ABOUT: dict[str, Any] = {"centre": CENTRE, "rental_id": RENTAL, "resident_id": RESIDENT}
ITEMS = tuple(RentedItem(barcode=f"NG-C10-00{n}", category="C10", fee_krw=700) for n in (1, 2))
NAMES = {"name_ko": "남구 물품공유센터", "name_en": "Nam-gu Items Sharing Center"}


def rules_adopted(remind_at: str = "09:00") -> HouseRulesAdopted:
    """The seed's house rules with shorter names."""
    rules = house_rules(centre=NAMES, notifications={"remind_at": remind_at})
    return HouseRulesAdopted(centre=CENTRE, rules_version=1, rules=rules)


def category_described() -> CategoryDescribed:
    """The category of the two mats."""
    return CategoryDescribed(
        centre=CENTRE,
        code="C10",
        group="camping",
        name_ko="캠핑 매트",
        name_en="Camping mat",
        purchase_price_krw=35000,
        fee_krw=700,
        max_nights=4,
        hazard="none",
        briefing_required=False,
        manual_ko="젖은 채로 말지 마세요.",
        manual_en="Don't roll it up wet.",
        parts=(Part(ko="매트", en="mat", qty=1),),
    )


def rental_requested() -> RentalRequested:
    """Two mats are held, and their payment is awaited."""
    return RentalRequested(
        **ABOUT,
        items=ITEMS,
        nights=3,
        charged_nights=3,
        due_on=DUE_ON,
        due_at=DUE_AT,
        fee_krw=4200,
        payment_method="card_terminal",
        rules_version=1,
        requested_at=MONDAY,
    )


def rental_started() -> RentalStarted:
    """The two mats go out."""
    return RentalStarted(
        **ABOUT, items=ITEMS, due_on=DUE_ON, due_at=DUE_AT, fee_krw=4200, payment_id=None, started_at=MONDAY
    )


def rental_cancelled(reason: CancellationReason) -> RentalCancelled:
    """The rental was not paid."""
    barcodes, categories = tuple(item.barcode for item in ITEMS), tuple(item.category for item in ITEMS)
    return RentalCancelled(**ABOUT, barcodes=barcodes, categories=categories, reason=reason)


def first_item_returned() -> RentalItemsReturned:
    """One of the two mats is back."""
    first = CheckedItem(barcode="NG-C10-001", category="C10", condition="good", cause=None, missing=(), ready_from=None)
    return RentalItemsReturned(
        **ABOUT, items=(first,), still_out=("NG-C10-002",), late_days=0, rules_version=1, returned_at=MONDAY
    )


def rental_returned(late_days: int = 0) -> RentalReturned:
    """The last mat is back."""
    return RentalReturned(**ABOUT, late_days=late_days, returned_at=MONDAY)


def a_centre(remind_at: str = "09:00") -> Scenario:
    """A centre with its rules and one category."""
    return scenario(SERVICE).received(rules_adopted(remind_at)).received(category_described())


def requested() -> Scenario:
    """A rental that waits for its payment."""
    return a_centre().received(rental_requested())


def out() -> Scenario:
    """A rental that is out."""
    return requested().received(rental_started())


def commands_after(event: Any) -> list[Any]:
    """The commands that the service's policies make of an integration event."""
    return [command for react in SERVICE.policies_of.get(type(event), ()) for command in react(event)]
