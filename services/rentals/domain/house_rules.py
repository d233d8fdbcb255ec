"""House rules are data: a centre adopts a version, and every decision records which one it used.

The rules' document is the one of ``deploy/seed/house_rules.yaml``; this module reads from it what lending needs:
the calendar of open days, the fee basis, the limits, the periods, lateness, cleaning and payment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.kernel import Look, Refused, fact, intent, needs, state

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# -- facts --


@fact("house_rules.adopted", stream="house_rules-{centre}")
class HouseRulesAdopted:
    """From now on decisions of this centre follow these rules."""

    centre: str
    rules_version: int
    rules: dict[str, Any]


# -- intents --


@intent
class AdoptHouseRules:
    """Put rules into force."""

    centre: str
    rules: dict[str, Any]


# -- refusals --


class NoHouseRules(Refused):
    """The centre {centre} has no house rules yet; a manager adopts them with POST /v1/house-rules."""

    kind = "unavailable"
    ko = "{centre} 센터의 운영 규칙이 아직 등록되지 않았습니다."


class HouseRulesUnusable(Refused):
    """These house rules can't be used: {problem}."""

    kind = "invalid"
    ko = "사용할 수 없는 운영 규칙입니다: {problem}"


# -- state --


@state("house_rules", key="centre", stream="house_rules-{}")
class HouseRules:
    """The rules in force at a centre; ``version`` counts the adoptions."""

    centre: str
    rules: dict[str, Any]
    version: int = 0


def evolve(now: HouseRules | None, fact: HouseRulesAdopted) -> HouseRules:
    """The rules after an adoption."""
    return HouseRules(centre=fact.centre, rules=fact.rules, version=fact.rules_version)


# -- decisions --


@needs(lambda cmd: [(HouseRules, cmd.centre)])
def adopt(cmd: AdoptHouseRules, look: Look, at: datetime) -> list[Any]:
    """Adopt rules that can be read; the same rules again change nothing."""
    now = look(HouseRules, cmd.centre)
    if now and now.rules == cmd.rules:
        return []
    version = (now.version if now else 0) + 1
    try:
        rules = Rules(HouseRules(centre=cmd.centre, rules=cmd.rules, version=version))
        rules.due(at, 1), rules.items_per_member, rules.answer_within, rules.buffer_days("camping")
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise HouseRulesUnusable(problem=f"{type(wrong).__name__}: {wrong}") from None
    return [HouseRulesAdopted(centre=cmd.centre, rules_version=version, rules=cmd.rules)]


# -- reading the rules --


def centre_of(id: str) -> str:
    """The centre that an id carries: ``gwangju-namgu`` of ``gwangju-namgu.5f0c...``."""
    return id.partition(".")[0]


def in_force(look: Look, centre: str) -> Rules:
    """The rules of a centre. Raises :class:`NoHouseRules`."""
    row = look(HouseRules, centre)
    if row is None:
        raise NoHouseRules(centre=centre)
    return _read(_Frozen(row))


class _Frozen:
    """House rules as a cache key: centre and version name the content."""

    def __init__(self, row: HouseRules) -> None:
        self.row = row

    def __hash__(self) -> int:
        return hash((self.row.centre, self.row.version))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self.row == other.row


@lru_cache(maxsize=64)
def _read(frozen: _Frozen) -> Rules:
    return Rules(frozen.row)


class Rules:
    """House rules, ready to be asked. Dates are the centre's own; instants are UTC."""

    def __init__(self, row: HouseRules) -> None:
        doc = row.rules
        self.version = row.version
        self._zone = ZoneInfo(doc["centre"]["timezone"])
        self._calendar = doc["calendar"]
        self._holidays = _days(d for days in doc["calendar"]["public_holidays"].values() for d in days)
        self._extra_open = _days(doc["calendar"]["extra_open"])
        self._extra_closed = _days(doc["calendar"]["extra_closed"])
        self.fees = doc["fees"]
        self.items_per_member: int = int(doc["limits"]["items_per_member"])
        self.units_of_one_category: int = int(doc["limits"]["units_of_one_category_per_member"])
        self.methods: list[str] = list(doc["payments"]["methods"])
        self.answer_within = timedelta(seconds=float(doc["payments"]["answer_within_seconds"]))
        self._late = doc["late"]
        self._buffer = doc["reservation"]
        self.manual_ack_required: bool = bool(doc["safety"]["manual_ack_required"])

    def today(self, at: datetime) -> date:
        """The centre's date at an instant."""
        return at.astimezone(self._zone).date()

    def is_open(self, day: date) -> bool:
        """Whether the centre hands over and takes back on a day."""
        if day in self._extra_open or day in self._extra_closed:
            return day in self._extra_open
        if self._calendar["close_on_public_holidays"] and day in self._holidays:
            return False
        return self._calendar["weekly"][WEEKDAYS[day.weekday()]] is not None

    def open_from(self, day: date) -> date:
        """The first open day from ``day`` on. Raises ValueError when a whole year is closed."""
        for ahead in range(366):
            if self.is_open(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        raise ValueError("the calendar has no open day within a year")

    def due(self, at: datetime, nights: int) -> tuple[date, datetime]:
        """When a rental of so many nights that starts at ``at`` is due: an open day, and its closing time."""
        day = self.open_from(self.today(at) + timedelta(days=nights))
        return day, self._instant(day, self._hours(day)[1])

    def charged_nights(self, at: datetime, due_on: date) -> int:
        """The nights that cost: a closed day in between costs nothing unless the rules say so."""
        start = self.today(at)
        days = [start + timedelta(days=n) for n in range(1, (due_on - start).days + 1)]
        charged = len(days) if self.fees["charge_closed_days"] else sum(map(self.is_open, days))
        return max(int(self.fees["minimum_nights"]), charged)

    def fee(self, nightly_krw: Iterable[int], charged_nights: int) -> int:
        """The fee of a rental in won: each unit's nightly fee, per night or once."""
        times = charged_nights if self.fees["basis"] == "per_night" else 1
        return sum(nightly_krw) * times

    def buffer_days(self, group: str) -> int:
        """The open days that a unit of a group rests for cleaning between two rentals."""
        return int(self._buffer["cleaning_buffer_open_days"]) if group in ("camping", "daily") else 0

    def ready_from(self, at: datetime, group: str) -> datetime | None:
        """When the cleaning buffer of a unit that came back now is over; None when it has none."""
        days, day = self.buffer_days(group), self.today(at)
        if not days:
            return None
        for _ in range(days):
            day = self.open_from(day + timedelta(days=1))
        return self._instant(day, self._hours(day)[0])

    def end_of(self, day: date) -> datetime:
        """The instant at which a day of the centre is over."""
        return self._instant(day + timedelta(days=1), time())

    def suspension_days(self, late_days: int, units: int) -> int:
        """How long a late return stops the lending."""
        long = self._late["long_overdue"]
        if late_days >= int(long["days"]):
            return int(long["suspension_days"])
        return late_days * units * int(self._late["suspension_days_per_overdue_item_day"])

    def _hours(self, day: date) -> tuple[time, time]:
        opens, closes = self._calendar["weekly"][WEEKDAYS[day.weekday()]] or ("09:00", "18:00")
        return time.fromisoformat(opens), time.fromisoformat(closes)

    def _instant(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self._zone).astimezone(ZoneInfo("UTC"))


def _days(texts: Iterable[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)
