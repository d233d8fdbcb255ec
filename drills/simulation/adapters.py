"""What the services' adapters reach: a card terminal that answers late, twice or not at all, and a mailbox."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from drills.simulation.disk import Disk
from services.billing.adapters.card_terminal import PaymentAnswer, PaymentState
from services.chassis.service import RetryLater
from services.contracts.base import centre_of, id_of
from services.notifications.adapters.channel import Letter, Undeliverable
from services.notifications.catalogue.model import Category
from services.notifications.contacts.model import Contact
from services.notifications.messages.dispatch import Dispatcher, read_wordings
from services.notifications.messages.letters import Draft
from services.notifications.messages.model import Notice
from services.notifications.rental_summaries.model import Centre, RentalSummary

APPROVED: PaymentState = "approved"
DECLINED: PaymentState = "declined"
PENDING: PaymentState = "pending"
CANCELLED: PaymentState = "cancelled"
WORDINGS = read_wordings()


@dataclass
class Booked:
    """What the terminal remembers of an id."""

    amount_krw: int = 0
    state: PaymentState = PENDING
    approves_at: datetime | None = None
    number: str | None = None
    refunded_krw: int = 0


class CardTerminal:
    """Answers each id once; whether the answer arrives is another question."""

    def __init__(self, chance: Random, clock: Callable[[], datetime]) -> None:
        self._chance, self._clock = chance, clock
        self.unavailable = 0.0
        self.booked: dict[str, Booked] = {}

    def ask(self, payment_id: str, amount_krw: int) -> PaymentAnswer:
        """Take an amount, once."""
        self._reach("asked")
        if payment_id not in self.booked:
            self.booked[payment_id] = self._new(amount_krw)
        booked = self._settled(self.booked[payment_id])
        self._reach("answered")
        return self._answer(payment_id, booked)

    def cancel(self, payment_id: str) -> PaymentAnswer:
        """End an id, and give back what was taken."""
        self._reach("asked")
        booked = self._settled(self.booked.setdefault(payment_id, Booked()))
        if booked.state != CANCELLED:
            booked.refunded_krw = booked.amount_krw if booked.state == APPROVED else 0
            booked.state, booked.approves_at = CANCELLED, None
        self._reach("answered")
        return self._answer(payment_id, booked)

    def net_krw(self, centre: str) -> int:
        """What was taken for a centre and not given back."""
        return sum(
            b.amount_krw - b.refunded_krw for id, b in self.booked.items() if b.number and centre_of(id) == centre
        )

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

    def _answer(self, payment_id: str, booked: Booked) -> PaymentAnswer:
        reason = "card_declined" if booked.state == DECLINED else None
        return PaymentAnswer(
            id=payment_id,
            state=booked.state,
            amount_krw=booked.amount_krw or None,
            approval_number=booked.number,
            reason=reason,
            refunded_krw=booked.refunded_krw,
        )

    def _reach(self, when: str) -> None:
        if self.unavailable and self._chance.random() < self.unavailable:
            raise RetryLater(f"the terminal went away when {when}")


class Mailbox:
    """A mail server that may be away, may break after it took a letter, and refuses some for good."""

    name = "email"

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.unavailable = 0.0
        self.letters: list[str] = []

    def address(self, contact: Contact) -> str | None:
        """The contact's mail address."""
        return contact.email

    def send(self, notice_id: str, address: str, letter: Letter) -> None:
        """Take a letter; its id is the notice's."""
        if self.unavailable and self._chance.random() < self.unavailable:
            raise RetryLater("the mail server is away", after=5.0)
        if self._chance.random() < 0.02:
            raise Undeliverable("smtp_550")
        self.letters.append(notice_id)
        if self.unavailable and self._chance.random() < self.unavailable:
            raise RetryLater("the mail server went away after it had taken the letter", after=5.0)


def mails(disk: Disk, mailbox: Mailbox) -> Dispatcher:
    """The real dispatcher over a disk: drafts and letters are the real ones, the mail server is a list."""
    return Dispatcher(mailbox, lambda notice_id: _draft(disk, notice_id), WORDINGS)


def _draft(disk: Disk, notice_id: str) -> Draft | None:
    """The join that the database would do."""
    notice = disk.one(Notice, notice_id)
    rental = disk.one(RentalSummary, notice.about) if notice else None
    centre = disk.one(Centre, notice.centre) if notice else None
    if not (notice and rental and centre):
        return None
    categories = disk.read(Category, [id_of(rental.centre, item.category) for item in rental.items])
    contact = disk.one(Contact, notice.resident_id)
    return Draft(notice=notice, contact=contact, rental=rental, centre=centre, categories=tuple(categories))
