"""Units: entered, ready, out, back, cleaned, mended, lost, retired."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.inventory.domain.category import CategoryDescribed, DescribeCategory, Part
from services.inventory.domain.item import (
    FinishCleaning,
    Item,
    ItemReady,
    ItemRegistered,
    MakeItemReady,
    RegisterItem,
    ReportDamage,
    ReportLost,
    RetireItem,
    TakeBackItem,
)
from services.inventory.domain.repair import Repair, ReturnRepair, SendRepair
from services.inventory.service import SERVICE
from tests.support.scenario import MONDAY, scenario

CENTRE, CHAIR, RENTAL = "gwangju-namgu", "NG-C10-001", "gwangju-namgu.r1"
DESCRIBED = {
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
REPAIR = f"{CENTRE}.{CHAIR}-1"


def catalogue():
    return scenario(SERVICE).given(CategoryDescribed(category_id=f"{CENTRE}.C10", **DESCRIBED))


def shelf():
    """One chair, ready."""
    return catalogue().given(
        ItemRegistered(centre=CENTRE, barcode=CHAIR, category="C10"),
        ItemReady(centre=CENTRE, barcode=CHAIR, category="C10", reason="new", after_rental=None),
    )


def lent():
    """The chair is out."""
    line = {"barcode": CHAIR, "category": "C10", "fee_krw": 600}
    return shelf().heard("rentals", "rental.started", rental_id=RENTAL, items=[line], due_on=MONDAY.date())


def take_back(condition="good", cause=None, missing=(), ready_from=None):
    return TakeBackItem(
        barcode=CHAIR, rental_id=RENTAL, condition=condition, cause=cause, missing=missing, ready_from=ready_from
    )


class TestCatalogue:
    def test_a_category_is_described_and_the_same_again_changes_nothing(self):
        at = catalogue().when(DescribeCategory(**DESCRIBED)).then_nothing()
        at.when(DescribeCategory(**{**DESCRIBED, "fee_krw": 700})).then_types("category.described")

    def test_a_unit_is_entered_once(self):
        at = catalogue().when(RegisterItem(centre=CENTRE, barcode=CHAIR, category="C10")).then_types("item.registered")
        assert at.row(Item, CHAIR).state == "preparing"
        at.when(RegisterItem(centre="elsewhere", barcode=CHAIR, category="C10")).then_refused("barcode_taken")

    def test_a_unit_of_no_category_is_refused(self):
        catalogue().when(RegisterItem(centre=CENTRE, barcode=CHAIR, category="Z99")).then_refused("category_unknown")

    def test_a_new_unit_is_ready_because_it_is_new(self):
        at = catalogue().given(ItemRegistered(centre=CENTRE, barcode=CHAIR, category="C10"))
        assert at.when(MakeItemReady(barcode=CHAIR)).facts[0].reason == "new"


class TestBack:
    def test_good_it_rests_until_it_is_clean(self):
        until = MONDAY + timedelta(days=1)
        at = lent().when(take_back(ready_from=until)).then_types("item.cleaning")
        assert at.row(Item, CHAIR).state == "cleaning"
        at.when(FinishCleaning(barcode=CHAIR, rental_id=RENTAL)).then_types("item.ready")
        assert (at.facts[0].reason, at.facts[0].after_rental) == ("cleaned", RENTAL)

    def test_without_a_buffer_it_is_ready_at_once(self):
        lent().when(take_back()).then_types("item.cleaning", "item.ready")

    def test_dirty_it_waits_for_somebody_to_clean_it(self):
        at = lent().when(take_back("dirty", ready_from=MONDAY + timedelta(days=1))).then_types("item.cleaning")
        assert at.facts[0].until is None
        assert SERVICE.schedule[type(at.facts[0])] and not list(SERVICE.schedule[type(at.facts[0])](at.facts[0]))
        at.when(MakeItemReady(barcode=CHAIR)).then_types("item.ready")

    def test_with_parts_missing_it_is_prepared_again(self):
        at = lent().when(take_back(missing=("chair",))).then_types("item.incomplete")
        assert (at.row(Item, CHAIR).state, at.row(Item, CHAIR).missing) == ("preparing", ("chair",))

    def test_lost_it_is_lost(self):
        lent().when(take_back("lost", cause="lost")).then_types("item.lost")

    def test_what_was_damaged_meanwhile_is_not_made_ready_by_the_clock(self):
        at = lent().when(take_back(ready_from=MONDAY + timedelta(days=1)))
        at.when(ReportDamage(barcode=CHAIR, cause="wear"))
        at.when(FinishCleaning(barcode=CHAIR, rental_id=RENTAL)).then_nothing()


class TestRepair:
    def test_damaged_sent_mended_ready_and_said_to_be_repaired(self):
        at = lent().when(take_back("damaged", cause="inexperience")).then_types("item.damaged", "repair.opened")
        at.when(MakeItemReady(barcode=CHAIR)).then_refused("item_cannot", state="damaged")
        at.when(SendRepair(repair_id=REPAIR, maker="Kovea A/S")).then_types("repair.sent")
        assert at.row(Item, CHAIR).state == "repair"
        at.when(ReturnRepair(repair_id=REPAIR, mended=True, cost_krw=12000)).then_types("repair.returned")
        assert (at.row(Repair, REPAIR).state, at.row(Repair, REPAIR).cost_krw) == ("mended", 12000)
        assert at.when(MakeItemReady(barcode=CHAIR)).facts[0].reason == "repaired"

    def test_not_worth_mending_it_is_retired(self):
        at = shelf().when(ReportDamage(barcode=CHAIR, cause="wear"))
        at.when(ReturnRepair(repair_id=REPAIR, mended=False, cost_krw=0)).then_types("repair.returned", "item.retired")

    def test_the_second_damage_is_another_repair(self):
        at = shelf().when(ReportDamage(barcode=CHAIR, cause="wear"))
        at.when(ReturnRepair(repair_id=REPAIR, mended=True, cost_krw=0)).when(MakeItemReady(barcode=CHAIR))
        at.when(ReportDamage(barcode=CHAIR, cause="wear"))
        assert at.row(Item, CHAIR).repair_id == f"{CENTRE}.{CHAIR}-2"

    def test_what_can_not_be(self):
        shelf().when(SendRepair(repair_id=REPAIR, maker="x")).then_refused("repair_unknown")
        at = shelf().when(ReportDamage(barcode=CHAIR, cause="wear"))
        at.when(ReturnRepair(repair_id=REPAIR, mended=True, cost_krw=0))
        at.when(SendRepair(repair_id=REPAIR, maker="x")).then_refused("repair_not_sendable", state="mended")
        at.when(ReturnRepair(repair_id=REPAIR, mended=False, cost_krw=0)).then_refused("repair_not_returnable")


@pytest.mark.parametrize(
    "intent", [ReportLost(barcode=CHAIR), RetireItem(barcode=CHAIR), ReportDamage(barcode=CHAIR, cause="wear")]
)
def test_a_unit_that_is_out_is_taken_back_first(intent):
    lent().when(intent).then_refused("item_is_out", rental_id=RENTAL)


def test_what_was_found_again_is_ready_and_says_so():
    at = shelf().when(ReportLost(barcode=CHAIR)).then_types("item.lost")
    assert at.when(MakeItemReady(barcode=CHAIR)).facts[0].reason == "found"


def test_an_unknown_barcode_is_refused():
    shelf().when(MakeItemReady(barcode="NG-X-1")).then_refused("item_not_registered")
