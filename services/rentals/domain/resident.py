"""A resident as rentals knows him: a member, verified or not, suspended or not, with what he has. Never a name."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.chassis.kernel import Look, Refused, fact, intent, needs, replace, state, value
from services.rentals.domain import rental
from services.rentals.domain.house_rules import HouseRules, Rules, centre_of, in_force

# -- facts --


@fact("resident.joined", stream="resident-{resident_id}")
class ResidentJoined:
    """A resident became a member."""

    centre: str
    resident_id: str


@fact("resident.verified", stream="resident-{resident_id}")
class ResidentVerified:
    """Staff saw the resident's identity; the document itself is not kept."""

    centre: str
    resident_id: str
    method: str
    verified_on: date


@fact("resident.suspended", stream="resident-{resident_id}")
class ResidentSuspended:
    """Nothing is lent to the resident up to and including the day ``until``."""

    centre: str
    resident_id: str
    until: date
    reason: str
    ends_at: datetime


@fact("resident.reinstated", stream="resident-{resident_id}")
class ResidentReinstated:
    """A suspension is over, by its time or early."""

    centre: str
    resident_id: str


# -- intents --


@intent
class JoinResident:
    """Become a member."""

    resident_id: str
    centre: str


@intent
class VerifyResident:
    """Record that staff saw the identity."""

    resident_id: str
    method: str


@intent
class SuspendResident:
    """Stop lending to a resident."""

    resident_id: str
    until: date
    reason: str


@intent
class ReinstateResident:
    """End a suspension early."""

    resident_id: str


@intent
class EndSuspension:
    """The last day of a suspension is over."""

    resident_id: str
    until: date


# -- refusals --


class ResidentUnknown(Refused):
    """There is no resident {resident_id}; register the resident first with POST /v1/residents."""

    kind = "not_found"
    ko = "등록되지 않은 주민입니다({resident_id}). 먼저 회원으로 등록하세요."


class ResidentNotVerified(Refused):
    """The resident's identity has not been checked yet; check it at the desk, then record the verification."""

    ko = "신원 확인이 되지 않은 회원입니다. 신분증을 확인한 뒤 확인 처리를 하세요."


class ResidentIsSuspended(Refused):
    """Lending to this resident is suspended until {until}."""

    ko = "{until}까지 대여가 정지된 회원입니다."


# -- state --


@value
class Holding:
    """One unit that a resident has, or that is held for him at the desk."""

    barcode: str
    category: str
    rental_id: str


@state("resident", key="resident_id", stream="resident-{}")
class Resident:
    """A member. ``suspended_until`` is the last day without lending."""

    resident_id: str
    centre: str
    state: str
    verified_on: date | None = None
    suspended_until: date | None = None
    holdings: tuple[Holding, ...] = ()
    version: int = 0

    def may_borrow(self, today: date) -> None:
        """Raises the refusal that stands against lending to this resident today, if any."""
        if self.state == "unverified":
            raise ResidentNotVerified(resident_id=self.resident_id)
        if self.suspended_until and today <= self.suspended_until:
            raise ResidentIsSuspended(resident_id=self.resident_id, until=self.suspended_until.isoformat())


def evolve(now: Resident | None, fact: Any) -> Resident | None:
    """The resident after a fact about the membership, or about a rental: what he has counts against the limits."""
    if isinstance(fact, ResidentJoined):
        return now or Resident(resident_id=fact.resident_id, centre=fact.centre, state="unverified")
    if now is None:
        return None
    match fact:
        case ResidentVerified():
            return replace(now, state="verified", verified_on=fact.verified_on)
        case ResidentSuspended():
            return replace(now, suspended_until=fact.until)
        case ResidentReinstated():
            return replace(now, suspended_until=None)
        case rental.RentalRequested():
            taken = (Holding(barcode=i.barcode, category=i.category, rental_id=fact.rental_id) for i in fact.items)
            return replace(now, holdings=(*now.holdings, *taken))
        case rental.RentalCancelled():
            return replace(now, holdings=tuple(h for h in now.holdings if h.rental_id != fact.rental_id))
        case rental.RentalItemsReturned():
            back = {i.barcode for i in fact.items}
            return replace(now, holdings=tuple(h for h in now.holdings if h.barcode not in back))
        case _:
            return now


# -- decisions --


def known(look: Look, resident_id: str) -> Resident:
    """The resident. Raises :class:`ResidentUnknown`."""
    resident = look(Resident, resident_id)
    if resident is None:
        raise ResidentUnknown(resident_id=resident_id)
    return resident


@needs(lambda cmd: [(Resident, cmd.resident_id)])
def join(cmd: JoinResident, look: Look, at: datetime) -> list[Any]:
    """Joining twice is joining once."""
    if look(Resident, cmd.resident_id):
        return []
    return [ResidentJoined(centre=cmd.centre, resident_id=cmd.resident_id)]


@needs(lambda cmd: [(Resident, cmd.resident_id), (HouseRules, centre_of(cmd.resident_id))])
def verify(cmd: VerifyResident, look: Look, at: datetime) -> list[Any]:
    """A verified resident stays verified."""
    resident = known(look, cmd.resident_id)
    if resident.state == "verified":
        return []
    today = in_force(look, resident.centre).today(at)
    return [ResidentVerified(centre=resident.centre, resident_id=cmd.resident_id, method=cmd.method, verified_on=today)]


@needs(lambda cmd: [(Resident, cmd.resident_id), (HouseRules, centre_of(cmd.resident_id))])
def suspend(cmd: SuspendResident, look: Look, at: datetime) -> list[Any]:
    """A suspension is set or moved; the same one again changes nothing."""
    resident = known(look, cmd.resident_id)
    if resident.suspended_until == cmd.until:
        return []
    return [suspended(resident, in_force(look, resident.centre), cmd.until, cmd.reason)]


def suspended(resident: Resident, rules: Rules, until: date, reason: str) -> ResidentSuspended:
    """The fact of a suspension."""
    return ResidentSuspended(
        centre=resident.centre,
        resident_id=resident.resident_id,
        until=until,
        reason=reason,
        ends_at=rules.end_of(until),
    )


@needs(lambda cmd: [(Resident, cmd.resident_id)])
def reinstate(cmd: ReinstateResident, look: Look, at: datetime) -> list[Any]:
    """Who isn't suspended needs no reinstating."""
    resident = known(look, cmd.resident_id)
    if resident.suspended_until is None:
        return []
    return [ResidentReinstated(centre=resident.centre, resident_id=cmd.resident_id)]


@needs(lambda cmd: [(Resident, cmd.resident_id)])
def end_suspension(cmd: EndSuspension, look: Look, at: datetime) -> list[Any]:
    """The time of a suspension is over; one that was moved meanwhile has a time of its own."""
    resident = known(look, cmd.resident_id)
    if resident.suspended_until != cmd.until:
        return []
    return [ResidentReinstated(centre=resident.centre, resident_id=cmd.resident_id)]
