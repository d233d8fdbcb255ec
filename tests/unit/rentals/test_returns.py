"""Returning: parts, condition, lateness, and when an item can be lent again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.chassis.domain import Refused, ScheduledCommand
from services.contracts.inventory.events import ItemCleaningStarted
from services.contracts.inventory.words import MissingPart
from services.contracts.rentals import queries
from services.rentals.checkout.model import ItemAllocation, Rental
from services.rentals.checkout.queries import holder
from services.rentals.residents.model import EndSuspension, Resident
from services.rentals.returns import policies
from services.rentals.returns.model import MarkOverdue, ReleaseItem
from tests.support.lending import (
    CENTRE,
    CHAIR,
    CHAIR_2,
    CHAIR_ID,
    DRILL,
    KIM,
    PAID,
    RENTAL,
    RENTAL_2,
    back,
    desk,
    made_ready,
    out,
    request,
)
from tests.support.scenario import MONDAY

RELEASE = ReleaseItem(item_id=CHAIR_ID, rental_id=RENTAL)


class TestReturn:
    def test_the_last_item_ends_the_rental(self):
        at = out(CHAIR, DRILL).when(back(CHAIR)).then_types("rental.items_returned")
        assert at.events[0].still_out == (DRILL,)
        assert [h.barcode for h in at.row(Resident, KIM).holdings] == [DRILL]
        at.when(back(DRILL)).then_types("rental.items_returned", "rental.returned")
        assert at.row(Rental, RENTAL).state == "returned"
        assert at.row(Resident, KIM).holdings == ()

    def test_what_is_back_already_is_left_as_it_was(self):
        at = out(CHAIR, CHAIR_2).when(back(CHAIR))
        at.when(back(CHAIR, condition="damaged", cause="wilful")).then_nothing()
        at.when(back(CHAIR, CHAIR_2)).then_types("rental.items_returned", "rental.returned")
        assert [i.barcode for i in at.events[0].items] == [CHAIR_2]

    def test_camping_goods_rest_for_one_open_day_and_tools_do_not(self):
        at = out(CHAIR, DRILL).when(back(CHAIR, DRILL))
        chair, drill = at.events[0].items
        assert chair.ready_from == datetime(2026, 11, 24, 0, 0, tzinfo=UTC)  # Tuesday 09:00 in Gwangju
        assert drill.ready_from is None

    def test_damage_needs_its_cause(self):
        out().when(back(condition="damaged")).then_refused("cause_missing", barcode=CHAIR)

    def test_parts_that_are_missing_are_counted_by_their_line_in_the_checklist(self):
        pegs = (MissingPart(part=2, count=1), MissingPart(part=1, count=1), MissingPart(part=2, count=2))
        at = out().when(back(missing=pegs)).then_types("rental.items_returned", "rental.returned")
        assert at.events[0].items[0].missing == (MissingPart(part=1, count=1), MissingPart(part=2, count=3))

    def test_a_part_that_the_category_does_not_have_is_refused_with_those_that_it_has(self):
        parts = {"parts": "1 chair (1), 2 peg (4)", "parts_ko": "1 의자 (1), 2 팩 (4)"}
        out().when(back(missing=(MissingPart(part=3, count=1),))).then_refused("part_unknown", part=3, **parts)

    def test_no_more_parts_are_missing_than_there_were(self):
        twice = (MissingPart(part=2, count=3), MissingPart(part=2, count=2))
        out().when(back(missing=twice)).then_refused("too_many_missing", part=2, count=5)
        out().when(back(missing=(MissingPart(part=2, count=4),))).then_types("rental.items_returned", "rental.returned")

    def test_of_an_item_of_another_rental_is_refused(self):
        out(CHAIR).when(back(DRILL)).then_refused("item_not_in_rental")

    def test_of_a_rental_that_is_not_out_is_refused(self):
        desk().when(request()).when(back()).then_refused("rental_not_out", state="awaiting_payment")
        desk().when(back()).then_refused("rental_unknown")


class TestChecking:
    def test_an_item_can_be_lent_again_only_when_inventory_calls_it_ready(self):
        at = out().when(back())
        assert at.row(ItemAllocation, CHAIR_ID).state == "checking"
        at.when(request(rental_id=RENTAL_2)).then_refused("item_being_checked")
        at.when(RELEASE).then_types("rental.item_released")
        at.when(request(rental_id=RENTAL_2)).then_types("rental.requested")

    def test_an_old_ready_does_not_release_an_item_that_is_out_again(self):
        at = out().when(back()).when(RELEASE)
        at.when(request(rental_id=RENTAL_2))
        at.when(RELEASE).then_nothing()
        assert at.row(ItemAllocation, CHAIR_ID).rental_id == RENTAL_2

    def test_the_holder_of_an_item_is_told_as_held_then_out_then_checking_then_not_at_all(self):
        asked = queries.Holder(centre=CENTRE, barcode=CHAIR)
        at = desk().when(request())
        assert holder(asked, at.row, MONDAY).state == "held"
        at.when(PAID)
        assert holder(asked, at.row, MONDAY).state == "out"
        rests = ItemCleaningStarted(centre=CENTRE, barcode=CHAIR, category="C10", rental_id=RENTAL, until=None)
        at.when(back()).received(rests)
        assert (holder(asked, at.row, MONDAY).state, holder(asked, at.row, MONDAY).rental_id) == ("checking", RENTAL)
        at.received(made_ready(CHAIR, "C10", after_rental=RENTAL)).when(RELEASE)
        with pytest.raises(Refused) as nobody:
            holder(asked, at.row, MONDAY)
        assert (nobody.value.code(), nobody.value.kind) == ("item_in_no_rental", "not_found")

    def test_ends_when_inventory_makes_the_item_ready_after_this_rental(self):
        assert list(policies.release(made_ready(CHAIR, "C10", after_rental=RENTAL))) == [RELEASE]
        assert list(policies.release(made_ready(CHAIR, "C10"))) == []


class TestOverdue:
    def test_when_the_due_day_is_over_and_not_before(self):
        at = out()
        due_at = at.row(Rental, RENTAL).due_at
        assert list(policies.mark_overdue(at.events[0])) == [ScheduledCommand(MarkOverdue(rental_id=RENTAL), due_at)]
        at.on(due_at - timedelta(seconds=1)).when(MarkOverdue(rental_id=RENTAL)).then_nothing()
        at.on(due_at).when(MarkOverdue(rental_id=RENTAL)).then_types("rental.marked_overdue")
        assert at.row(Rental, RENTAL).overdue

    def test_not_once_everything_is_back(self):
        at = out().when(back())
        at.on(MONDAY + timedelta(days=9)).when(MarkOverdue(rental_id=RENTAL)).then_nothing()


class TestLate:
    @pytest.mark.parametrize(("days", "suspended_until"), [(2, None), (3, date(2026, 11, 27)), (5, date(2026, 12, 1))])
    def test_each_late_day_of_an_item_is_a_day_of_suspension(self, days, suspended_until):
        at = out().on(MONDAY + timedelta(days=days)).when(back())
        assert at.row(Resident, KIM).suspended_until == suspended_until
        assert at.row(Resident, KIM).state == ("suspended" if suspended_until else "verified")

    def test_very_late_is_ninety_days(self):
        at = out().on(MONDAY + timedelta(days=40)).when(back())
        assert at.row(Resident, KIM).suspended_until == (MONDAY + timedelta(days=130)).date()

    def test_a_suspension_ends_by_itself_after_its_last_day(self):
        at = out().on(MONDAY + timedelta(days=3)).when(back())
        until = at.row(Resident, KIM).suspended_until
        suspended = next(e for e in at.events if e.TYPE == "resident.suspended")
        assert suspended.ends_at == datetime(2026, 11, 27, 15, 0, tzinfo=UTC)  # midnight in Gwangju
        at.when(EndSuspension(resident_id=KIM, until=date(2020, 1, 1))).then_nothing()
        at.when(EndSuspension(resident_id=KIM, until=until)).then_types("resident.reinstated")
