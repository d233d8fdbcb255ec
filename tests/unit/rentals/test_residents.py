"""Membership: joined, verified, suspended, reinstated."""

from __future__ import annotations

from datetime import date

import pytest

from services.chassis.domain import ScheduledCommand
from services.contracts.notifications.events import ContactRegistered
from services.contracts.rentals.commands import JoinResident, ReinstateResident, SuspendResident, VerifyResident
from services.rentals.residents import policies
from services.rentals.residents.model import EndSuspension, Resident
from services.rentals.service import SERVICE
from tests.support.lending import CENTRE, CHAIR, KIM, desk, request, rules, stocked
from tests.support.scenario import scenario

JOIN = JoinResident(resident_id=KIM, centre=CENTRE)
VERIFY = VerifyResident(resident_id=KIM, method="id_card")
UNTIL = date(2026, 12, 1)
SUSPEND = SuspendResident(resident_id=KIM, until=UNTIL, reason="conduct")


def centre():
    """A centre with house rules, a chair, and no member."""
    return stocked(scenario(SERVICE).given(rules()), CHAIR, "C10", "camping", 600, 4)


def test_a_resident_joins_and_is_verified_once():
    at = centre().when(JOIN).then_types("resident.joined")
    assert at.row(Resident, KIM).state == "unverified"
    at.when(VERIFY).then_types("resident.verified")
    assert at.row(Resident, KIM).verified_on == date(2026, 11, 23)
    assert at.row(Resident, KIM).state == "verified"


def test_who_never_joined_can_be_neither_verified_nor_suspended():
    at = centre()
    at.when(VERIFY).then_refused("resident_unknown")
    at.when(SuspendResident(resident_id=KIM, until=UNTIL, reason="late")).then_refused("resident_unknown")


def test_nothing_is_lent_before_the_verification():
    at = desk().when(JoinResident(resident_id=f"{CENTRE}.lee", centre=CENTRE))
    at.when(request(resident_id=f"{CENTRE}.lee")).then_refused("resident_not_verified")


@pytest.mark.parametrize("end", [ReinstateResident(resident_id=KIM), EndSuspension(resident_id=KIM, until=UNTIL)])
class TestSuspension:
    def test_of_a_verified_resident_ends_in_verified(self, end):
        at = centre().when(JOIN).when(VERIFY).when(SUSPEND).then_types("resident.suspended")
        assert (at.row(Resident, KIM).state, at.row(Resident, KIM).suspended_until) == ("suspended", UNTIL)
        at.when(end).then_types("resident.reinstated")
        assert (at.row(Resident, KIM).state, at.row(Resident, KIM).suspended_until) == ("verified", None)

    def test_of_a_resident_who_was_never_verified_ends_in_unverified(self, end):
        at = centre().when(JOIN).when(SUSPEND)
        assert at.row(Resident, KIM).state == "suspended"
        assert at.when(end).row(Resident, KIM).state == "unverified"
        at.when(request()).then_refused("resident_not_verified")

    def test_a_resident_verified_meanwhile_stays_suspended_and_is_verified_after_it(self, end):
        at = centre().when(JOIN).when(SUSPEND).when(VERIFY).then_types("resident.verified")
        assert (at.row(Resident, KIM).state, at.row(Resident, KIM).verified_on) == ("suspended", date(2026, 11, 23))
        assert at.when(end).row(Resident, KIM).state == "verified"


def test_who_is_not_suspended_needs_no_reinstating():
    centre().when(JOIN).when(ReinstateResident(resident_id=KIM)).then_nothing()


def test_a_suspension_that_was_moved_does_not_end_by_the_timer_of_the_earlier_day():
    at = centre().when(JOIN).when(SUSPEND)
    at.when(SuspendResident(resident_id=KIM, until=date(2026, 12, 24), reason="conduct"))
    at.when(EndSuspension(resident_id=KIM, until=UNTIL)).then_nothing()
    assert at.row(Resident, KIM).suspended_until == date(2026, 12, 24)


def test_a_suspension_sets_the_timer_of_its_end():
    (suspended,) = centre().when(JOIN).when(SUSPEND).events
    ends = ScheduledCommand(EndSuspension(resident_id=KIM, until=UNTIL), suspended.ends_at)
    assert list(policies.end_suspension(suspended)) == [ends]


def test_a_resident_with_a_contact_is_a_member():
    assert list(policies.join(ContactRegistered(centre=CENTRE, resident_id=KIM))) == [JOIN]
