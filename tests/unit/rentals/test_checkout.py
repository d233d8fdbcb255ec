"""Lending at the desk: what is held, what it costs, when it is due, and every reason to say no."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.chassis.domain import Refused, ScheduledCommand
from services.contracts.billing.events import PaymentCaptured, PaymentDeclined
from services.contracts.inventory.events import ItemDamaged
from services.contracts.rentals import queries
from services.contracts.rentals.commands import ReinstateResident, SuspendResident
from services.contracts.rentals.words import PaymentChoice
from services.rentals.checkout import policies
from services.rentals.checkout.model import (
    DeclinePayment,
    ExpirePayment,
    ItemAllocation,
    Rental,
    RentalCancelled,
    RentalStarted,
    StartRental,
)
from services.rentals.checkout.queries import quote
from services.rentals.residents.model import Resident
from tests.support.lending import (
    CENTRE,
    CHAIR,
    CHAIR_2,
    CHAIR_ID,
    DRILL,
    DRILL_ID,
    KIM,
    PAID,
    RENTAL,
    RENTAL_2,
    desk,
    out,
    request,
    rules,
    stocked,
)
from tests.support.scenario import MONDAY

FRIDAY = MONDAY + timedelta(days=4)
ELSEWHERE = "seoul-mapo"


class TestRequest:
    def test_holds_the_items_and_quotes_the_fee(self):
        at = desk().when(request(CHAIR, DRILL)).then_types("rental.requested")
        (requested,) = at.events
        assert requested.fee_krw == (600 + 2600) * 2
        assert requested.due_on == date(2026, 11, 25)
        assert requested.due_at == datetime(2026, 11, 25, 9, 0, tzinfo=UTC)  # 18:00 in Gwangju
        assert requested.answer_by == MONDAY + timedelta(seconds=120)
        assert requested.rules_version == 1
        assert at.row(Rental, RENTAL).state == "awaiting_payment"
        assert at.row(ItemAllocation, CHAIR_ID).state == at.row(ItemAllocation, DRILL_ID).state == "held"
        assert [h.barcode for h in at.row(Resident, KIM).holdings] == [CHAIR, DRILL]

    def test_a_free_item_is_out_at_once(self):
        at = stocked(desk(), "NG-D01-001", "D01", "daily", 0, 7)
        at.when(request("NG-D01-001")).then_types("rental.requested", "rental.started")
        assert at.row(Rental, RENTAL).state == "out"

    def test_a_weekend_in_between_costs_nothing_and_due_days_are_open_days(self):
        (requested,) = desk().on(FRIDAY).when(request(nights=1)).events
        assert (requested.due_on, requested.charged_nights, requested.fee_krw) == (date(2026, 11, 30), 1, 600)

    def test_the_same_weekend_costs_where_the_rules_say_so(self):
        (requested,) = desk(fees={"charge_closed_days": True}).on(FRIDAY).when(request(nights=1)).events
        assert requested.charged_nights == 3

    def test_a_public_holiday_is_closed(self):
        day_before_christmas = datetime(2026, 12, 24, 1, 0, tzinfo=UTC)
        (requested,) = desk().on(day_before_christmas).when(request(nights=1)).events
        assert requested.due_on == date(2026, 12, 28)

    def test_the_day_is_the_centres_not_utcs(self):
        late_evening_in_utc = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday 08:30 in Gwangju
        (requested,) = desk().on(late_evening_in_utc).when(request(nights=1)).events
        assert requested.due_on == date(2026, 11, 24)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"barcodes": ("NG-X99-001",)}, "item_unknown"),
            ({"barcodes": (CHAIR, CHAIR)}, "barcode_repeated"),
            ({"nights": 5}, "too_many_nights"),
            ({"payment": PaymentChoice(method="seashells")}, "payment_method_unknown"),
            ({"manual_acknowledged": False}, "manual_not_acknowledged"),
            ({"resident_id": f"{CENTRE}.nobody"}, "resident_unknown"),
        ],
    )
    def test_is_refused(self, change, code):
        desk().when(request(**change)).then_refused(code)

    def test_at_a_centre_without_house_rules_is_refused(self):
        desk().when(request(rental_id="elsewhere.r1")).then_refused("no_house_rules", centre="elsewhere")

    def test_of_a_held_item_is_refused_with_the_rental_that_holds_it(self):
        at = desk().when(request())
        at.when(request(rental_id=RENTAL_2)).then_refused("item_already_out", rental_id=RENTAL)

    def test_of_an_item_that_inventory_does_not_call_ready_is_refused(self):
        damaged = ItemDamaged(centre=CENTRE, barcode=CHAIR, category="C10", rental_id=None, cause="wear")
        desk().received(damaged).when(request()).then_refused("item_not_ready", state="damaged")

    def test_beyond_the_limits_is_refused(self):
        desk(limits={"items_per_member": 1}).when(request(CHAIR, DRILL)).then_refused("too_many_items", has=0, more=2)
        one = desk(limits={"units_of_one_category_per_member": 1})
        one.when(request(CHAIR, CHAIR_2)).then_refused("too_many_of_category", category="C10")

    def test_to_a_suspended_resident_is_refused_up_to_the_last_day(self):
        at = desk().when(SuspendResident(resident_id=KIM, until=date(2026, 11, 24), reason="conduct"))
        at.when(request()).then_refused("resident_is_suspended", until="2026-11-24")
        at.on(MONDAY + timedelta(days=2)).when(request()).then_types("rental.requested")

    def test_after_a_reinstatement_is_possible(self):
        at = desk().when(SuspendResident(resident_id=KIM, until=date(2026, 12, 24), reason="conduct"))
        at.when(ReinstateResident(resident_id=KIM)).when(request()).then_types("rental.requested")

    def test_a_barcode_names_another_item_at_another_centre(self):
        at = stocked(desk().given(rules(ELSEWHERE)), CHAIR, "C10", "camping", 900, 4, centre=ELSEWHERE)
        at.when(request())
        at.when(request(rental_id=f"{ELSEWHERE}.r1")).then_types("rental.requested")
        assert at.events[0].fee_krw == 900 * 2
        assert at.row(ItemAllocation, CHAIR_ID).rental_id == RENTAL


class TestQuote:
    ASKED = queries.Quote(centre=CENTRE, barcodes=(CHAIR, DRILL), nights=2, resident_id=KIM)

    def test_is_what_the_request_will_cost(self):
        at = desk()
        offered = quote(self.ASKED, at.row, MONDAY)
        (requested,) = at.when(request(CHAIR, DRILL)).events
        assert (offered.fee_krw, offered.due_on, offered.due_at, offered.charged_nights, offered.rules_version) == (
            requested.fee_krw,
            requested.due_on,
            requested.due_at,
            requested.charged_nights,
            requested.rules_version,
        )
        assert [(i.barcode, i.fee_krw) for i in offered.items] == [(CHAIR, 600), (DRILL, 2600)]

    def test_is_refused_where_the_request_would_be(self):
        at = desk().when(request())
        with pytest.raises(Refused) as held:
            quote(self.ASKED, at.row, MONDAY)
        assert held.value.code() == "item_already_out"
        at = desk().when(SuspendResident(resident_id=KIM, until=date(2026, 11, 24), reason="conduct"))
        with pytest.raises(Refused) as suspended:
            quote(self.ASKED, at.row, MONDAY)
        assert suspended.value.code() == "resident_is_suspended"


class TestPayment:
    def test_captured_the_items_are_out(self):
        at = desk().when(request()).when(PAID).then_types("rental.started")
        assert at.row(ItemAllocation, CHAIR_ID).state == "out"
        assert at.row(Rental, RENTAL).payment_id == PAID.payment_id

    @pytest.mark.parametrize(
        ("command", "reason"), [(DeclinePayment, "payment_declined"), (ExpirePayment, "payment_unanswered")]
    )
    def test_declined_or_unanswered_the_items_are_released(self, command, reason):
        at = desk().when(request(CHAIR, DRILL)).when(command(rental_id=RENTAL)).then_types("rental.cancelled")
        assert at.events[0].reason == at.row(Rental, RENTAL).cancelled_because == reason
        assert at.row(ItemAllocation, CHAIR_ID) is at.row(ItemAllocation, DRILL_ID) is None
        assert at.row(Resident, KIM).holdings == ()
        at.when(request(rental_id=RENTAL_2)).then_types("rental.requested")

    def test_captured_after_it_was_cancelled_changes_nothing_here(self):
        desk().when(request()).when(ExpirePayment(rental_id=RENTAL)).when(PAID).then_nothing()

    def test_expired_after_it_was_captured_changes_nothing(self):
        out().when(ExpirePayment(rental_id=RENTAL)).then_nothing()

    def test_of_an_unknown_rental_is_refused(self):
        desk().when(PAID).then_refused("rental_unknown")

    def test_starts_or_declines_the_rental_when_billing_has_the_answer(self):
        captured = PaymentCaptured(
            centre=CENTRE, payment_id=PAID.payment_id, rental_id=RENTAL, amount_krw=1200, captured_at=MONDAY
        )
        assert list(policies.start(captured)) == [StartRental(rental_id=RENTAL, payment_id=PAID.payment_id)]
        declined = PaymentDeclined(centre=CENTRE, payment_id=PAID.payment_id, rental_id=RENTAL, reason="limit")
        assert list(policies.decline(declined)) == [DeclinePayment(rental_id=RENTAL)]

    def test_expires_by_a_timer_unless_nothing_is_due(self):
        (requested,) = desk().when(request()).events
        expiry = ScheduledCommand(ExpirePayment(rental_id=RENTAL), MONDAY + timedelta(seconds=120))
        assert list(policies.expire_payment(requested)) == [expiry]
        free = stocked(desk(), "NG-D01-001", "D01", "daily", 0, 7).when(request("NG-D01-001")).events[0]
        assert list(policies.expire_payment(free)) == []


def test_started_and_cancelled_events_name_what_they_are_about():
    at = desk().when(request())
    at.when(DeclinePayment(rental_id=RENTAL)).then(
        RentalCancelled(
            centre=CENTRE,
            rental_id=RENTAL,
            resident_id=KIM,
            barcodes=(CHAIR,),
            categories=("C10",),
            reason="payment_declined",
            cancelled_at=MONDAY,
        )
    )
    at = desk().when(request())
    (requested,) = at.events
    at.when(PAID).then(
        RentalStarted(
            centre=CENTRE,
            rental_id=RENTAL,
            resident_id=KIM,
            items=requested.items,
            due_on=requested.due_on,
            due_at=requested.due_at,
            fee_krw=1200,
            payment_id=PAID.payment_id,
            started_at=MONDAY,
        )
    )
    assert RentalStarted.TYPE == "rental.started"
