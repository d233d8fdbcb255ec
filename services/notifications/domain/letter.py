"""A letter: a notice in words. The sentences are a template's; here is what fills them, in Korean and in English."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from string import Template
from zoneinfo import ZoneInfo

from services.chassis.kernel import value
from services.notifications.domain.catalogue import Category
from services.notifications.domain.contact import Contact
from services.notifications.domain.lending import Centre, LentUnit, RentalSummary
from services.notifications.domain.notice import DUE_TODAY, DUE_TOMORROW, OVERDUE, Notice

STILL_OUT = (DUE_TOMORROW, DUE_TODAY, OVERDUE)  # notices about what has not come back
WEEKDAYS = {
    "ko": ("월", "화", "수", "목", "금", "토", "일"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WHY_CANCELLED = {
    ("ko", "payment_declined"): "카드 결제가 승인되지 않아 대여가 취소되었습니다.",
    ("ko", "payment_unanswered"): "정해진 시간 안에 결제가 확인되지 않아 대여가 취소되었습니다.",
    ("en", "payment_declined"): "The card payment was declined, so the rental was cancelled.",
    ("en", "payment_unanswered"): "The payment was not confirmed in time, so the rental was cancelled.",
}


@value
class Letter:
    """A subject, which names nobody, and a plain text."""

    subject: str
    body: str


@value
class Draft:
    """All that a letter is made of. Without a contact there is nobody to write to."""

    notice: Notice
    contact: Contact | None
    rental: RentalSummary
    centre: Centre
    categories: tuple[Category, ...]


def compose(template: str, draft: Draft, to: Contact) -> Letter:
    """Fill a template; its first line is the subject. Raises KeyError when it names what a letter doesn't know."""
    subject, _, body = Template(template).substitute(_words(draft, to)).partition("\n")
    return Letter(subject=subject.strip(), body=body.strip() + "\n")


def _words(draft: Draft, to: Contact) -> dict[str, str]:
    korean, rental, centre = to.language == "ko", draft.rental, draft.centre
    return {
        "name": to.name,
        "centre": centre.name_ko if korean else centre.name_en,
        "place": centre.place_ko if korean else centre.place_en,
        "rental_id": rental.rental_id,
        "items": "\n".join(_lines(draft, korean)),
        "fee": _won(rental.fee_krw, korean),
        "due": _moment(rental.due_at.astimezone(ZoneInfo(centre.timezone)), korean),
        "late": _late(rental.late_days, korean),
        "why": WHY_CANCELLED.get((to.language, rental.cancelled_because or ""), ""),
    }


def _lines(draft: Draft, korean: bool) -> Iterable[str]:
    names = {c.code: c.name_ko if korean else c.name_en for c in draft.categories}
    for unit in draft.rental.units:
        if _is_meant(unit, draft.notice):
            yield f"- {names.get(unit.category, unit.category)} ({unit.barcode})"


def _is_meant(unit: LentUnit, notice: Notice) -> bool:
    if notice.barcode:
        return unit.barcode == notice.barcode
    return not (notice.kind in STILL_OUT and unit.back)


def _won(amount_krw: int, korean: bool) -> str:
    if not amount_krw:
        return "무료" if korean else "free of charge"
    return f"{amount_krw:,}원" if korean else f"KRW {amount_krw:,}"


def _moment(at: datetime, korean: bool) -> str:
    if korean:
        return f"{at.year}년 {at.month}월 {at.day}일({WEEKDAYS['ko'][at.weekday()]}) {at:%H:%M}"
    return f"{WEEKDAYS['en'][at.weekday()]} {at.day} {MONTHS[at.month - 1]} {at.year}, {at:%H:%M}"


def _late(days: int, korean: bool) -> str:
    if not days:
        return "반납 기한 안에 반납하셨습니다." if korean else "It came back in time."
    if korean:
        return f"반납 기한보다 {days}일 늦게 반납하셨습니다. 늦은 기간에 따라 일정 기간 대여가 제한될 수 있습니다."
    return f"It came back {days} day(s) after the due day; lending may be suspended for a while because of it."
