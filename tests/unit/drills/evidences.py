"""Small evidences for the checkers: one rental that went well, to be spoilt by each test in its own way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from deploy.local.config import CENTRE
from drills.chaos.centre import PAIRS
from drills.chaos.checkers import command_of, rental_of
from drills.chaos.evidence import Event, Evidence
from drills.chaos.history import OK, History, Op
from services.billing.payments.model import payment_id_of
from services.contracts import SERVICES
from services.contracts.base import id_of

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
BARCODE = "NG-U-001"
ITEM = id_of(CENTRE, BARCODE)


def op(kind: str, key: int = 1, **more: Any) -> Op:
    """An operation that was acknowledged."""
    about = {"path": f"/{kind}", "centre": CENTRE}
    made = Op("desk-1", kind, str(UUID(int=key, version=4)), 1.0, about, 2.0, OK, 1, 201, reply="r")
    for name, value in more.items():
        setattr(made, name, value)
    return made


LEND, RETURN = op("lend", 1), op("return", 2)
RENTAL = rental_of(LEND)
PAYMENT = payment_id_of(RENTAL)


def event(service_log: list[Event], type: str, stream: str, command: Any = "", **data: Any) -> Event:
    """The next event of a log; its id comes from the command, as the services make it."""
    version = 1 + sum(each.stream == stream for each in service_log)
    command_id = str(command or uuid5(UUID(int=0), f"{type}{len(service_log)}{stream}"))
    nth = sum(each.meta["command_id"] == command_id for each in service_log)
    made = Event(
        len(service_log) + 1,
        str(uuid5(UUID(command_id), str(nth))),
        stream,
        version,
        type,
        1,
        {"centre": CENTRE, **data},
        {"command_id": command_id},
        AT,
    )
    service_log.append(made)
    return made


def good() -> tuple[Evidence, History]:
    """An item was lent, paid for, and came back; everyone was told."""
    found = Evidence(logs={service: [] for service in SERVICES}, outcomes={service: {} for service in SERVICES})
    found.views = {"rentals": {"item_allocation": [], "rental": []}, "billing": {"account": []}, "inventory": {}}
    _inventory(found)
    _rentals(found)
    _billing(found)
    _notifications(found)
    lend, back = command_of(LEND), command_of(RETURN)
    found.outcomes["rentals"] = {str(lend): {"position": 1}, str(back): {"position": 4}}
    found.relayed = {service: len(log) for service, log in found.logs.items()}
    found.taken_in = {(consumer, source): len(found.logs[source]) for consumer, source in PAIRS}
    history = History()
    history.ops = [LEND, RETURN]
    return found, history


def _inventory(found: Evidence) -> None:
    log, about = found.logs["inventory"], {"centre": CENTRE, "barcode": BARCODE, "category": "T01"}
    event(log, "item.registered", f"item-{ITEM}", **about)
    event(log, "item.made_ready", f"item-{ITEM}", **about, reason="new", after_rental=None)
    found.views["inventory"] = {"item": [{"item_id": ITEM, "state": "ready"}], "rented_out": []}


def _rentals(found: Evidence) -> None:
    log, stream, about = found.logs["rentals"], f"rental-{RENTAL}", {"rental_id": RENTAL, "centre": CENTRE}
    items = [{"barcode": BARCODE}]
    event(log, "rental.requested", stream, command_of(LEND), **about, items=items, fee_krw=600)
    event(log, "rental.started", stream, **about, items=items, fee_krw=600)
    event(log, "rental.items_returned", stream, command_of(RETURN), **about, items=items)
    event(log, "rental.returned", stream, command_of(RETURN), **about)
    found.views["rentals"]["rental"] = [{"rental_id": RENTAL, "state": "returned"}]


def _billing(found: Evidence) -> None:
    log, about = found.logs["billing"], {"payment_id": PAYMENT, "rental_id": RENTAL, "amount_krw": 600}
    event(log, "payment.requested", f"payment-{PAYMENT}", **about)
    event(log, "payment.captured", f"payment-{PAYMENT}", **about)
    found.views["billing"]["account"] = [{"debit_krw": 600, "credit_krw": 0}, {"debit_krw": 0, "credit_krw": 600}]
    found.terminal = {PAYMENT: {"amount_krw": 600, "approval_number": "1", "refunded_krw": 0}}


def _notifications(found: Evidence) -> None:
    log = found.logs["notifications"]
    for topic in ("receipt", "returned"):
        event(log, "notice.queued", f"notice-{topic}", notice_id=topic, topic=topic, about=RENTAL, barcode=None)
        event(log, "notice.sent", f"notice-{topic}", notice_id=topic)
        found.mails[topic] = 1
