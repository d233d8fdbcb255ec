"""A letter: a notice in words. Every sentence is in ``templates/``; here they are filled with what is known."""

from collections.abc import Iterable
from datetime import datetime
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

from services.chassis.domain import value
from services.contracts.rentals.words import RentalLine
from services.notifications.adapters.channel import Letter
from services.notifications.catalogue.model import Category
from services.notifications.contacts.model import Contact
from services.notifications.messages.model import Notice
from services.notifications.rental_summaries.model import Centre, RentalSummary

STILL_OUT = ("due_tomorrow", "due_today", "overdue")
"""Topics that tell of items that have not come back."""


@value
class Draft:
    """All that a letter is made of. ``contact`` is None when the resident has none."""

    notice: Notice
    contact: Contact | None
    rental: RentalSummary
    centre: Centre
    categories: tuple[Category, ...]


@value
class Wording:
    """One language: the template of each topic, and the phrases of ``words.toml`` that fill them."""

    language: str
    templates: dict[str, str]
    weekdays: list[str]
    months: list[str]
    moment: str
    amount: str
    free_of_charge: str
    in_time: str
    late: str
    cancelled: dict[str, str]

    def of(self, row: Any, what: str) -> str:
        """The name or the place of a centre or a category, in this language."""
        return str(getattr(row, f"{what}_{self.language}"))

    def at(self, instant: datetime) -> str:
        """A day and a time of the day."""
        weekday, month = self.weekdays[instant.weekday()], self.months[instant.month - 1]
        return self.moment.format(at=instant, weekday=weekday, month=month)

    def won(self, amount_krw: int) -> str:
        """An amount of money."""
        return self.amount.format(krw=amount_krw) if amount_krw else self.free_of_charge

    def lateness(self, days: int) -> str:
        """How late the items came back."""
        return self.late.format(days=days) if days else self.in_time


def compose(wording: Wording, draft: Draft, to: Contact) -> Letter:
    """Fill the notice's template; its first line is the subject. Raises KeyError for a placeholder without a value."""
    template = Template(wording.templates[draft.notice.topic])
    subject, _, body = template.substitute(_values(wording, draft, to)).partition("\n")
    return Letter(subject=subject.strip(), body=body.strip() + "\n")


def _values(wording: Wording, draft: Draft, to: Contact) -> dict[str, str]:
    rental, centre = draft.rental, draft.centre
    return {
        "name": to.name,
        "centre": wording.of(centre, "name"),
        "place": wording.of(centre, "place"),
        "rental_id": rental.rental_id,
        "items": "\n".join(_lines(wording, draft)),
        "fee": wording.won(rental.fee_krw),
        "due": wording.at(rental.due_at.astimezone(ZoneInfo(centre.timezone))),
        "late": wording.lateness(rental.late_days),
        "why": wording.cancelled.get(rental.cancelled_because or "", ""),
    }


def _lines(wording: Wording, draft: Draft) -> Iterable[str]:
    names = {category.code: wording.of(category, "name") for category in draft.categories}
    for item in draft.rental.items:
        if _is_about(draft.notice, item):
            yield f"- {names.get(item.category, item.category)} ({item.barcode})"


def _is_about(notice: Notice, item: RentalLine) -> bool:
    if notice.barcode:
        return item.barcode == notice.barcode
    return not (notice.topic in STILL_OUT and item.back)
