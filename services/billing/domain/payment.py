"""A payment: the fee of one rental, asked for at the card terminal. What was taken is kept or given back, in full.

The terminal's answer and the end of the rental may arrive in any order. ``abandoned`` is the state in which whatever
was taken, or turns out to have been taken, goes back; an approval number says that money was taken.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.chassis.kernel import Look, Refused, fact, intent, needs, replace, state

PENDING, CAPTURED, DECLINED, ABANDONED, REFUNDED = "pending", "captured", "declined", "abandoned", "refunded"


def payment_id(centre: str, rental_id: str) -> str:
    """The id of a rental's payment, the same whenever it is asked for."""
    return f"{centre}.{uuid5(NAMESPACE_URL, f'payment:{rental_id}').hex}"


# -- facts --


@fact("payment.requested", stream="payment-{payment_id}")
class PaymentRequested:
    """The terminal is to take the fee of a rental."""

    centre: str
    payment_id: str
    rental_id: str
    resident_id: str
    amount_krw: int
    method: str
    requested_at: datetime


@fact("payment.captured", stream="payment-{payment_id}")
class PaymentCaptured:
    """The amount was taken. ``give_back``: the rental had come to nothing before this was known."""

    centre: str
    payment_id: str
    rental_id: str
    amount_krw: int
    approval_number: str
    give_back: bool
    captured_at: datetime


@fact("payment.declined", stream="payment-{payment_id}")
class PaymentDeclined:
    """The card was declined; nothing was taken."""

    centre: str
    payment_id: str
    rental_id: str
    reason: str
    declined_at: datetime


@fact("payment.abandoned", stream="payment-{payment_id}")
class PaymentAbandoned:
    """The rental came to nothing: the terminal is to stop, and to give back what it took."""

    centre: str
    payment_id: str
    rental_id: str
    abandoned_at: datetime


@fact("payment.refunded", stream="payment-{payment_id}")
class PaymentRefunded:
    """The whole amount was given back."""

    centre: str
    payment_id: str
    rental_id: str
    amount_krw: int
    approval_number: str
    refunded_at: datetime


# -- intents --


@intent
class OpenCharge:
    """Ask for a rental's fee."""

    payment_id: str
    centre: str
    rental_id: str
    resident_id: str
    amount_krw: int
    method: str


@intent
class RecordCapture:
    """The terminal approved."""

    payment_id: str
    approval_number: str


@intent
class RecordDecline:
    """The terminal declined."""

    payment_id: str
    reason: str


@intent
class AbandonCharge:
    """The rental came to nothing."""

    payment_id: str


@intent
class RecordRefund:
    """The terminal gave the amount back."""

    payment_id: str
    approval_number: str


# -- refusals --


class PaymentUnknown(Refused):
    """There is no payment {payment_id}."""

    kind = "not_found"
    ko = "결제 {payment_id}을(를) 찾을 수 없습니다."


class NothingToRefund(Refused):
    """Payment {payment_id} is {state}: nothing was taken yet that could be given back."""

    kind = "conflict"
    ko = "결제 {payment_id}의 상태는 {state}입니다. 환불할 금액이 없습니다."


# -- state --


@state("payment", key="payment_id", stream="payment-{}")
class Payment:
    """A payment as it stands. ``reason`` is the terminal's reason for a decline."""

    payment_id: str
    centre: str
    rental_id: str
    resident_id: str
    amount_krw: int
    method: str
    state: str
    approval_number: str | None
    reason: str | None
    requested_at: datetime
    settled_at: datetime | None
    version: int = 0


def evolve(now: Payment | None, fact: Any) -> Payment | None:
    """The payment after a fact."""
    if isinstance(fact, PaymentRequested):
        return _requested(fact)
    if now is None:
        return None
    match fact:
        case PaymentCaptured():
            state = ABANDONED if fact.give_back else CAPTURED
            return replace(now, state=state, approval_number=fact.approval_number, settled_at=fact.captured_at)
        case PaymentDeclined():
            return replace(now, state=DECLINED, reason=fact.reason, settled_at=fact.declined_at)
        case PaymentAbandoned():
            return replace(now, state=ABANDONED, settled_at=fact.abandoned_at)
        case PaymentRefunded():
            return replace(now, state=REFUNDED, settled_at=fact.refunded_at)
        case _:
            return now


