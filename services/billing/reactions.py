"""What follows from a fact: another service's fact becomes our intent, our own fact sends us to the card terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from services.billing.domain import damage, payment
from services.billing.outside import Terminal
from services.chassis.definition import Errand, Later, TryAgain
from services.chassis.kernel import Heard
from services.contracts import rentals

HEARS = {
    ("rentals", "house_rules.adopted"): rentals.HouseRulesAdopted,
    ("rentals", "rental.requested"): rentals.RentalRequested,
    ("rentals", "rental.cancelled"): rentals.RentalCancelled,
    ("rentals", "rental.items_returned"): rentals.RentalItemsReturned,
}


def requested(heard: Heard) -> Iterable[Any]:
    """A fee is due before the units go out."""
    data = heard.data
    if data["fee_krw"]:
        yield payment.OpenCharge(
            payment_id=payment.payment_id(data["centre"], data["rental_id"]),
            centre=data["centre"],
            rental_id=data["rental_id"],
            resident_id=data["resident_id"],
            amount_krw=data["fee_krw"],
            method=data["payment_method"],
        )


def cancelled(heard: Heard) -> Iterable[Any]:
    """The rental came to nothing: nothing may stay taken."""
    yield payment.AbandonCharge(payment_id=payment.payment_id(heard.data["centre"], heard.data["rental_id"]))


def returned(heard: Heard) -> Iterable[Any]:
    """Each damaged or lost unit is assessed by the house rules."""
    data = heard.data
    for item in data["items"]:
        if item["condition"] in ("damaged", "lost"):
            yield damage.AssessDamage(
                centre=data["centre"],
                rental_id=data["rental_id"],
                resident_id=data["resident_id"],
                barcode=item["barcode"],
                cause=item["cause"] or "lost",
            )


REACTIONS = {
    ("rentals", "rental.requested"): requested,
    ("rentals", "rental.cancelled"): cancelled,
    ("rentals", "rental.items_returned"): returned,
}


def ask(fact: payment.PaymentRequested) -> Iterable[Later]:
    """The terminal is asked at once."""
    yield Later("ask_terminal", {"payment_id": fact.payment_id, "amount_krw": fact.amount_krw})


def cancel(fact: payment.PaymentAbandoned) -> Iterable[Later]:
    """The terminal is told to stop, for good."""
    yield Later("cancel_at_terminal", {"payment_id": fact.payment_id})


def give_back(fact: payment.PaymentCaptured) -> Iterable[Later]:
    """What was taken for a rental that had come to nothing goes back."""
    if fact.give_back:
        yield Later("cancel_at_terminal", {"payment_id": fact.payment_id})


SCHEDULE: dict[type, Callable[[Any], Iterable[Later]]] = {
    payment.PaymentRequested: ask,
    payment.PaymentAbandoned: cancel,
    payment.PaymentCaptured: give_back,
}


def ask_terminal(terminal: Terminal, data: Mapping[str, Any]) -> Iterable[Any]:
    """Ask, or ask again what came of it: the payment's id makes both the same question, so nothing is taken twice."""
    answer = terminal.ask(data["payment_id"], data["amount_krw"])
    if answer.state == "pending":
        raise TryAgain("the card terminal has no answer yet", after=1.0)
    if answer.state == "approved":
        yield payment.RecordCapture(payment_id=data["payment_id"], approval_number=answer.approval_number or "")
    if answer.state == "declined":
        yield payment.RecordDecline(payment_id=data["payment_id"], reason=answer.reason or "declined")


def cancel_at_terminal(terminal: Terminal, data: Mapping[str, Any]) -> Iterable[Any]:
    """Cancel: afterwards the terminal can't approve this id any more, and has given back what it took."""
    answer = terminal.cancel(data["payment_id"])
    if answer.refunded_krw:
        yield payment.RecordRefund(payment_id=data["payment_id"], approval_number=answer.approval_number or "")


JOBS = {"ask_terminal": Errand(ask_terminal), "cancel_at_terminal": Errand(cancel_at_terminal)}
