"""Whatever a contract takes its column can hold: nothing that a client may send is refused by the database."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from msgspec import Meta, inspect

from deploy.simulators.card_terminal.app import Won
from services.contracts.base import LAST_DAY
from services.contracts.inventory.words import NightlyFee, Nights
from services.contracts.rentals.commands import RequestRental, SuspendResident
from services.contracts.schemas import schema_of
from services.rentals.house_rules.model import A_YEAR
from tests.architecture.test_contracts import contracts
from tests.architecture.tree import ROOT, SERVICES

MOST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
ASKED = [each for name in SERVICES for kind in ("commands", "queries") for each in contracts(name, kind)]
NAMES = [f"{each.__module__.split('.')[2]}.{each.__name__}" for each in ASKED]


def columns() -> Iterator[tuple[str, str, str]]:
    """(table, column, type) of every whole number in a view."""
    for name in SERVICES:
        for file in sorted((ROOT / f"services/{name}/sql/migrations").glob("*.sql")):
            text = re.sub(r"--.*", "", file.read_text(encoding="utf-8"))
            for table, body in re.findall(r"create table (\w+) \((.*?)\n?\);", text, re.DOTALL):
                numbers = re.findall(r"(\w+) (smallint|integer|bigint)", body)
                yield from ((f"{name}.{table}", column, type) for column, type in numbers)


COLUMNS = list(columns())


def held(kind: inspect.Type, path: str) -> Iterator[tuple[str, inspect.Type]]:
    """Everything that a contract holds, also in its lists and parts, with its path."""
    if isinstance(kind, inspect.Metadata):
        yield from held(kind.type, path)
        return
    yield path, kind
    for inner in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ())):
        yield from held(inner, path)
    if hasattr(kind, "item_type"):
        yield from held(kind.item_type, path)
    for field in getattr(kind, "fields", ()):
        yield from held(field.type, f"{path}.{field.name}")


@pytest.mark.parametrize("contract", ASKED, ids=NAMES)
def test_every_number_and_text_that_may_be_sent_has_bounds_that_its_columns_hold(contract: Any) -> None:
    wrong = []
    for path, kind in held(inspect.type_info(contract), contract.__name__):
        if isinstance(kind, inspect.IntType):
            fitting = [(table, type) for table, column, type in COLUMNS if column == path.rpartition(".")[2]]
            if kind.ge is None or kind.le is None:
                wrong.append(f"{path} has no bounds")
            else:
                wrong += [
                    f"{path} may be {kind.le}, {table} has {type}" for table, type in fitting if kind.le > MOST[type]
                ]
        if isinstance(kind, inspect.StrType) and kind.pattern is None and kind.max_length is None:
            wrong.append(f"{path} is a text of any length")
        if isinstance(kind, inspect.FloatType | inspect.AnyType):
            wrong.append(f"{path} is neither a whole number nor a bounded text")
    assert not wrong


@pytest.mark.parametrize("contract", ASKED, ids=NAMES)
def test_every_day_that_may_be_sent_is_of_our_time(contract: Any) -> None:
    days = [f.name for f in dataclasses.fields(contract) if "datetime.date'" in str(get_type_hints(contract)[f.name])]
    checks = getattr(contract, "CHECKS", {})
    assert all(name in checks and checks[name](LAST_DAY.replace(year=9999)) for name in days)


def bound(kind: Any) -> int:
    """The greatest value of an annotated number."""
    most: int = next(meta.le for meta in get_args(kind)[1:] if isinstance(meta, Meta) and meta.le is not None)
    return most


def test_the_dearest_rental_can_be_stored_and_paid() -> None:
    """The most items for the most nights, due after a year without an open day, at the highest fee."""
    hint = get_type_hints(RequestRental, include_extras=True)["barcodes"]
    items: int = next(meta.max_length for meta in get_args(hint)[1:] if isinstance(meta, Meta))
    dearest = items * (bound(Nights) + A_YEAR) * bound(NightlyFee)
    amounts = [type for _, column, type in COLUMNS if column in ("fee_krw", "amount_krw")]
    assert len(amounts) >= 5 and dearest <= min(MOST[type] for type in amounts)
    assert dearest <= bound(Won)
    sums = {type for _, column, type in COLUMNS if column in ("debit_krw", "credit_krw")}
    assert sums == {"bigint"}  # ten thousand million of the dearest


def test_a_day_out_of_bounds_is_explained() -> None:
    given = {"resident_id": "namgu.kim", "until": "9999-12-31", "reason": "conduct"}
    assert schema_of(SuspendResident)().validate(given) == {"until": ["A day lies between 2000-01-01 and 2199-12-31."]}
