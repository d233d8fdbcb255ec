"""What well-formed house rules may still get wrong, so that nobody could lend by them."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import get_args
from zoneinfo import ZoneInfo

from services.chassis.domain import value
from services.contracts.base import FIRST_DAY, LAST_DAY
from services.contracts.house_rules import RulesDocument
from services.contracts.inventory.words import Group
from services.rentals.house_rules.model import A_YEAR, WEEKDAYS, Rules


@value
class Contradiction:
    """The setting that is wrong, as ``fees.minimum_nights``, and what is wrong with it."""

    path: str
    en: str
    ko: str


def contradictions(rules: RulesDocument) -> list[Contradiction]:
    """Everything in a document that contradicts the rest of it, or the world."""
    found = list(
        chain(_centre(rules), _week(rules), _exceptions(rules), _fees(rules), _nights(rules), _exemptions(rules))
    )
    return found or list(_closures(rules))


def _wrong(path: str, en: str, ko: str) -> Contradiction:
    return Contradiction(path=path, en=en, ko=ko)


def _centre(rules: RulesDocument) -> Iterator[Contradiction]:
    try:
        ZoneInfo(rules.centre.timezone)
    except (KeyError, ValueError, OSError):  # no such zone, no name of one, or a folder of them
        yield _wrong("centre.timezone", "is no time zone, as Asia/Seoul is", "알 수 없는 시간대입니다(예: Asia/Seoul)")


def _week(rules: RulesDocument) -> Iterator[Contradiction]:
    week = {name: getattr(rules.calendar.weekly, name) for name in WEEKDAYS}
    if not any(week.values()):
        yield _wrong("calendar.weekly", "has no open day", "여는 요일이 없습니다")
    for name, hours in week.items():
        if hours and hours[0] >= hours[1]:
            yield _wrong(f"calendar.weekly.{name}", "closes before it opens", "닫는 시각이 여는 시각보다 빠릅니다")


def _exceptions(rules: RulesDocument) -> Iterator[Contradiction]:
    calendar = rules.calendar
    if both := set(calendar.extra_open) & set(calendar.extra_closed):
        day = min(both)
        yield _wrong(
            "calendar.extra_open", f"has {day} in common with extra_closed", f"extra_closed와 {day}이(가) 겹칩니다"
        )
    for name in ("extra_open", "extra_closed", "public_holidays"):
        for day in getattr(calendar, name):
            if not FIRST_DAY <= day <= LAST_DAY:
                yield _wrong(f"calendar.{name}", f"has {day}, of another century", f"{day}은(는) 잘못된 연도입니다")


def _closures(rules: RulesDocument) -> Iterator[Contradiction]:
    calendar = Rules(rules, 0)
    for day in sorted({*rules.calendar.extra_closed, *rules.calendar.public_holidays}):
        if not any(calendar.is_open(day + timedelta(days=n)) for n in range(A_YEAR - 7)):
            yield _wrong(
                "calendar.extra_closed", f"closes for a year from {day} on", f"{day}부터 1년 동안 여는 날이 없습니다"
            )
            return


def _fees(rules: RulesDocument) -> Iterator[Contradiction]:
    if rules.fees.ceiling_bp < rules.fees.rate_bp_of_purchase_price:
        yield _wrong("fees.ceiling_bp", "is below rate_bp_of_purchase_price", "rate_bp_of_purchase_price보다 낮습니다")


def _nights(rules: RulesDocument) -> Iterator[Contradiction]:
    for group in get_args(Group):
        most = getattr(rules.period.max_nights, group)
        for path, nights in (
            ("fees.minimum_nights", rules.fees.minimum_nights),
            ("period.default_nights", rules.period.default_nights),
        ):
            if nights > most:
                yield _wrong(path, f"is above the {most} nights of {group}", f"{group}의 최대 {most}박보다 깁니다")


def _exemptions(rules: RulesDocument) -> Iterator[Contradiction]:
    codes = [exemption.code for exemption in rules.exemptions]
    for n, code in enumerate(codes):
        if code in codes[:n]:
            yield _wrong(f"exemptions.{n}.code", f"repeats {code}", f"{code}이(가) 두 번 있습니다")
