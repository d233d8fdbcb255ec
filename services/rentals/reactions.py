"""What follows from a fact: another service's fact becomes our intent, our own fact sets our timers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from services.chassis.definition import Later, Timer
from services.chassis.kernel import Heard
from services.contracts import billing, inventory, notifications
from services.rentals.domain import rental, resident

HEARS = {
    ("inventory", "category.described"): inventory.CategoryDescribed,
    ("inventory", "item.registered"): inventory.ItemRegistered,
    ("inventory", "item.ready"): inventory.ItemReady,
    ("inventory", "item.cleaning"): inventory.ItemCleaning,
    ("inventory", "item.damaged"): inventory.ItemDamaged,
    ("inventory", "item.lost"): inventory.ItemLost,
    ("inventory", "item.retired"): inventory.ItemRetired,
    ("billing", "payment.captured"): billing.PaymentCaptured,
    ("billing", "payment.declined"): billing.PaymentDeclined,
    ("notifications", "contact.registered"): notifications.ContactRegistered,
}


def paid(heard: Heard) -> Iterable[Any]:
    """The fee was captured: the units are out."""
    yield rental.ConfirmPayment(rental_id=heard.data["rental_id"], payment_id=heard.data["payment_id"])


def declined(heard: Heard) -> Iterable[Any]:
    """The card was declined: the units are free again."""
    yield rental.DeclinePayment(rental_id=heard.data["rental_id"])


def ready_again(heard: Heard) -> Iterable[Any]:
    """A unit is ready after a rental: nothing holds it any more."""
    if heard.data["after_rental"]:
        yield rental.ReleaseItem(barcode=heard.data["barcode"], rental_id=heard.data["after_rental"])


def registered(heard: Heard) -> Iterable[Any]:
    """Who can be reached is a member: completes a registration that was cut off half-way."""
    yield resident.JoinResident(resident_id=heard.data["resident_id"], centre=heard.data["centre"])


REACTIONS = {
    ("billing", "payment.captured"): paid,
    ("billing", "payment.declined"): declined,
    ("inventory", "item.ready"): ready_again,
    ("notifications", "contact.registered"): registered,
}


def await_payment(fact: rental.RentalRequested) -> Iterable[Later]:
    """An unanswered payment must not hold the units for ever."""
    if fact.fee_krw:
        yield Later("expire_payment", {"rental_id": fact.rental_id}, fact.answer_by)


def await_return(fact: rental.RentalStarted) -> Iterable[Later]:
    """When the due day is over, the rental is overdue."""
    yield Later("mark_overdue", {"rental_id": fact.rental_id}, fact.due_at)


def await_reinstatement(fact: resident.ResidentSuspended) -> Iterable[Later]:
    """When its last day is over, the suspension ends by itself."""
    yield Later("end_suspension", {"resident_id": fact.resident_id, "until": fact.until.isoformat()}, fact.ends_at)


SCHEDULE = {
    resident.ResidentSuspended: await_reinstatement,
    rental.RentalRequested: await_payment,
    rental.RentalStarted: await_return,
}

JOBS = {
    "expire_payment": Timer(lambda data: rental.ExpirePayment(rental_id=data["rental_id"])),
    "end_suspension": Timer(
        lambda data: resident.EndSuspension(resident_id=data["resident_id"], until=date.fromisoformat(data["until"]))
    ),
    "mark_overdue": Timer(lambda data: rental.MarkOverdue(rental_id=data["rental_id"])),
}
