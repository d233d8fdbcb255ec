"""Decisions about a payment."""

from datetime import datetime
from typing import Any

from services.billing.payments import model
from services.billing.payments.model import Payment
from services.chassis.domain import StateReader, make, reads

reads_payment = reads(lambda command: [(Payment, command.payment_id)])


@reads_payment
def request(command: model.RequestPayment, read: StateReader, now: datetime) -> list[Any]:
    """Ask for a fee once."""
    if read(Payment, command.payment_id):
        return []
    return [make(model.PaymentRequested, command, requested_at=now)]


@reads_payment
def record_capture(command: model.RecordCapture, read: StateReader, now: datetime) -> list[Any]:
    """Money was taken: kept while the rental waits for it, given back when the rental has come to nothing."""
    payment = _known(read, command.payment_id)
    if payment.approval_number is not None:
        return []
    return [_captured(payment, command.approval_number, now)]


@reads_payment
def record_decline(command: model.RecordDecline, read: StateReader, now: datetime) -> list[Any]:
    """A decline ends a payment that waits; on any other it says nothing new."""
    payment = _known(read, command.payment_id)
    if payment.state != "pending":
        return []
    return [make(model.PaymentDeclined, payment, reason=command.reason, declined_at=now)]


@reads_payment
def abandon(command: model.AbandonPayment, read: StateReader, now: datetime) -> list[Any]:
    """Stop asking, and give back what was taken. Where nothing was or will be taken, nothing is left to do."""
    payment = _known(read, command.payment_id)
    if payment.state not in ("pending", "captured"):
        return []
    return [make(model.PaymentAbandoned, payment, abandoned_at=now)]


@reads_payment
def record_refund(command: model.RecordRefund, read: StateReader, now: datetime) -> list[Any]:
    """Book what was given back since then. Where the capture is not recorded yet, the refund is proof of it."""
    payment = _known(read, command.payment_id)
    given_back = command.refunded_krw - payment.refunded_krw
    if given_back <= 0:
        return []
    if payment.state == "pending":
        raise model.NothingToRefund(payment_id=payment.payment_id, state=payment.state)
    unrecorded = [] if payment.approval_number is not None else [_captured(payment, command.approval_number, now)]
    about = {"amount_krw": given_back, "remaining_krw": payment.amount_krw - command.refunded_krw, "refunded_at": now}
    refund = {"approval_number": command.approval_number, "refunded_krw": command.refunded_krw}
    return [*unrecorded, make(model.PaymentRefunded, payment, **about, **refund)]


def _known(read: StateReader, payment_id: str) -> Payment:
    payment = read(Payment, payment_id)
    if payment is None:
        raise model.PaymentUnknown(payment_id=payment_id)
    return payment


def _captured(payment: Payment, approval_number: str, now: datetime) -> model.PaymentCaptured:
    give_back = payment.state != "pending"
    return make(model.PaymentCaptured, payment, approval_number=approval_number, give_back=give_back, captured_at=now)
