"""Returning: parts, condition, lateness, and when a unit can be lent again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.rentals.domain.rental import ConfirmPayment, Hold, ReleaseItem, Rental
from services.rentals.domain.resident import EndSuspension, Resident
from tests.support.lending import CENTRE, CHAIR, CHAIR_2, DRILL, KIM, RENTAL, back, desk, start
from tests.support.scenario import MONDAY


def out(*barcodes, **changed):
    """Kim has the units since Monday; they are due on Wednesday."""
    return desk(**changed).when(start(*barcodes)).when(ConfirmPayment(rental_id=RENTAL, payment_id="p1"))


class TestReturn:
    def test_the_last_unit_ends_the_rental(self):
        at = out(CHAIR, DRILL).when(back(CHAIR)).then_types("rental.items_returned")
        assert at.facts[0].still_out == (DRILL,)
        at.when(back(DRILL)).then_types("rental.items_returned", "rental.returned")
        assert at.row(Rental, RENTAL).state == "returned"
        assert at.row(Resident, KIM).holdings == ()

    def test_what_is_back_already_is_left_as_it_was(self):
        at = out(CHAIR, CHAIR_2).when(back(CHAIR))
        at.when(back(CHAIR, condition="damaged", cause="wilful")).then_nothing()
        at.when(back(CHAIR, CHAIR_2)).then_types("rental.items_returned", "rental.returned")
        assert [i.barcode for i in at.facts[0].items] == [CHAIR_2]

    def test_camping_goods_rest_for_one_open_day_and_tools_do_not(self):
        at = out(CHAIR, DRILL).when(back(CHAIR, DRILL))
        chair, drill = at.facts[0].items
        assert chair.ready_from == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)  # Tuesday 09:00 in Gwangju
        assert drill.ready_from is None

    def test_damage_needs_its_cause(self):
        out().when(back(condition="damaged")).then_refused("cause_missing", barcode=CHAIR)

    def test_of_a_unit_of_another_rental_is_refused(self):
        out(CHAIR).when(back(DRILL)).then_refused("item_not_in_rental")

    def test_of_a_rental_that_is_not_out_is_refused(self):
        desk().when(start()).when(back()).then_refused("rental_not_out", state="awaiting_payment")
        desk().when(back()).then_refused("rental_unknown")


class TestReady:
    def test_a_unit_can_be_lent_again_only_when_inventory_calls_it_ready(self):
        at = out().when(back())
        assert at.row(Hold, CHAIR).state == "checking"
        at.when(start(rental_id=f"{CENTRE}.r2")).then_refused("item_being_checked")
        at.when(ReleaseItem(barcode=CHAIR, rental_id=RENTAL)).then_types("rental.item_released")
        at.when(start(rental_id=f"{CENTRE}.r2")).then_types("rental.requested")

    def test_an_old_ready_does_not_release_a_unit_that_is_out_again(self):
        at = out().when(back()).when(ReleaseItem(barcode=CHAIR, rental_id=RENTAL))
        at.when(start(rental_id=f"{CENTRE}.r2"))
        at.when(ReleaseItem(barcode=CHAIR, rental_id=RENTAL)).then_nothing()
        assert at.row(Hold, CHAIR).rental_id == f"{CENTRE}.r2"


class TestLate:
    @pytest.mark.parametrize(("days", "suspended_until"), [(2, None), (3, date(2026, 11, 27)), (5, date(2026, 12, 1))])
    def test_each_late_day_of_a_unit_is_a_day_of_suspension(self, days, suspended_until):
        at = out().on(MONDAY + timedelta(days=days)).when(back())
        assert at.row(Resident, KIM).suspended_until == suspended_until

    def test_very_late_is_ninety_days(self):
        at = out().on(MONDAY + timedelta(days=40)).when(back())
        assert at.row(Resident, KIM).suspended_until == (MONDAY + timedelta(days=130)).date()

    def test_a_suspension_ends_by_itself_after_its_last_day(self):
        at = out().on(MONDAY + timedelta(days=3)).when(back())
        until = at.row(Resident, KIM).suspended_until
        suspended = next(f for f in at.facts if f.TYPE == "resident.suspended")
        assert suspended.ends_at == datetime(2026, 11, 27, 15, 0, tzinfo=UTC)  # midnight in Gwangju
        at.when(EndSuspension(resident_id=KIM, until=date(2020, 1, 1))).then_nothing()
        at.when(EndSuspension(resident_id=KIM, until=until)).then_types("resident.reinstated")
