"""Lending at the desk: what is held, what it costs, when it is due, and every reason to say no."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.rentals.domain.rental import (
    ConfirmPayment,
    DeclinePayment,
    ExpirePayment,
    Hold,
    MarkOverdue,
    Payment,
    Rental,
    RentalCancelled,
    RentalStarted,
)
from services.rentals.domain.resident import ReinstateResident, Resident, SuspendResident
from tests.support.lending import CENTRE, CHAIR, CHAIR_2, DRILL, KIM, RENTAL, desk, shelf, start
from tests.support.scenario import MONDAY

FRIDAY = MONDAY + timedelta(days=4)


class TestStart:
    def test_holds_the_units_and_quotes_the_fee(self):
        at = desk().when(start(CHAIR, DRILL)).then_types("rental.requested")
        (requested,) = at.facts
        assert requested.fee_krw == (600 + 2600) * 2
        assert requested.due_on == date(2026, 11, 25)
        assert requested.due_at == datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # 18:00 in Gwangju
        assert requested.answer_by == MONDAY + timedelta(seconds=120)
        assert requested.rules_version == 1
        assert at.row(Rental, RENTAL).state == "awaiting_payment"
        assert at.row(Hold, CHAIR).state == at.row(Hold, DRILL).state == "held"
        assert [h.barcode for h in at.row(Resident, KIM).holdings] == [CHAIR, DRILL]

    def test_a_free_unit_is_out_at_once(self):
        at = shelf(desk(), "NG-D01-001", "D01", "daily", 0, 7)
        at.when(start("NG-D01-001")).then_types("rental.requested", "rental.started")
        assert at.row(Rental, RENTAL).state == "out"

    def test_a_weekend_in_between_costs_nothing_and_due_days_are_open_days(self):
        (requested,) = desk().on(FRIDAY).when(start(nights=1)).facts
        assert (requested.due_on, requested.charged_nights, requested.fee_krw) == (date(2026, 11, 30), 1, 600)

    def test_the_same_weekend_costs_where_the_rules_say_so(self):
        (requested,) = desk(fees={"charge_closed_days": True}).on(FRIDAY).when(start(nights=1)).facts
        assert requested.charged_nights == 3

    def test_a_public_holiday_is_closed(self):
        day_before_christmas = datetime(2026, 12, 24, 1, 0, tzinfo=UTC)
        (requested,) = desk().on(day_before_christmas).when(start(nights=1)).facts
        assert requested.due_on == date(2026, 12, 28)

    def test_the_day_is_the_centres_not_utcs(self):
        late_evening_in_utc = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday 08:30 in Gwangju
        (requested,) = desk().on(late_evening_in_utc).when(start(nights=1)).facts
        assert requested.due_on == date(2026, 11, 24)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"barcodes": ("NG-X99-001",)}, "item_unknown"),
            ({"barcodes": (CHAIR, CHAIR)}, "barcode_repeated"),
            ({"nights": 5}, "too_many_nights"),
            ({"payment": Payment(method="seashells")}, "payment_method_unknown"),
            ({"manual_acknowledged": False}, "manual_not_acknowledged"),
            ({"resident_id": f"{CENTRE}.nobody"}, "resident_unknown"),
        ],
    )
    def test_is_refused(self, change, code):
        desk().when(start(**change)).then_refused(code)

    def test_of_a_held_unit_is_refused_with_the_rental_that_holds_it(self):
        at = desk().when(start())
        at.when(start(rental_id=f"{CENTRE}.r2")).then_refused("item_already_out", rental_id=RENTAL)

    def test_of_a_unit_that_inventory_does_not_call_ready_is_refused(self):
        damaged = {"centre": CENTRE, "barcode": CHAIR, "category": "C10"}
        desk().heard("inventory", "item.damaged", damaged).when(start()).then_refused("item_not_ready", state="damaged")

    def test_beyond_the_limits_is_refused(self):
        desk(limits={"items_per_member": 1}).when(start(CHAIR, DRILL)).then_refused("too_many_items", has=0, more=2)
        one = desk(limits={"units_of_one_category_per_member": 1})
        one.when(start(CHAIR, CHAIR_2)).then_refused("too_many_of_category", category="C10")

    def test_to_a_suspended_resident_is_refused_up_to_the_last_day(self):
        at = desk().when(SuspendResident(resident_id=KIM, until=date(2026, 11, 24), reason="conduct"))
        at.when(start()).then_refused("resident_is_suspended", until="2026-11-24")
        at.on(MONDAY + timedelta(days=2)).when(start()).then_types("rental.requested")

    def test_after_a_reinstatement_is_possible(self):
        at = desk().when(SuspendResident(resident_id=KIM, until=date(2026, 12, 24), reason="conduct"))
        at.when(ReinstateResident(resident_id=KIM)).when(start()).then_types("rental.requested")


class TestPayment:
    def test_captured_the_units_are_out(self):
        at = desk().when(start()).when(ConfirmPayment(rental_id=RENTAL, payment_id="p1")).then_types("rental.started")
        assert at.row(Hold, CHAIR).state == "out"
        assert at.row(Rental, RENTAL).payment_id == "p1"

    @pytest.mark.parametrize(
        ("intent", "reason"), [(DeclinePayment, "payment_declined"), (ExpirePayment, "payment_unanswered")]
    )
    def test_declined_or_unanswered_the_units_are_released(self, intent, reason):
        at = desk().when(start(CHAIR, DRILL)).when(intent(rental_id=RENTAL)).then_types("rental.cancelled")
        assert at.facts[0].reason == reason
        assert at.row(Hold, CHAIR) is at.row(Hold, DRILL) is None
        assert at.row(Resident, KIM).holdings == ()
        at.when(start(rental_id=f"{CENTRE}.r2")).then_types("rental.requested")

    def test_captured_after_it_was_cancelled_changes_nothing_here(self):
        at = desk().when(start()).when(ExpirePayment(rental_id=RENTAL))
        at.when(ConfirmPayment(rental_id=RENTAL, payment_id="p1")).then_nothing()

    def test_expired_after_it_was_captured_changes_nothing(self):
        at = desk().when(start()).when(ConfirmPayment(rental_id=RENTAL, payment_id="p1"))
        at.when(ExpirePayment(rental_id=RENTAL)).then_nothing()

    def test_of_an_unknown_rental_is_refused(self):
        desk().when(ConfirmPayment(rental_id=RENTAL, payment_id="p1")).then_refused("rental_unknown")


class TestOverdue:
    def test_when_the_due_day_is_over_and_not_before(self):
        at = desk().when(start()).when(ConfirmPayment(rental_id=RENTAL, payment_id="p1"))
        due_at = at.row(Rental, RENTAL).due_at
        at.on(due_at - timedelta(seconds=1)).when(MarkOverdue(rental_id=RENTAL)).then_nothing()
        at.on(due_at).when(MarkOverdue(rental_id=RENTAL)).then_types("rental.overdue")
        assert at.row(Rental, RENTAL).overdue


def test_started_and_cancelled_facts_name_what_they_are_about():
    at = desk().when(start())
    at.when(DeclinePayment(rental_id=RENTAL)).then(
        RentalCancelled(
            centre=CENTRE,
            rental_id=RENTAL,
            resident_id=KIM,
            barcodes=(CHAIR,),
            reason="payment_declined",
            cancelled_at=MONDAY,
        )
    )
    assert RentalStarted.TYPE == "rental.started"
