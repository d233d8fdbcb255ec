"""What follows for rentals from their payments."""

from collections.abc import Iterable

from services.chassis.domain import ScheduledCommand
from services.chassis.service import Policy, Schedule
from services.contracts.billing.events import PaymentCaptured, PaymentDeclined
from services.rentals.checkout.model import DeclinePayment, ExpirePayment, RentalRequested, StartRental


def start(event: PaymentCaptured) -> Iterable[StartRental]:
    """The fee was captured: the items are out."""
    yield StartRental(rental_id=event.rental_id, payment_id=event.payment_id)


def decline(event: PaymentDeclined) -> Iterable[DeclinePayment]:
    """The card was declined: the items are free again."""
    yield DeclinePayment(rental_id=event.rental_id)


POLICIES = (Policy(PaymentCaptured, start), Policy(PaymentDeclined, decline))


def expire_payment(event: RentalRequested) -> Iterable[ScheduledCommand]:
    """A payment that stays unanswered releases the items."""
    if event.fee_krw:
        yield ScheduledCommand(ExpirePayment(rental_id=event.rental_id), event.answer_by)


SCHEDULES = (Schedule(RentalRequested, expire_payment),)
