"""Items: registered, ready, out, back, cleaned, lost, retired."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.chassis.domain import ScheduledCommand
from services.contracts.base import id_of
from services.contracts.inventory.commands import MakeItemReady, RegisterItem, ReportDamage, ReportLost, RetireItem
from services.contracts.inventory.words import MissingPart
from services.contracts.rentals.events import RentalCancelled
from services.inventory.catalogue.model import CategoryDescribed
from services.inventory.items.model import FinishCleaning, Item, ItemCleaningStarted, ItemRegistered, RentedOut
from services.inventory.service import SERVICE
from tests.support.scenario import MONDAY
from tests.unit.inventory.stories import (
    CENTRE,
    CHAIR,
    CHAIR_ID,
    DESCRIPTION,
    RENTAL,
    THE_CHAIR,
    back,
    catalogue,
    items_returned,
    out,
    ready,
    received,
    rental_requested,
    rental_started,
)

REGISTER, MAKE_READY = RegisterItem(**THE_CHAIR, category="C10"), MakeItemReady(**THE_CHAIR)
CLEANED = FinishCleaning(item_id=CHAIR_ID, rental_id=RENTAL)
TOMORROW = MONDAY + timedelta(days=1)
cleaning_started = SERVICE.schedule_of[ItemCleaningStarted]


class TestRegistered:
    def test_an_item_is_registered_once(self) -> None:
        s = catalogue().when(REGISTER).then(ItemRegistered(**THE_CHAIR, category="C10"))
        assert s.row(Item, CHAIR_ID).state == "preparing"
        s.when(REGISTER).then_nothing()

    def test_a_barcode_belongs_to_one_item_of_its_centre(self) -> None:
        s = catalogue().given(CategoryDescribed(**{**DESCRIPTION, "code": "C11"})).when(REGISTER)
        s.when(RegisterItem(**THE_CHAIR, category="C11")).then_refused("barcode_taken", barcode=CHAIR)

    def test_the_same_barcode_in_another_centre_is_another_item(self) -> None:
        s = catalogue().given(CategoryDescribed(**{**DESCRIPTION, "centre": "elsewhere"})).when(REGISTER)
        s.when(RegisterItem(centre="elsewhere", barcode=CHAIR, category="C10")).then_types("item.registered")
        s.when(MakeItemReady(centre="elsewhere", barcode=CHAIR)).then_types("item.made_ready")
        assert s.row(Item, CHAIR_ID).state == "preparing"
        assert s.row(Item, id_of("elsewhere", CHAIR)).state == "ready"

    def test_an_item_of_no_category_is_refused(self) -> None:
        catalogue().when(RegisterItem(**THE_CHAIR, category="Z99")).then_refused("category_unknown", category="Z99")

    def test_a_new_item_is_ready_because_it_is_new(self) -> None:
        made_ready = catalogue().when(REGISTER).when(MAKE_READY).then_types("item.made_ready").events[0]
        assert (made_ready.reason, made_ready.after_rental, made_ready.repair_id) == ("new", None, None)

    def test_an_unknown_barcode_is_refused(self) -> None:
        unknown = MakeItemReady(centre=CENTRE, barcode="NG-X-1")
        ready().when(unknown).then_refused("item_not_registered", barcode="NG-X-1")


class TestRentedOut:
    def test_an_item_is_held_then_out_then_back(self) -> None:
        s = ready().received(rental_requested())
        assert (s.row(RentedOut, CHAIR_ID).state, s.row(RentedOut, CHAIR_ID).rental_id) == ("held", RENTAL)
        s.received(rental_started())
        assert (s.row(RentedOut, CHAIR_ID).state, s.row(RentedOut, CHAIR_ID).due_on) == ("out", MONDAY.date())
        s.received(items_returned())
        assert s.row(RentedOut, CHAIR_ID) is None

    def test_a_cancelled_rental_has_nothing(self) -> None:
        cancelled = RentalCancelled(
            centre=CENTRE,
            rental_id=RENTAL,
            resident_id=f"{CENTRE}.p1",
            barcodes=(CHAIR,),
            categories=("C10",),
            reason="payment_declined",
        )
        assert ready().received(rental_requested(), cancelled).row(RentedOut, CHAIR_ID) is None

    def test_the_late_end_of_an_earlier_rental_does_not_end_the_next(self) -> None:
        s = out().received(rental_requested("gwangju-namgu.r2"), items_returned())
        assert s.row(RentedOut, CHAIR_ID).rental_id == "gwangju-namgu.r2"

    @pytest.mark.parametrize(
        "command", [ReportLost(**THE_CHAIR), RetireItem(**THE_CHAIR), ReportDamage(**THE_CHAIR, cause="wear")]
    )
    def test_an_item_that_is_out_is_taken_back_first(self, command: Any) -> None:
        out().when(command).then_refused("item_is_out", rental_id=RENTAL, barcode=CHAIR)


class TestBack:
    def test_good_it_rests_until_it_is_clean(self) -> None:
        s = back(ready_from=TOMORROW).then_types("item.cleaning_started")
        assert s.row(Item, CHAIR_ID).state == "cleaning"
        assert list(cleaning_started(s.events[0])) == [ScheduledCommand(CLEANED, TOMORROW)]
        s.when(CLEANED).then_types("item.made_ready")
        assert (s.events[0].reason, s.events[0].after_rental) == ("cleaned", RENTAL)

    def test_without_a_buffer_it_is_ready_at_once(self) -> None:
        s = back().then_types("item.cleaning_started", "item.made_ready")
        assert (s.events[1].reason, s.events[1].after_rental) == ("cleaned", RENTAL)

    def test_dirty_it_waits_for_staff_to_clean_it(self) -> None:
        s = back("dirty", ready_from=TOMORROW).then_types("item.cleaning_started")
        assert s.events[0].until is None
        assert list(cleaning_started(s.events[0])) == []
        s.when(MAKE_READY).then_types("item.made_ready")

    def test_with_parts_missing_it_is_prepared_again(self) -> None:
        pegs = (MissingPart(part=2, count=3),)
        s = back(missing=pegs).then_types("item.returned_incomplete")
        assert (s.row(Item, CHAIR_ID).state, s.row(Item, CHAIR_ID).missing) == ("preparing", pegs)

    @pytest.mark.parametrize(
        "found",
        [
            {},
            {"condition": "dirty"},
            {"condition": "damaged", "cause": "wilful"},
            {"condition": "lost"},
            {"missing": (MissingPart(part=1, count=1),)},
        ],
    )
    def test_told_again_in_the_same_way_nothing_happens_and_in_another_way_it_is_refused(self, found: Any) -> None:
        s = back(**found).when(received(**found)).then_nothing()
        s.when(received("damaged", "ignorance")).then_refused("item_received_otherwise", now="damaged")
        s.when(received(missing=(MissingPart(part=1, count=2),))).then_refused("item_received_otherwise", now="good")

    def test_what_happens_to_it_later_does_not_change_how_it_came_back(self) -> None:
        s = back("dirty").when(MAKE_READY).when(ReportDamage(**THE_CHAIR, cause="wear"))
        s.when(received("dirty")).then_nothing()

    def test_lost_it_is_lost(self) -> None:
        assert back("lost", cause="lost").then_types("item.lost").events[0].rental_id == RENTAL

    def test_an_item_that_was_damaged_meanwhile_is_not_made_ready_by_the_clock(self) -> None:
        s = back(ready_from=TOMORROW).when(ReportDamage(**THE_CHAIR, cause="wear"))
        s.when(CLEANED).then_nothing()
        assert s.row(Item, CHAIR_ID).state == "damaged"


def test_an_item_that_was_found_again_is_ready_and_says_so() -> None:
    s = ready().when(ReportLost(**THE_CHAIR)).then_types("item.lost")
    assert s.when(MAKE_READY).events[0].reason == "found"
