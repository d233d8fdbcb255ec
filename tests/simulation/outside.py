"""The world outside: a card terminal that answers late, twice or not at all, and a mailbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from services.billing.outside import Answer
from services.chassis.codec import builtins, shape
from services.chassis.definition import TryAgain
from services.notifications.domain.catalogue import Category
from services.notifications.domain.contact import Contact
from services.notifications.domain.lending import Centre, RentalSummary
from services.notifications.domain.letter import Draft, Letter
from services.notifications.domain.notice import Notice
from services.notifications.outside import Letterbox, Undeliverable, read_templates
from tests.simulation.disk import Disk

APPROVED, DECLINED, PENDING, CANCELLED = "approved", "declined", "pending", "cancelled"
TEMPLATES = read_templates()


@dataclass
class Booked:
    """What the terminal remembers of an id."""

    amount_krw: int = 0
    state: str = PENDING
    approves_at: datetime | None = None
    number: str | None = None
    refunded_krw: int = 0


class CardTerminal:
    """Answers each id once and for ever; whether the answer arrives is another question."""

    def __init__(self, chance: Random, clock: Callable[[], datetime]) -> None:
        self._chance, self._clock = chance, clock
        self.away = 0.0
        self.booked: dict[str, Booked] = {}

    def ask(self, payment_id: str, amount_krw: int) -> Answer:
        """Take an amount, once."""
        self._reach("asked")
        if payment_id not in self.booked:
            self.booked[payment_id] = self._new(amount_krw)
        booked = self._settled(self.booked[payment_id])
        self._reach("answered")
        return self._told(payment_id, booked)

    def cancel(self, payment_id: str) -> Answer:
        """End an id for good, and give back what was taken."""
        self._reach("asked")
        booked = self._settled(self.booked.setdefault(payment_id, Booked()))
        if booked.state != CANCELLED:
            booked.refunded_krw = booked.amount_krw if booked.state == APPROVED else 0
            booked.state, booked.approves_at = CANCELLED, None
        self._reach("answered")
        return self._told(payment_id, booked)

    def net_krw(self) -> int:
        """What was taken and not given back."""
        return sum(b.amount_krw - b.refunded_krw for b in self.booked.values() if b.number)

    def _new(self, amount_krw: int) -> Booked:
        now, way = self._clock(), self._chance.random()
        if way < 0.15:
            return Booked(amount_krw, DECLINED)
        if way < 0.25:
            return Booked(amount_krw)  # never answered
        late = timedelta(seconds=self._chance.randrange(5, 200)) if way < 0.45 else timedelta(0)
        return Booked(amount_krw, PENDING, now + late)

    def _settled(self, booked: Booked) -> Booked:
        if booked.approves_at and booked.approves_at <= self._clock():
            number = sum(1 for b in self.booked.values() if b.number) + 1
            booked.state, booked.approves_at, booked.number = APPROVED, None, f"{number:08}"
        return booked

    def _told(self, payment_id: str, booked: Booked) -> Answer:
        reason = "card_declined" if booked.state == DECLINED else None
        return Answer(
            id=payment_id,
            state=booked.state,
            approval_number=booked.number,
            reason=reason,
            refunded_krw=booked.refunded_krw,
        )

    def _reach(self, when: str) -> None:
        if self.away and self._chance.random() < self.away:
            raise TryAgain(f"the terminal went away when {when}")


class Post(Letterbox):
    """The letterbox over a disk: drafts and letters are the real ones, the mail server is a list."""

    def __init__(self, disk: Disk, mailbox: Mailbox) -> None:
        self._disk, self._mailbox = disk, mailbox
        self._templates = TEMPLATES

    def draft(self, notice_id: str) -> Draft | None:
        """The join that the database would do."""
        notice = self._one(Notice, notice_id)
        rental = self._one(RentalSummary, notice.about) if notice else None
        centre = self._one(Centre, notice.centre) if notice else None
        if not (notice and rental and centre):
            return None
        categories = self._disk.read(Category, [f"{rental.centre}.{unit.category}" for unit in rental.units])
        contact = self._one(Contact, notice.resident_id)
        found = {"notice": notice, "contact": contact, "rental": rental, "centre": centre, "categories": categories}
        return shape(builtins(found), Draft)

    def _one(self, kind: type, key: str) -> Any:
        found = self._disk.read(kind, [key])
        return found[0] if found else None

    def post(self, notice_id: str, address: str, letter: Letter) -> None:
        """Hand it to the mail server."""
        self._mailbox.take(notice_id, letter)


class Mailbox:
    """A mail server that may be away, may break after it took a letter, and refuses some for good."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.away = 0.0
        self.letters: list[str] = []

    def take(self, notice_id: str, letter: Letter) -> None:
        """Take a letter; its id is the notice's."""
        if self.away and self._chance.random() < self.away:
            raise TryAgain("the mail server is away", after=5.0)
        if self._chance.random() < 0.02:
            raise Undeliverable("smtp_550")
        self.letters.append(notice_id)
        if self.away and self._chance.random() < self.away:
            raise TryAgain("the mail server went away after it had taken the letter", after=5.0)
