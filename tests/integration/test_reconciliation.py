"""Our payments against the card terminal's, after billing's log went back to a backup."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from deploy.simulators.card_terminal.app import server
from deploy.simulators.card_terminal.payment_store import PaymentStore
from services.billing.adapters.card_terminal import Terminal
from services.billing.payments.model import AbandonPayment, RecordCapture, RecordRefund, RequestPayment, payment_id_of
from services.billing.reconciliation import DIFFERS, GIVEN_BACK, RECORDED, reconcile
from services.billing.service import SERVICE
from services.chassis.commands.handler import Metadata, decide_own, follow_up, reads_of
from services.chassis.eventstore.store import PostgresStore
from services.contracts.base import Actor
from tests.support.centre import CENTRE

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
BACKUP = NOW - timedelta(hours=1)
SECRET = "secret"


@pytest.fixture
def store(fresh):
    return PostgresStore(SERVICE, fresh("billing").app)


@pytest.fixture
def terminal():
    payments = PaymentStore(":memory:", NOW.timestamp)
    serving = server("127.0.0.1", 0, payments, SECRET)
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
    thread.start()
    yield Terminal(f"http://127.0.0.1:{serving.port}", SECRET)
    serving.shutdown()
    thread.join()
    payments.close()


def payment(name):
    return payment_id_of(f"{CENTRE}.{name}")


def decide(store, *commands):
    made = [
        follow_up(SERVICE, id, "test", command, Metadata(Actor(role="service", centre=CENTRE)))
        for id, command in ((uuid4(), command) for command in commands)
    ]
    with store.begin(reads=reads_of(made)) as uow:
        for command in made:
            decide_own(uow, command, NOW)
        uow.commit()


def requested(store, name, amount_krw=4700):
    about = {"centre": CENTRE, "rental_id": f"{CENTRE}.{name}", "resident_id": f"{CENTRE}.kim"}
    decide(store, RequestPayment(**about, payment_id=payment(name), amount_krw=amount_krw, method="card_terminal"))


def captured(store, name, number):
    decide(store, RecordCapture(payment_id=payment(name), approval_number=number))


def found(store, terminal):
    return {finding.payment_id: finding.done for finding in reconcile(store, terminal, BACKUP, NOW)}


def state(store, name):
    with store.pool.connection() as conn:
        return conn.execute(
            "SELECT state, refunded_krw FROM payment WHERE payment_id = %s", (payment(name),)
        ).fetchone()


def books(store):
    statement = "SELECT account, debit_krw - credit_krw FROM account WHERE account = 'terminal_receivable'"
    with store.pool.connection() as conn:
        return dict(conn.execute(statement).fetchall()).get("terminal_receivable", 0)


def taken(terminal):
    return sum(p.amount_krw - p.refunded_krw for p in terminal.payments(BACKUP) if p.approval_number)


def test_what_was_taken_after_the_backup_for_nobody_goes_back(store, terminal):
    terminal.ask(payment("lost"), 4700)
    assert found(store, terminal) == {payment("lost"): GIVEN_BACK}
    assert taken(terminal) == books(store) == 0
    assert found(store, terminal) == {}


def test_what_was_taken_and_not_recorded_is_recorded(store, terminal):
    requested(store, "r1")
    terminal.ask(payment("r1"), 4700)
    assert found(store, terminal) == {payment("r1"): RECORDED}
    assert state(store, "r1") == ("captured", 0)
    assert taken(terminal) == books(store) == 4700
    assert found(store, terminal) == {}


def test_what_was_given_back_after_the_backup_is_recorded(store, terminal):
    requested(store, "r1")
    captured(store, "r1", terminal.ask(payment("r1"), 4700).approval_number)
    terminal.cancel(payment("r1"))
    assert found(store, terminal) == {payment("r1"): RECORDED}
    assert state(store, "r1") == ("refunded", 4700)
    assert taken(terminal) == books(store) == 0


def test_what_is_the_same_is_not_told(store, terminal):
    requested(store, "kept"), requested(store, "waits"), requested(store, "gone")
    captured(store, "kept", terminal.ask(payment("kept"), 4700).approval_number)
    captured(store, "gone", terminal.ask(payment("gone"), 4700).approval_number)
    decide(store, AbandonPayment(payment_id=payment("gone")))
    number = terminal.cancel(payment("gone")).approval_number
    decide(store, RecordRefund(payment_id=payment("gone"), approval_number=number, refunded_krw=4700))
    assert found(store, terminal) == {}


def test_another_amount_another_approval_and_what_the_terminal_never_took_are_for_a_person(store, terminal):
    requested(store, "less"), requested(store, "other"), requested(store, "unseen")
    terminal.ask(payment("less"), 47)
    terminal.ask(payment("other"), 4700)
    captured(store, "other", "99999999"), captured(store, "unseen", "88888888")
    before = {name: state(store, name) for name in ("less", "other", "unseen")}
    assert set(found(store, terminal).values()) == {DIFFERS}
    assert {name: state(store, name) for name in before} == before
    assert taken(terminal) == 4747
