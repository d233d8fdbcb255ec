"""Checkouts by the thousand, straight into the log of rentals, without any other process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg

from bench.rentals.stock import CATEGORY, CENTRE, barcode, item_of, resident_of
from deploy.seed.documents import HOUSE_RULES, read
from services.chassis.commands.handler import Command, Metadata, decide, reads_of
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation.codec import convert
from services.contracts.base import id_of
from services.contracts.house_rules import RulesDocument
from services.contracts.rentals.commands import (
    AdoptHouseRules,
    JoinResident,
    RequestRental,
    ReturnItems,
    VerifyResident,
)
from services.contracts.rentals.words import PaymentChoice, ReturnedItem
from services.rentals.checkout.model import StartRental
from services.rentals.returns.model import ReleaseItem
from services.rentals.service import SERVICE

BENCH = Metadata({"role": "bench"})


def place_items(owner: str, items: int) -> None:
    """Let rentals know ready items, as inventory's events would; ``owner`` is the URL of the owner's role."""
    category_id = id_of(CENTRE, CATEGORY)
    with psycopg.connect(owner, autocommit=True) as conn:
        terms = (category_id, CATEGORY, "tool", "측정용", "For measuring", 600, 7)
        conn.execute("INSERT INTO lending_category VALUES (%s, %s, %s, %s, %s, %s, %s)", terms)
        with conn.cursor().copy("COPY inventory_item FROM STDIN") as copy:
            for number in range(items):
                copy.write_row((item_of(number), barcode(number), CATEGORY, category_id, "ready"))


def checkouts(rentals: int) -> Iterator[Any]:
    """House rules, then an item for each rental: lent, paid, returned, released; every fourth has a new resident."""
    yield from first_steps()
    for number in range(rentals):
        if number % 4 == 0:
            yield from new_resident(number)
        yield from _checkout(number)


def first_steps() -> Iterator[Any]:
    """The house rules of the centre."""
    yield AdoptHouseRules(centre=CENTRE, rules=convert(read(HOUSE_RULES), RulesDocument))


def new_resident(number: int) -> Iterator[Any]:
    """The resident who borrows this item, verified."""
    yield JoinResident(resident_id=resident_of(number), centre=CENTRE)
    yield VerifyResident(resident_id=resident_of(number), method="id_card")


def _checkout(number: int) -> Iterator[Any]:
    rental_id = id_of(CENTRE, uuid4().hex)
    yield RequestRental(
        rental_id=rental_id,
        resident_id=resident_of(number),
        barcodes=(barcode(number),),
        nights=2,
        payment=PaymentChoice(method="card_terminal"),
        manual_acknowledged=True,
    )
    yield StartRental(rental_id=rental_id, payment_id=id_of(CENTRE, f"p-{number}"))
    yield ReturnItems(rental_id=rental_id, items=(ReturnedItem(barcode=barcode(number), condition="good"),))
    yield ReleaseItem(item_id=item_of(number), rental_id=rental_id)


def carry_out(store: PostgresStore, commands: Iterable[Any]) -> None:
    """Carry out commands, 64 in each unit of work; all of them must be accepted."""
    waiting = iter(commands)
    while batch := list(islice(waiting, 64)):
        made = [Command(uuid4(), SERVICE.handler_of[type(each)], each, BENCH, "bench") for each in batch]
        with store.begin(reads=reads_of(made)) as uow:
            for command in made:
                outcome = decide(uow, command, datetime.now(UTC))
                if b"refused" in outcome:
                    raise RuntimeError(outcome.decode())
            uow.commit()
