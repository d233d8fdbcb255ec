"""House rules: a centre adopts a version of its rules, and every decision records which one it used."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.chassis.domain import Refused, StateReader, event, state
from services.contracts.house_rules import RulesDocument
from services.contracts.rentals import events, views

A_YEAR = 366  # days
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@event(stream="house_rules-{centre}")
class HouseRulesAdopted(events.HouseRulesAdopted):
    """From now on decisions of this centre follow these rules."""


@state("house_rules", key="centre", stream="house_rules-{}")
class HouseRules(views.HouseRules):
    """The rules in force at a centre."""

    version: int = 0


def evolve(rules: HouseRules | None, event: HouseRulesAdopted) -> HouseRules:
    """The rules after an adoption."""
    return HouseRules(centre=event.centre, rules=event.rules, version=event.rules_version)


class NoHouseRules(Refused):
    """The centre {centre} has no house rules yet; a manager adopts them with POST /v1/house-rules."""

    kind = "unavailable"
    ko = "{centre} 센터의 운영 규칙이 아직 등록되지 않았습니다."


class HouseRulesUnusable(Refused):
    """These house rules can't be used: {problem}."""

    kind = "invalid"
    ko = "사용할 수 없는 운영 규칙입니다: {problem_ko}."


class Rules:
    """House rules, ready to be asked. Dates are the centre's own; instants are UTC."""

    def __init__(self, rules: RulesDocument, version: int) -> None:
        self._rules = rules
        self._zone = ZoneInfo(rules.centre.timezone)
        self.version = version
        self.items_per_member = rules.limits.items_per_member
        self.units_of_one_category = rules.limits.units_of_one_category_per_member
        self.methods = rules.payments.methods
        self.answer_within = timedelta(seconds=rules.payments.answer_within_seconds)
        self.manual_ack_required = rules.safety.manual_ack_required

    def today(self, now: datetime) -> date:
        """The centre's date at an instant."""
        return now.astimezone(self._zone).date()

    def is_open(self, day: date) -> bool:
        """Whether the centre hands over and takes back on a day."""
        calendar = self._rules.calendar
        if day in calendar.extra_open:
            return True
        if day in calendar.extra_closed or getattr(calendar.weekly, WEEKDAYS[day.weekday()]) is None:
            return False
        return not (calendar.close_on_public_holidays and day in calendar.public_holidays)

    def open_from(self, day: date) -> date:
        """The first open day from ``day`` on. Raises ValueError when a year is closed, which adopted rules exclude."""
        for ahead in range(A_YEAR):
            if self.is_open(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        raise ValueError(f"there is no open day within a year from {day}")

    def due(self, now: datetime, nights: int) -> tuple[date, datetime]:
        """When a rental of so many nights that starts now is due: an open day, and its closing time."""
        day = self.open_from(self.today(now) + timedelta(days=nights))
        return day, self._hours(day)[1]

    def charged_nights(self, now: datetime, due_on: date) -> int:
        """The nights that cost: a closed day in between costs nothing unless the rules say so."""
        start, fees = self.today(now), self._rules.fees
        days = [start + timedelta(days=n) for n in range(1, (due_on - start).days + 1)]
        charged = len(days) if fees.charge_closed_days else sum(map(self.is_open, days))
        return max(fees.minimum_nights, charged)

    def fee(self, nightly_krw: Iterable[int], charged_nights: int) -> int:
        """The fee of a rental in won: each item's nightly fee, per night or once."""
        return sum(nightly_krw) * (charged_nights if self._rules.fees.basis == "per_night" else 1)

    def buffer_days(self, group: str) -> int:
        """The open days that an item of a group rests for cleaning between two rentals."""
        reservation = self._rules.reservation
        return reservation.cleaning_buffer_open_days if group in reservation.cleaning_buffer_groups else 0

    def ready_from(self, now: datetime, group: str) -> datetime | None:
        """When the cleaning buffer of an item that came back now is over; None when it has none."""
        days, day = self.buffer_days(group), self.today(now)
        if not days:
            return None
        for _ in range(days):
            day = self.open_from(day + timedelta(days=1))
        return self._hours(day)[0]

    def end_of(self, day: date) -> datetime:
        """The instant at which a day of the centre is over."""
        return datetime.combine(day + timedelta(days=1), time(), self._zone).astimezone(UTC)

    def suspension_days(self, late_days: int, items: int) -> int:
        """How long a late return of so many items stops the lending."""
        late = self._rules.late
        if late_days >= late.long_overdue.days:
            return late.long_overdue.suspension_days
        return late_days * items * late.suspension_days_per_overdue_item_day

    def _hours(self, day: date) -> list[datetime]:
        """When the centre opens and closes; an extra open day has the hours of a day of the week."""
        of_week = [getattr(self._rules.calendar.weekly, name) for name in WEEKDAYS]
        hours = of_week[day.weekday()] or next(filter(None, of_week))
        return [datetime.combine(day, time.fromisoformat(text), self._zone).astimezone(UTC) for text in hours]


def in_force(read: StateReader, centre: str) -> Rules:
    """The rules of a centre. Raises :class:`NoHouseRules`."""
    row = read(HouseRules, centre)
    if row is None:
        raise NoHouseRules(centre=centre)
    return Rules(row.rules, row.version)
