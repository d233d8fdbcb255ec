"""Payments: every outcome at the terminal, in every order. Money always nets."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from services.billing.ledger.model import Account
from services.billing.payments.model import (
    AbandonPayment,
    Payment,
    PaymentAbandoned,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentRequested,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    RequestPayment,
    payment_id_of,
)
from services.billing.service import SERVICE
from tests.support.scenario import MONDAY, Scenario, scenario

CENTRE = "gwangju-namgu"
RENTAL = f"{CENTRE}.r1"
PAYMENT = payment_id_of(RENTAL)
ABOUT: dict[str, Any] = {"centre": CENTRE, "payment_id": PAYMENT, "rental_id": RENTAL}

REQUEST = RequestPayment(
    payment_id=PAYMENT,
    centre=CENTRE,
    rental_id=RENTAL,
    resident_id=f"{CENTRE}.p1",
    amount_krw=4700,
    method="card_terminal",
)
REQUESTED = PaymentRequested(
    **ABOUT, resident_id=f"{CENTRE}.p1", amount_krw=4700, method="card_terminal", requested_at=MONDAY
)
CAPTURE = RecordCapture(payment_id=PAYMENT, approval_number="00000001")
DECLINE = RecordDecline(payment_id=PAYMENT, reason="card_declined")
ABANDON = AbandonPayment(payment_id=PAYMENT)
REFUND = RecordRefund(payment_id=PAYMENT, approval_number="00000001", refunded_krw=4700)

CAPTURED = PaymentCaptured(**ABOUT, amount_krw=4700, approval_number="00000001", give_back=False, captured_at=MONDAY)
CAPTURED_TOO_LATE = PaymentCaptured(
    **ABOUT, amount_krw=4700, approval_number="00000001", give_back=True, captured_at=MONDAY
)
DECLINED = PaymentDeclined(**ABOUT, reason="card_declined", declined_at=MONDAY)
ABANDONED = PaymentAbandoned(**ABOUT, amount_krw=4700, abandoned_at=MONDAY)


def refunded(amount_krw: int, so_far: int) -> PaymentRefunded:
    """Some of the 4,700 won came back."""
    rest = {"refunded_krw": so_far, "remaining_krw": 4700 - so_far}
    return PaymentRefunded(**ABOUT, amount_krw=amount_krw, approval_number="00000001", refunded_at=MONDAY, **rest)


REFUNDED = refunded(4700, 4700)


def balances(s: Scenario) -> tuple[int, int]:
    """(what the card company owes us, what was earned) in won."""
    owed, earned = (s.row(Account, f"{CENTRE}.{name}") for name in ("terminal_receivable", "rental_fees"))
    if owed is None:
        return 0, 0
    assert owed.debit_krw + earned.debit_krw == owed.credit_krw + earned.credit_krw
    return owed.debit_krw - owed.credit_krw, earned.credit_krw - earned.debit_krw


def jobs(event: Any) -> list[str]:
    """The effects that an event asks for."""
    schedule: Any = SERVICE.schedule_of.get(type(event))
    return [job.effect.__name__ for job in schedule(event)] if schedule else []


def test_a_fee_is_asked_for_once() -> None:
    s = scenario(SERVICE).when(REQUEST).then(REQUESTED)
    assert s.row(Payment, PAYMENT).state == "pending"
    assert jobs(REQUESTED) == ["ask_terminal"]


def test_an_approval_is_a_capture() -> None:
    s = scenario(SERVICE).given(REQUESTED).when(CAPTURE).then(CAPTURED)
    row = s.row(Payment, PAYMENT)
    assert (row.state, row.approval_number, row.settled_at) == ("captured", "00000001", MONDAY)
    assert balances(s) == (4700, 4700)
    assert jobs(CAPTURED) == []


def test_a_decline_takes_nothing() -> None:
    s = scenario(SERVICE).given(REQUESTED).when(DECLINE).then(DECLINED)
    assert (s.row(Payment, PAYMENT).state, s.row(Payment, PAYMENT).reason) == ("declined", "card_declined")
    assert balances(s) == (0, 0)


def test_a_second_capture_is_no_second_capture() -> None:
    again = RecordCapture(payment_id=PAYMENT, approval_number="00000002")
    s = scenario(SERVICE).given(REQUESTED, CAPTURED).when(again).then_nothing()
    assert balances(s) == (4700, 4700)


def test_a_decline_after_a_capture_changes_nothing() -> None:
    scenario(SERVICE).given(REQUESTED, CAPTURED).when(DECLINE).then_nothing()


def test_abandoning_what_waits_stops_the_terminal() -> None:
    s = scenario(SERVICE).given(REQUESTED).when(ABANDON).then(ABANDONED)
    assert s.row(Payment, PAYMENT).state == "abandoned"
    assert jobs(ABANDONED) == ["cancel_at_terminal"]


def test_abandoning_what_was_captured_gives_it_back() -> None:
    s = scenario(SERVICE).given(REQUESTED, CAPTURED).when(ABANDON).then(ABANDONED)
    s.when(REFUND).then(REFUNDED)
    assert s.row(Payment, PAYMENT).state == "refunded"
    assert balances(s) == (0, 0)


def test_abandoning_what_was_declined_needs_nothing() -> None:
    scenario(SERVICE).given(REQUESTED, DECLINED).when(ABANDON).then_nothing()


def test_a_decline_after_the_cancellation_changes_nothing() -> None:
    scenario(SERVICE).given(REQUESTED, ABANDONED).when(DECLINE).then_nothing()


def test_a_capture_after_the_cancellation_goes_back() -> None:
    s = scenario(SERVICE).given(REQUESTED, ABANDONED).when(CAPTURE).then(CAPTURED_TOO_LATE)
    assert s.row(Payment, PAYMENT).state == "abandoned"
    assert jobs(CAPTURED_TOO_LATE) == ["cancel_at_terminal"]
    s.when(REFUND).then(REFUNDED)
    assert balances(s) == (0, 0)


def test_a_refund_is_proof_of_a_capture_that_was_not_recorded() -> None:
    s = scenario(SERVICE).given(REQUESTED, ABANDONED).when(REFUND).then(CAPTURED_TOO_LATE, REFUNDED)
    s.when(CAPTURE).then_nothing()
    assert balances(s) == (0, 0)


def test_a_capture_after_a_decline_goes_back_as_the_rental_is_gone() -> None:
    s = scenario(SERVICE).given(REQUESTED, DECLINED).when(CAPTURE).then(CAPTURED_TOO_LATE)
    s.when(REFUND).then(REFUNDED)
    assert balances(s) == (0, 0)


def test_what_is_booked_is_what_was_given_back_and_the_rest_is_asked_for() -> None:
    first, again = (RecordRefund(payment_id=PAYMENT, approval_number="00000001", refunded_krw=n) for n in (1000, 1500))
    s = scenario(SERVICE).given(REQUESTED, CAPTURED, ABANDONED).when(first).then(refunded(1000, 1000))
    row = s.row(Payment, PAYMENT)
    assert (row.state, row.refunded_krw) == ("abandoned", 1000)
    assert balances(s) == (3700, 3700)
    (rest,) = SERVICE.schedule_of[PaymentRefunded](refunded(1000, 1000))
    assert rest.data == {"payment_id": PAYMENT, "amount_krw": 4700, "refunded_krw": 1000}
    s.when(again).then(refunded(500, 1500)).when(REFUND).then(refunded(3200, 4700))
    assert s.row(Payment, PAYMENT).state == "refunded"
    assert balances(s) == (0, 0)
    assert jobs(refunded(3200, 4700)) == []


def test_nothing_is_refunded_that_was_not_taken() -> None:
    scenario(SERVICE).given(REQUESTED).when(REFUND).then_refused("nothing_to_refund", state="pending")


@pytest.mark.parametrize("command", [CAPTURE, DECLINE, ABANDON, REFUND])
def test_an_unknown_payment_is_refused(command: Any) -> None:
    scenario(SERVICE).when(command).then_refused("payment_unknown", payment_id=PAYMENT)


@pytest.mark.parametrize(
    "order", list(permutations([CAPTURE, ABANDON, REFUND])) + list(permutations([CAPTURE, DECLINE]))
)
def test_money_nets_in_every_order(order: tuple[Any, ...]) -> None:
    """Whatever comes first: once the effects that the events ask for have run, the fee is kept or nothing is."""
    s = scenario(SERVICE).given(REQUESTED)
    asked_to_cancel = False
    for command in order:
        s.when(command)
        asked_to_cancel |= any("cancel_at_terminal" in jobs(event) for event in s.events)
    if asked_to_cancel:
        s.when(REFUND)
    kept = s.row(Payment, PAYMENT).state == "captured"
    assert balances(s) == ((4700, 4700) if kept else (0, 0))
    assert not (kept and ABANDON in order)
