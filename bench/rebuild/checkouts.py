"""Checkouts by the thousand, straight into the log of rentals: no fleet runs for it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import yaml

from bench.rentals.stock import CATEGORY, CENTRE, barcode, resident_of
from services.chassis.execute import Asked, execute
from services.chassis.store import PostgresStore
from services.rentals.service import SERVICE


def shelve(owner: str, units: int) -> None:
    """Put units on the shelf of rentals, as inventory's facts would; ``owner`` is the URL of the owner's role."""
    with psycopg.connect(owner, autocommit=True) as conn:
        terms = (f"{CENTRE}.{CATEGORY}", CATEGORY, "tool", "측정용", "For measuring", 600, 7)
        conn.execute("INSERT INTO lending_category VALUES (%s, %s, %s, %s, %s, %s, %s)", terms)
        with conn.cursor().copy("COPY shelf_item FROM STDIN") as copy:
            for number in range(units):
                copy.write_row((barcode(number), CENTRE, CATEGORY, f"{CENTRE}.{CATEGORY}", "ready"))


def checkouts(rentals: int) -> Iterator[Asked]:
    """House rules, then a unit for each rental: lent, paid, brought back, released; every fourth has a new resident."""
    yield from first_steps()
    for number in range(rentals):
        if number % 4 == 0:
            yield from new_resident(number)
        yield from _checkout(number)


def first_steps() -> Iterator[Asked]:
    """The house rules of the centre."""
    rules = yaml.safe_load((Path(__file__).parents[2] / "deploy/seed/house_rules.yaml").read_text())
    yield _ask("adopt_house_rules", centre=CENTRE, rules=json.loads(json.dumps(rules, default=str)))


def new_resident(number: int) -> Iterator[Asked]:
    """The resident who borrows this unit, verified."""
    yield _ask("join_resident", resident_id=resident_of(number), centre=CENTRE)
    yield _ask("verify_resident", resident_id=resident_of(number), method="id_card")


def _checkout(number: int) -> Iterator[Asked]:
    unit, rental = barcode(number), f"{CENTRE}.{uuid.uuid4().hex}"
    yield _ask(
        "start_rental",
        rental_id=rental,
        resident_id=resident_of(number),
        barcodes=[unit],
        nights=2,
        payment={"method": "card_terminal"},
        manual_acknowledged=True,
    )
    yield _ask("confirm_payment", rental_id=rental, payment_id=f"p-{number}")
    yield _ask("return_items", rental_id=rental, items=[{"barcode": unit, "condition": "good"}])
    yield _ask("release_item", barcode=unit, rental_id=rental)


def _ask(name: str, **data: Any) -> Asked:
    return Asked(uuid.uuid4(), name, data, {"actor": {"role": "bench"}})


def carry_out(store: PostgresStore, commands: Iterable[Asked]) -> None:
    """Carry out commands in batches of 64; all of them must be accepted."""
    waiting = iter(commands)
    while batch := list(islice(waiting, 64)):
        for outcome in execute(store, SERVICE, batch, datetime.now(UTC)):
            if b"refused" in outcome:
                raise RuntimeError(outcome.decode())
