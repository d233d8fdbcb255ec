"""What billing makes of what rentals published, and of what the terminal answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.billing import reactions
from services.billing.domain.damage import AssessDamage
from services.billing.domain.payment import (
    AbandonCharge,
    OpenCharge,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    payment_id,
)
from services.billing.outside import Answer
from services.chassis.definition import TryAgain
from services.chassis.kernel import Heard
from tests.support.scenario import MONDAY

CENTRE, RENTAL, RESIDENT = "gwangju-namgu", "gwangju-namgu.r1", "gwangju-namgu.p1"
ABOUT = {"centre": CENTRE, "rental_id": RENTAL, "resident_id": RESIDENT}
PAYMENT = payment_id(CENTRE, RENTAL)


def react(type: str, **data: Any) -> list[Any]:
    reaction = reactions.REACTIONS["rentals", type]
    return list(reaction(Heard(type, {**ABOUT, **data}, f"rental-{RENTAL}", "", MONDAY)))


def test_a_fee_is_asked_for() -> None:
    assert react("rental.requested", fee_krw=4700, payment_method="card_terminal") == [
        OpenCharge(**ABOUT, payment_id=PAYMENT, amount_krw=4700, method="card_terminal")
    ]


def test_a_free_rental_asks_for_nothing() -> None:
    assert react("rental.requested", fee_krw=0, payment_method="card_terminal") == []


def test_a_cancelled_rental_abandons_its_payment() -> None:
    assert react("rental.cancelled", reason="payment_unanswered", barcodes=[]) == [AbandonCharge(payment_id=PAYMENT)]


def test_damaged_and_lost_units_are_assessed() -> None:
    found = [
        {"barcode": "NG-C10-001", "condition": "good", "cause": None},
        {"barcode": "NG-C10-002", "condition": "damaged", "cause": "inexperience"},
        {"barcode": "NG-C10-003", "condition": "lost", "cause": None},
        {"barcode": "NG-C10-004", "condition": "dirty", "cause": None},
    ]
    assert react("rental.items_returned", items=found) == [
        AssessDamage(**ABOUT, barcode="NG-C10-002", cause="inexperience"),
        AssessDamage(**ABOUT, barcode="NG-C10-003", cause="lost"),
    ]


class Told:
    """A terminal that answers what it is told to."""

    def __init__(self, **answer: Any) -> None:
        self.answer = Answer(id=PAYMENT, **answer)

    def ask(self, payment_id: str, amount_krw: int) -> Answer:
        return self.answer

    def cancel(self, payment_id: str) -> Answer:
        return self.answer


def run(errand: Callable[..., Any], **answer: Any) -> list[Any]:
    return list(errand(Told(**answer), {"payment_id": PAYMENT, "amount_krw": 4700}))


def test_what_the_terminal_answers_is_recorded() -> None:
    ask = reactions.ask_terminal
    assert run(ask, state="approved", approval_number="7") == [RecordCapture(payment_id=PAYMENT, approval_number="7")]
    assert run(ask, state="declined", reason="no") == [RecordDecline(payment_id=PAYMENT, reason="no")]
    assert run(ask, state="cancelled") == []
    with pytest.raises(TryAgain):
        run(ask, state="pending")


def test_a_cancellation_is_a_refund_only_when_money_had_been_taken() -> None:
    cancel = reactions.cancel_at_terminal
    assert run(cancel, state="cancelled") == []
    assert run(cancel, state="cancelled", refunded_krw=4700, approval_number="7") == [
        RecordRefund(payment_id=PAYMENT, approval_number="7")
    ]
