"""What a rental means for its payment; what is asked of the card terminal, and what its answers mean."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.billing.adapters.card_terminal import REASONS, PaymentAnswer, Terminal, card_terminal
from services.billing.payments.model import (
    AbandonPayment,
    PaymentAbandoned,
    PaymentCaptured,
    PaymentRefunded,
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
    yield _cancel(event.payment_id, event.amount_krw, refunded_krw=0)


def give_back(event: PaymentCaptured) -> Iterable[RunEffect]:
    """What was taken for a rental that had come to nothing goes back."""
    if event.give_back:
        yield _cancel(event.payment_id, event.amount_krw, refunded_krw=0)


def give_back_the_rest(event: PaymentRefunded) -> Iterable[RunEffect]:
    """A part came back: the terminal is asked for the rest."""
    if event.remaining_krw:
        yield _cancel(event.payment_id, event.refunded_krw + event.remaining_krw, event.refunded_krw)


def _cancel(payment_id: str, amount_krw: int, refunded_krw: int) -> RunEffect:
    """``refunded_krw``: what is known to have come back."""
    data = {"payment_id": payment_id, "amount_krw": amount_krw, "refunded_krw": refunded_krw}
    return RunEffect(cancel_at_terminal, data)


def ask_terminal(terminal: Terminal, data: Mapping[str, Any]) -> Iterable[RecordCapture | RecordDecline]:
    """Ask, or ask again what came of it: the payment's id makes both the same request, so nothing is taken twice."""
    answer = _about(data, terminal.ask(data["payment_id"], data["amount_krw"]))
    if answer.state == "pending":
        raise RetryLater("the card terminal has no answer yet", at_most=2.0)
    if answer.state == "approved":
        yield RecordCapture(payment_id=answer.id, approval_number=answer.approval_number or "")
    if answer.state == "declined":
        yield RecordDecline(payment_id=answer.id, reason=REASONS.get(answer.reason or "", "declined"))


def cancel_at_terminal(terminal: Terminal, data: Mapping[str, Any]) -> Iterable[RecordRefund]:
    """Cancel: afterwards the terminal can't approve this id any more, and gives back what it took."""
    answer = _about(data, terminal.cancel(data["payment_id"]))
    number, given_back = answer.approval_number, answer.refunded_krw
    if number and given_back > data["refunded_krw"]:
        yield RecordRefund(payment_id=answer.id, approval_number=number, refunded_krw=given_back)
    elif answer.state != "cancelled" or (number and given_back < data["amount_krw"]):
        raise RetryLater("the card terminal has not given everything back yet", after=5.0)


def _about(data: Mapping[str, Any], answer: PaymentAnswer) -> PaymentAnswer:
    """The answer, if it is about this payment and this amount. Raises :class:`RetryLater` with an alarm if not."""
    amount = data["amount_krw"]
    unseen = answer.state == "cancelled" and not answer.approval_number and answer.amount_krw is None
    if answer.id != data["payment_id"] or not (unseen or answer.amount_krw == amount) or answer.refunded_krw > amount:
        raise RetryLater("the card terminal answered about another payment or amount", after=5.0, alarm=True)
    if answer.state == "approved" and not answer.approval_number:
        raise RetryLater("the card terminal approved without an approval number", after=5.0, alarm=True)
    return answer


SCHEDULES = (
    Schedule(PaymentRequested, ask),
    Schedule(PaymentAbandoned, stop),
    Schedule(PaymentCaptured, give_back),
    Schedule(PaymentRefunded, give_back_the_rest),
)
EFFECTS = (Effect(ask_terminal, card_terminal, lane="urgent"), Effect(cancel_at_terminal, card_terminal))
