"""What happened before: a category, a chair of it, and a rental that has the chair."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.contracts.base import id_of
from services.contracts.inventory.words import Cause, Condition, MissingPart, Part
from services.contracts.rentals.events import RentalItemsReturned, RentalRequested, RentalStarted
from services.contracts.rentals.words import CheckedItem, RentedItem
from services.inventory.catalogue.model import CategoryDescribed
from services.inventory.items.model import ItemMadeReady, ItemRegistered
from services.inventory.service import SERVICE
from tests.support.scenario import MONDAY, Scenario, scenario

CENTRE, CHAIR, RENTAL = "gwangju-namgu", "NG-C10-001", "gwangju-namgu.r1"
CHAIR_ID, REPAIR = id_of(CENTRE, CHAIR), id_of(CENTRE, f"{CHAIR}-1")
THE_CHAIR: dict[str, Any] = {"centre": CENTRE, "barcode": CHAIR}
DESCRIPTION: dict[str, Any] = {
    "centre": CENTRE,
    "code": "C10",
    "group": "camping",
    "name_ko": "캠핑 의자",
    "name_en": "Camping chair",
    "purchase_price_krw": 30000,
    "fee_krw": 600,
    "max_nights": 4,
    "hazard": "none",
    "briefing_required": False,
    "manual_ko": "펴서 앉으세요.",
    "manual_en": "Unfold and sit.",
    "parts": (Part(ko="의자", en="chair", qty=1),),
}


def catalogue() -> Scenario:
    """One category."""
    return scenario(SERVICE).given(CategoryDescribed(**DESCRIPTION))


def ready() -> Scenario:
    """One chair, ready."""
    registered = ItemRegistered(**THE_CHAIR, category="C10")
    made_ready = ItemMadeReady(**THE_CHAIR, category="C10", reason="new", after_rental=None, repair_id=None)
    return catalogue().given(registered, made_ready)


def rental_requested(rental_id: str = RENTAL) -> RentalRequested:
    """The chair is held for a resident."""
    return RentalRequested(
        centre=CENTRE,
        rental_id=rental_id,
        resident_id=f"{CENTRE}.p1",
        items=(RentedItem(barcode=CHAIR, category="C10", fee_krw=600),),
        nights=2,
        charged_nights=2,
        due_on=MONDAY.date(),
        due_at=MONDAY,
        fee_krw=1200,
        payment_method="card_terminal",
        rules_version=1,
        requested_at=MONDAY,
    )


def rental_started(rental_id: str = RENTAL) -> RentalStarted:
    """The chair goes out."""
    return RentalStarted(
        centre=CENTRE,
        rental_id=rental_id,
        resident_id=f"{CENTRE}.p1",
        items=(RentedItem(barcode=CHAIR, category="C10", fee_krw=600),),
        due_on=MONDAY.date(),
        due_at=MONDAY,
        fee_krw=1200,
        payment_id=None,
        started_at=MONDAY,
    )


def items_returned(
    condition: Condition = "good",
    cause: Cause | None = None,
    missing: tuple[MissingPart, ...] = (),
    ready_from: datetime | None = None,
    rental_id: str = RENTAL,
) -> RentalItemsReturned:
    """The chair is back at the desk."""
    chair = CheckedItem(
        barcode=CHAIR, category="C10", condition=condition, cause=cause, missing=missing, ready_from=ready_from
    )
    return RentalItemsReturned(
        centre=CENTRE,
        rental_id=rental_id,
        resident_id=f"{CENTRE}.p1",
        items=(chair,),
        still_out=(),
        late_days=0,
        rules_version=1,
        returned_at=MONDAY,
    )


def out() -> Scenario:
    """The chair is out."""
    return ready().received(rental_requested(), rental_started())


def back(*args: Any, **found: Any) -> Scenario:
    """The chair came back from its rental, and inventory has taken it in as the desk found it."""
    return out().received(items_returned(*args, **found)).when(received(*args, **found))


def received(*args: Any, **found: Any) -> Any:
    """What inventory commands itself when the chair came back."""
    (react,) = SERVICE.policies_of[RentalItemsReturned]
    (receive,) = react(items_returned(*args, **found))
    return receive
