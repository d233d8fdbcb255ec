"""What notifications knows of rentals: each rental in short, and each centre's place and clock."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.domain import make, replace, state
from services.contracts.rentals import events
from services.contracts.rentals.words import CancellationReason, RentalLine, RentalState


@state("rental_summary", key="rental_id")
class RentalSummary:
    """A rental as far as notices tell of it."""

    rental_id: str
    centre: str
    resident_id: str
    state: RentalState
    items: tuple[RentalLine, ...]
    due_on: date
    due_at: datetime
    fee_krw: int
    cancelled_because: CancellationReason | None = None
    late_days: int = 0


@state("centre", key="centre")
class Centre:
    """A centre's names, its place, its clock, and when by that clock it reminds residents."""

    centre: str
    name_ko: str
    name_en: str
    place_ko: str
    place_en: str
    timezone: str
    remind_at: time

    def instant(self, day: date, clock: time) -> datetime:
        """The instant (UTC) at which the centre's clock shows this day and time."""
        return datetime.combine(day, clock, ZoneInfo(self.timezone)).astimezone(ZoneInfo("UTC"))


def evolve(rental: RentalSummary | None, event: Any) -> RentalSummary | None:
    """The rental after an event of rentals."""
    if isinstance(event, events.RentalRequested):
        lines = tuple(RentalLine(**vars(item)) for item in event.items)
        return make(RentalSummary, event, state="awaiting_payment", items=lines)
    if rental is None:
        return None
    match event:
        case events.RentalStarted():
            return replace(rental, state="out", due_on=event.due_on, due_at=event.due_at)
        case events.RentalCancelled():
            return replace(rental, state="cancelled", cancelled_because=event.reason)
        case events.RentalItemsReturned():
            back = {item.barcode for item in event.items}
            return replace(rental, items=tuple(replace(i, back=i.back or i.barcode in back) for i in rental.items))
        case events.RentalReturned():
            return replace(rental, state="returned", late_days=event.late_days)
    return rental


def evolve_centre(centre: Centre | None, event: events.HouseRulesAdopted) -> Centre:
    """The centre as its house rules describe it."""
    remind_at = time.fromisoformat(event.rules.notifications.remind_at)
    return make(Centre, event.rules.centre, centre=event.centre, remind_at=remind_at)
