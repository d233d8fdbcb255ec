"""What a rental means for its payment; what is asked of the card terminal, and what its answers mean."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.billing.adapters.card_terminal import REASONS, Terminal, card_terminal
from services.billing.payments.model import (
    AbandonPayment,
    PaymentAbandoned,
    PaymentCaptured,
    PaymentRequested,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    RequestPayment,
    payment_id_of,
)
from services.chassis.domain import RunEffect, make
from services.chassis.service import Effect, Policy, RetryLater, Schedule
from services.contracts.rentals.events import RentalCancelled, RentalRequested


def requested(event: RentalRequested) -> Iterable[RequestPayment]:
    """A fee is due before the items go out."""
    if event.fee_krw:
        payment_id = payment_id_of(event.rental_id)
        yield make(RequestPayment, event, payment_id=payment_id, amount_krw=event.fee_krw, method=event.payment_method)


def cancelled(event: RentalCancelled) -> Iterable[AbandonPayment]:
    """The rental came to nothing: nothing may stay taken."""
    yield AbandonPayment(payment_id=payment_id_of(event.rental_id))


POLICIES = (Policy(RentalRequested, requested), Policy(RentalCancelled, cancelled))


def ask(event: PaymentRequested) -> Iterable[RunEffect]:
    """The terminal is asked at once."""
    yield RunEffect(ask_terminal, {"payment_id": event.payment_id, "amount_krw": event.amount_krw})


def stop(event: PaymentAbandoned) -> Iterable[RunEffect]:
    """The terminal is told to stop, and can't approve later."""
    yield RunEffect(cancel_at_terminal, {"payment_id": event.payment_id})


def give_back(event: PaymentCaptured) -> Iterable[RunEffect]:
    """What was taken for a rental that had come to nothing goes back."""
    if event.give_back:
        yield RunEffect(cancel_at_terminal, {"payment_id": event.payment_id})


def ask_terminal(terminal: Terminal, data: Mapping[str, Any]) -> Iterable[RecordCapture | RecordDecline]:
    """Ask, or ask again what came of it: the payment's id makes both the same request, so nothing is taken twice."""
    answer = terminal.ask(data["payment_id"], data["amount_krw"])
    if answer.state == "pending":
        raise RetryLater("the card terminal has no answer yet", after=1.0)
    if answer.state == "approved":
        yield RecordCapture(payment_id=data["payment_id"], approval_number=answer.approval_number or "")
    if answer.state == "declined":
        yield RecordDecline(payment_id=data["payment_id"], reason=REASONS.get(answer.reason or "", "declined"))


def cancel_at_terminal(terminal: Terminal, data: Mapping[str, Any]) -> Iterable[RecordRefund]:
    """Cancel: afterwards the terminal can't approve this id any more, and has given back what it took."""
    answer = terminal.cancel(data["payment_id"])
    if answer.refunded_krw:
        yield RecordRefund(payment_id=data["payment_id"], approval_number=answer.approval_number or "")


SCHEDULES = (Schedule(PaymentRequested, ask), Schedule(PaymentAbandoned, stop), Schedule(PaymentCaptured, give_back))
EFFECTS = (Effect(ask_terminal, card_terminal), Effect(cancel_at_terminal, card_terminal))
