"""A resident as rentals knows them: a member, verified or not, suspended or not, with what they have. Never a name."""

from datetime import date, datetime
from typing import Any

from services.chassis.domain import Refused, StateReader, command, event, make, replace, state
from services.contracts import refusals
from services.contracts.rentals import events, views
from services.contracts.rentals.words import Holding, SuspensionReason
from services.rentals.checkout.model import RentalCancelled, RentalItemsReturned, RentalRequested

# -- events --


@event(stream="resident-{resident_id}")
class ResidentJoined(events.ResidentJoined):
    """A resident became a member."""


@event(stream="resident-{resident_id}")
class ResidentVerified(events.ResidentVerified):
    """Staff saw the resident's identity; the document itself is not kept."""


@event(stream="resident-{resident_id}")
class ResidentSuspended(events.ResidentSuspended):
    """Nothing is lent to the resident up to and including the day ``until``, which is over at ``ends_at``."""

    ends_at: datetime


@event(stream="resident-{resident_id}")
class ResidentReinstated(events.ResidentReinstated):
    """A suspension is over, by its time or early."""


# -- commands of the service itself --


@command
class EndSuspension:
    """The last day of a suspension is over."""

    resident_id: str
    until: date


# -- refusals --


class ResidentUnknown(Refused):
    """There is no resident {resident_id}; register the resident first with POST /v1/residents."""

    kind = refusals.NOT_FOUND
    ko = "등록되지 않은 주민입니다({resident_id}). 먼저 회원으로 등록하세요."


class ResidentNotVerified(Refused):
    """The resident's identity has not been checked yet; check it at the desk, then record the verification."""

    ko = "신원 확인이 되지 않은 회원입니다. 신분증을 확인한 뒤 확인 처리를 하세요."


class ResidentIsSuspended(Refused):
    """Lending to this resident is suspended until {until}."""

    ko = "{until}까지 대여가 정지된 회원입니다."


# -- state --


@state("resident", key="resident_id", stream="resident-{}")
class Resident(views.Membership):
    """A member. Whether they are verified is ``verified_on``: a suspended member may be either."""

    version: int = 0

    def may_borrow(self, today: date) -> None:
        """Raises the refusal that stands against lending to this resident today, if any."""
        if self.verified_on is None:
            raise ResidentNotVerified(resident_id=self.resident_id)
        if self.suspended_until and today <= self.suspended_until:
            raise ResidentIsSuspended(resident_id=self.resident_id, until=self.suspended_until.isoformat())

    def suspended(self, until: date, ends_at: datetime, reason: SuspensionReason) -> ResidentSuspended:
        """The event of a suspension up to and including the day ``until``, which is over at ``ends_at``."""
        return make(ResidentSuspended, self, until=until, reason=reason, ends_at=ends_at)


def evolve(resident: Resident | None, event: Any) -> Resident | None:
    """The resident after an event of the membership, or of a rental: what they have counts against the limits."""
    if isinstance(event, ResidentJoined):
        unverified = {"state": "unverified", "verified_on": None, "suspended_until": None}
        return resident or make(Resident, event, holdings=(), **unverified)
    if resident is None:
        return None
    match event:
        case ResidentVerified():
            state = "suspended" if resident.suspended_until else "verified"
            return replace(resident, state=state, verified_on=event.verified_on)
        case ResidentSuspended():
            return replace(resident, state="suspended", suspended_until=event.until)
        case ResidentReinstated():
            return replace(resident, state="verified" if resident.verified_on else "unverified", suspended_until=None)
        case RentalRequested():
            taken = (Holding(barcode=i.barcode, category=i.category, rental_id=event.rental_id) for i in event.items)
            return replace(resident, holdings=(*resident.holdings, *taken))
        case RentalCancelled():
            kept = (h for h in resident.holdings if h.rental_id != event.rental_id)
            return replace(resident, holdings=tuple(kept))
        case RentalItemsReturned():
            back = {(event.rental_id, item.barcode) for item in event.items}
            kept = (h for h in resident.holdings if (h.rental_id, h.barcode) not in back)
            return replace(resident, holdings=tuple(kept))
    return resident


def known_resident(read: StateReader, resident_id: str) -> Resident:
    """The resident. Raises :class:`ResidentUnknown`."""
    resident = read(Resident, resident_id)
    if resident is None:
        raise ResidentUnknown(resident_id=resident_id)
    return resident
