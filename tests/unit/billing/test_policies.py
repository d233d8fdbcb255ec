"""What billing makes of what rentals published, and of what the terminal answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from services.billing.adapters.card_terminal import PaymentAnswer, card_terminal
from services.billing.damages.model import AssessDamage, damage_id_of
from services.billing.payments.model import (
    AbandonPayment,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    RequestPayment,
    payment_id_of,
)
from services.billing.payments.policies import ask_terminal, cancel_at_terminal
from services.billing.service import SERVICE
from services.chassis.foundation.settings import SettingMissing
from services.chassis.service import RetryLater
from services.contracts.rentals.events import RentalCancelled, RentalItemsReturned, RentalRequested
from services.contracts.rentals.words import CheckedItem
from tests.support.scenario import MONDAY

CENTRE, RENTAL, RESIDENT = "gwangju-namgu", "gwangju-namgu.r1", "gwangju-namgu.p1"
ABOUT: dict[str, Any] = {"centre": CENTRE, "rental_id": RENTAL, "resident_id": RESIDENT}
PAYMENT = payment_id_of(RENTAL)


def commands_after(event: Any) -> list[Any]:
    return [command for react in SERVICE.policies_of[type(event)] for command in react(event)]


def requested(fee_krw: int) -> RentalRequested:
    return RentalRequested(
        **ABOUT,
        items=(),
        nights=2,
        charged_nights=2,
        due_on=MONDAY.date(),
        due_at=MONDAY + timedelta(days=2),
        fee_krw=fee_krw,
        payment_method="card_terminal",
        rules_version=1,
        requested_at=MONDAY,
    )


def found(barcode: str, condition: Any, cause: Any = None) -> CheckedItem:
    return CheckedItem(barcode=barcode, category="C10", condition=condition, cause=cause, missing=(), ready_from=None)


def test_a_fee_is_asked_for() -> None:
    assert commands_after(requested(4700)) == [
        RequestPayment(**ABOUT, payment_id=PAYMENT, amount_krw=4700, method="card_terminal")
    ]


def test_a_free_rental_asks_for_nothing() -> None:
    assert commands_after(requested(0)) == []


def test_a_cancelled_rental_abandons_its_payment() -> None:
    cancelled = RentalCancelled(**ABOUT, barcodes=(), categories=(), reason="payment_unanswered")
    assert commands_after(cancelled) == [AbandonPayment(payment_id=PAYMENT)]


def test_a_payment_has_the_centre_of_its_rental() -> None:
    assert PAYMENT.startswith(f"{CENTRE}.")
    assert payment_id_of("busan-haeundae.r1") != PAYMENT


def test_a_rental_may_have_several_payments_each_for_a_purpose() -> None:
    assert payment_id_of(RENTAL, "extension") != PAYMENT == payment_id_of(RENTAL, "fee")


def test_damaged_and_lost_items_are_assessed() -> None:
    returned = RentalItemsReturned(
        **ABOUT,
        items=(
            found("NG-C10-001", "good"),
            found("NG-C10-002", "damaged", "inexperience"),
            found("NG-C10-003", "lost"),
            found("NG-C10-004", "dirty"),
        ),
        still_out=(),
        late_days=0,
        rules_version=1,
        returned_at=MONDAY,
    )
    assert commands_after(returned) == [
        AssessDamage(
            **ABOUT,
            damage_id=damage_id_of(RENTAL, "NG-C10-002"),
            barcode="NG-C10-002",
            cause="inexperience",
        ),
        AssessDamage(**ABOUT, damage_id=damage_id_of(RENTAL, "NG-C10-003"), barcode="NG-C10-003", cause="lost"),
    ]


class ScriptedTerminal:
    """A terminal with one answer."""

    def __init__(self, **answer: Any) -> None:
        self.answer = PaymentAnswer(**{"id": PAYMENT, "amount_krw": 4700, **answer})

    def ask(self, payment_id: str, amount_krw: int) -> PaymentAnswer:
        return self.answer

    def cancel(self, payment_id: str) -> PaymentAnswer:
        return self.answer


def run(effect: Callable[..., Any], **answer: Any) -> list[Any]:
    data = {"payment_id": PAYMENT, "amount_krw": 4700, "refunded_krw": 0}
    return list(effect(ScriptedTerminal(**answer), data))


def test_what_the_terminal_answers_is_recorded() -> None:
    approved = run(ask_terminal, state="approved", approval_number="7")
    assert approved == [RecordCapture(payment_id=PAYMENT, approval_number="7")]
    assert declined("card_expired") == [RecordDecline(payment_id=PAYMENT, reason="card_expired")]
    assert run(ask_terminal, state="cancelled") == []
    with pytest.raises(RetryLater):
        run(ask_terminal, state="pending")


def test_a_reason_in_the_terminals_own_words_is_not_repeated() -> None:
    for reason in ("김나눔 010-1234-5678", "", None):
        assert declined(reason) == [RecordDecline(payment_id=PAYMENT, reason="declined")]


def declined(reason: str | None) -> list[Any]:
    return run(ask_terminal, state="declined", reason=reason)


def test_a_cancellation_is_a_refund_only_when_money_had_been_taken() -> None:
    assert run(cancel_at_terminal, state="cancelled") == []
    assert run(cancel_at_terminal, state="cancelled", refunded_krw=4700, approval_number="7") == [
        RecordRefund(payment_id=PAYMENT, approval_number="7", refunded_krw=4700)
    ]
    assert run(cancel_at_terminal, state="cancelled", amount_krw=None) == []  # the terminal had never seen it


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "approved", "approval_number": "7", "id": payment_id_of(f"{CENTRE}.r2")},
        {"state": "approved", "approval_number": "7", "amount_krw": 47},
        {"state": "approved", "approval_number": "7", "amount_krw": None},
        {"state": "approved"},
        {"state": "declined", "amount_krw": 4701},
    ],
)
def test_an_answer_about_another_payment_or_amount_is_never_booked_and_rings(answer: dict[str, Any]) -> None:
    with pytest.raises(RetryLater) as again:
        run(ask_terminal, **answer)
    assert again.value.alarm


@pytest.mark.parametrize(
    "answer",
    [
        {"refunded_krw": 4700, "approval_number": "7", "id": payment_id_of(f"{CENTRE}.r2")},
        {"refunded_krw": 4701, "approval_number": "7"},
        {"refunded_krw": 47, "approval_number": "7", "amount_krw": 47},
    ],
)
def test_a_refund_of_another_payment_or_amount_is_never_booked_and_rings(answer: dict[str, Any]) -> None:
    with pytest.raises(RetryLater) as again:
        run(cancel_at_terminal, state="cancelled", **answer)
    assert again.value.alarm


def test_what_was_not_given_back_yet_is_asked_for_again() -> None:
    with pytest.raises(RetryLater):
        run(cancel_at_terminal, state="cancelled", approval_number="7")
    with pytest.raises(RetryLater):
        run(cancel_at_terminal, state="approved", approval_number="7")


def test_a_terminal_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NANUM_TERMINAL_URL", raising=False)
    with pytest.raises(SettingMissing):
        card_terminal()
    monkeypatch.setenv("NANUM_TERMINAL_URL", "127.0.0.1:8085")
    with pytest.raises(SettingMissing, match="must be an address"):
        card_terminal()