def _requested(fact: PaymentRequested) -> Payment:
    return Payment(
        payment_id=fact.payment_id,
        centre=fact.centre,
        rental_id=fact.rental_id,
        resident_id=fact.resident_id,
        amount_krw=fact.amount_krw,
        method=fact.method,
        state=PENDING,
        approval_number=None,
        reason=None,
        requested_at=fact.requested_at,
        settled_at=None,
    )


# -- decisions --


def _payment(look: Look, payment_id: str) -> Payment:
    payment = look(Payment, payment_id)
    if payment is None:
        raise PaymentUnknown(payment_id=payment_id)
    return payment


@needs(lambda cmd: [(Payment, cmd.payment_id)])
def open_charge(cmd: OpenCharge, look: Look, at: datetime) -> list[Any]:
    """Ask for a fee once."""
    if look(Payment, cmd.payment_id):
        return []
    return [
        PaymentRequested(
            centre=cmd.centre,
            payment_id=cmd.payment_id,
            rental_id=cmd.rental_id,
            resident_id=cmd.resident_id,
            amount_krw=cmd.amount_krw,
            method=cmd.method,
            requested_at=at,
        )
    ]


@needs(lambda cmd: [(Payment, cmd.payment_id)])
def record_capture(cmd: RecordCapture, look: Look, at: datetime) -> list[Any]:
    """Money was taken: kept while the rental waits for it, given back when the rental has come to nothing."""
    payment = _payment(look, cmd.payment_id)
    if payment.approval_number is not None:
        return []
    return [_captured(payment, cmd.approval_number, at)]


@needs(lambda cmd: [(Payment, cmd.payment_id)])
def record_decline(cmd: RecordDecline, look: Look, at: datetime) -> list[Any]:
    """A decline ends a payment that waits; on any other it says nothing new."""
    payment = _payment(look, cmd.payment_id)
    if payment.state != PENDING:
        return []
    return [PaymentDeclined(**_about(payment), reason=cmd.reason, declined_at=at)]


@needs(lambda cmd: [(Payment, cmd.payment_id)])
def abandon(cmd: AbandonCharge, look: Look, at: datetime) -> list[Any]:
    """Stop asking, and give back what was taken. Where nothing was or will be taken, nothing is left to do."""
    payment = _payment(look, cmd.payment_id)
    if payment.state not in (PENDING, CAPTURED):
        return []
    return [PaymentAbandoned(**_about(payment), abandoned_at=at)]


@needs(lambda cmd: [(Payment, cmd.payment_id)])
def record_refund(cmd: RecordRefund, look: Look, at: datetime) -> list[Any]:
    """What was taken was given back. When its capture was not heard of yet, the refund is proof of it."""
    payment = _payment(look, cmd.payment_id)
    if payment.state == REFUNDED:
        return []
    if payment.state == PENDING:
        raise NothingToRefund(payment_id=payment.payment_id, state=payment.state)
    unheard = [] if payment.approval_number is not None else [_captured(payment, cmd.approval_number, at)]
    refunded = PaymentRefunded(
        **_about(payment), amount_krw=payment.amount_krw, approval_number=cmd.approval_number, refunded_at=at
    )
    return [*unheard, refunded]


def _about(payment: Payment) -> dict[str, str]:
    return {"centre": payment.centre, "payment_id": payment.payment_id, "rental_id": payment.rental_id}


def _captured(payment: Payment, approval_number: str, at: datetime) -> PaymentCaptured:
    return PaymentCaptured(
        **_about(payment),
        amount_krw=payment.amount_krw,
        approval_number=approval_number,
        give_back=payment.state != PENDING,
        captured_at=at,
    )
