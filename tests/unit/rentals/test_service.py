"""What holds for rentals as a whole: its tables, what leaves it, and the guard of one open rental per item."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.chassis.foundation.codec import convert
from services.rentals.checkout.model import OpenRentalItem
from services.rentals.service import SERVICE
from tests.support.lending import CHAIR, CHAIR_ID, PAID, RENTAL, back, desk, request

SQL = (Path(__file__).parents[3] / "services/rentals/sql/migrations/0001_views.sql").read_text(encoding="utf-8")
PRIVATE = {"rental.item_released"}


def columns(table: str) -> tuple[str, ...]:
    """The columns of a table, in the order of the migration."""
    body = re.search(rf"create table {table} \((.*?)\n?\);", SQL, re.S)
    assert body, f"there is no table {table}"
    return tuple(re.findall(r"(?:^|,)\s*(\w+) (?:text|jsonb|integer|date|timestamptz|boolean)", body[1], re.M))


@pytest.mark.parametrize("projection", SERVICE.projections, ids=lambda p: p.row_type.VIEW)
def test_every_view_has_a_table_with_its_columns(projection):
    assert sorted(columns(projection.row_type.VIEW)) == sorted(projection.columns)


def test_every_event_is_published_but_that_an_item_was_released():
    assert SERVICE.events.keys() - SERVICE.published_types.keys() == PRIVATE
    assert {e.TYPE: contract.TYPE for e, contract in SERVICE.published.items()} == {
        t: t for t in SERVICE.published_types
    }


def test_what_is_published_has_all_that_its_contract_names():
    at = desk()
    for command in (request(), PAID, back(condition="damaged", cause="wear")):
        for event in at.when(command).events:
            assert convert(event, SERVICE.published[type(event)], from_attributes=True).rental_id == RENTAL


def test_an_item_is_open_once_by_the_tables_unique_index_and_until_it_is_released():
    assert re.search(
        r"create table open_rental_item \(.*?\n    item_id text not null unique deferrable initially deferred,",
        SQL,
        re.S,
    )
    at = desk().when(request())
    key = f"{RENTAL}.{CHAIR}"
    assert at.row(OpenRentalItem, key) == OpenRentalItem(rental_item_id=key, item_id=CHAIR_ID, rental_id=RENTAL)
    at.when(PAID).when(back())
    assert at.row(OpenRentalItem, key) is not None
