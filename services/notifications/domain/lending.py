"""What notifications knows of lending: rentals and the centre's place and clock, as rentals has published them."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from services.chassis.kernel import Heard, replace, state, value

AWAITING_PAYMENT, OUT, RETURNED, CANCELLED = "awaiting_payment", "out", "returned", "cancelled"


@value
class LentUnit:
    """A unit of a rental; ``back`` once it was returned."""

    barcode: str
    category: str
    back: bool = False


@state("rental_summary", key="rental_id")
class RentalSummary:
    """A rental as far as letters tell of it."""

    rental_id: str
    centre: str
    resident_id: str
    state: str
    units: tuple[LentUnit, ...]
    due_on: date
    due_at: datetime
    fee_krw: int
    cancelled_because: str | None = None
    late_days: int = 0


@state("centre", key="centre")
class Centre:
    """A centre's names, its place and its clock."""

    centre: str
    name_ko: str
    name_en: str
    place_ko: str
    place_en: str
    timezone: str

    def instant(self, day: date, clock: time) -> datetime:
        """The instant (UTC) at which the centre's clock shows this day and time."""
        return datetime.combine(day, clock, ZoneInfo(self.timezone)).astimezone(ZoneInfo("UTC"))


def evolve_rental(now: RentalSummary | None, heard: Heard) -> RentalSummary | None:
    """The rental after what rentals said of it."""
    data = heard.data
    if heard.type == "rental.requested":
        return RentalSummary(
            rental_id=data["rental_id"],
            centre=data["centre"],
            resident_id=data["resident_id"],
            state=AWAITING_PAYMENT,
            units=tuple(LentUnit(barcode=i["barcode"], category=i["category"]) for i in data["items"]),
            due_on=data["due_on"],
            due_at=data["due_at"],
            fee_krw=data["fee_krw"],
        )
    if now is None:
        return None
    match heard.type:
        case "rental.started":
            return replace(now, state=OUT, due_on=data["due_on"], due_at=data["due_at"])
        case "rental.cancelled":
            return replace(now, state=CANCELLED, cancelled_because=data["reason"])
        case "rental.items_returned":
            back = {i["barcode"] for i in data["items"]}
            return replace(now, units=tuple(replace(u, back=u.back or u.barcode in back) for u in now.units))
        case "rental.returned":
            return replace(now, state=RETURNED, late_days=data["late_days"])
        case _:
            return now


def evolve_centre(now: Centre | None, heard: Heard) -> Centre:
    """The centre as its house rules describe it; what they leave out has a plain default."""
    key, said = heard.data["centre"], heard.data["rules"].get("centre", {})
    name, place = said.get("name_ko", key), said.get("place_ko", "")
    return Centre(
        centre=key,
        name_ko=name,
        name_en=said.get("name_en", name),
        place_ko=place,
        place_en=said.get("place_en", place),
        timezone=said.get("timezone", "Asia/Seoul"),
    )
