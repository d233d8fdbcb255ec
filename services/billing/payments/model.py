"""A payment: what is due for a rental, asked for at the card terminal. What was taken is kept or given back, in full.

The terminal's answer and the end of the rental may arrive in any order. ``abandoned`` is the state in which whatever
was taken, or turns out to have been taken, goes back; an approval number says that money was taken.
"""

from datetime import datetime
from typing import Any

from services.chassis.domain import Refused, command, event, make, replace, state
from services.contracts.base import centre_of, derived_id
from services.contracts.billing import events, views
from services.contracts.billing.words import DeclineReason
from services.contracts.texts import ApprovalNumber, CentreRef, CodeRef, IdRef

FEE = "fee"


def payment_id_of(rental_id: str, purpose: str = FEE) -> str:
    """The id of a rental's payment for a purpose, the same whenever it is asked for."""
    return derived_id(centre_of(rental_id), f"payment:{rental_id}:{purpose}")


# -- events --


@event("payment.requested", stream="payment-{payment_id}")
class PaymentRequested:
    """The terminal is to take the fee of a rental."""

    centre: CentreRef
    payment_id: IdRef
    rental_id: IdRef
    resident_id: IdRef
    amount_krw: int
    method: CodeRef
    requested_at: datetime


@event(stream="payment-{payment_id}")
class PaymentCaptured(events.PaymentCaptured):
    """The amount was taken. ``give_back``: the rental had come to nothing before this was known."""

    approval_number: ApprovalNumber
    give_back: bool


@event(stream="payment-{payment_id}")
class PaymentDeclined(events.PaymentDeclined):
    """The card was declined; nothing was taken."""

    declined_at: datetime


@event("payment.abandoned", stream="payment-{payment_id}")
class PaymentAbandoned:
    """The rental came to nothing: the terminal is to stop, and to give back what it took."""

    centre: CentreRef
    payment_id: IdRef
    rental_id: IdRef
    amount_krw: int
    abandoned_at: datetime


@event(stream="payment-{payment_id}")
class PaymentRefunded(events.PaymentRefunded):
    """``amount_krw`` was given back; ``refunded_krw`` in all by now, and ``remaining_krw`` still has to be."""

    approval_number: ApprovalNumber
    refunded_krw: int
    remaining_krw: int
    refunded_at: datetime


# -- commands --


@command
class RequestPayment:
    """Ask for a rental's fee."""

    payment_id: str
    centre: str
    rental_id: str
    resident_id: str
    amount_krw: int
    method: str


@command
class RecordCapture:
    """The terminal approved."""

    payment_id: str
    approval_number: str


@command
class RecordDecline:
    """The terminal declined."""

    payment_id: str
    reason: DeclineReason


@command
class AbandonPayment:
    """The rental came to nothing."""

    payment_id: str


@command
class RecordRefund:
    """The terminal gave back what it took, or a part of it: ``refunded_krw`` in all."""

    payment_id: str
    approval_number: str
    refunded_krw: int


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
class Payment(views.Payment):
    """A payment as it stands."""

    version: int = 0


def evolve(payment: Payment | None, event: Any) -> Payment | None:
    """The payment after an event."""
    if isinstance(event, PaymentRequested):
        nothing = dict.fromkeys(("approval_number", "reason", "settled_at"))
        return make(Payment, event, state="pending", refunded_krw=0, **nothing)
    if payment is None:
        return None
    match event:
        case PaymentCaptured():
            after = "abandoned" if event.give_back else "captured"
            return replace(payment, state=after, approval_number=event.approval_number, settled_at=event.captured_at)
        case PaymentDeclined():
            return replace(payment, state="declined", reason=event.reason, settled_at=event.declined_at)
        case PaymentAbandoned():
            return replace(payment, state="abandoned", settled_at=event.abandoned_at)
        case PaymentRefunded():
            after = payment.state if event.remaining_krw else "refunded"
            return replace(payment, state=after, refunded_krw=event.refunded_krw, settled_at=event.refunded_at)
    return payment
