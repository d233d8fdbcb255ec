"""Events of older schemas, from the log to the feed: lifted step by step; those of a newer release are said so."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from services.chassis.domain import event, state
from services.chassis.eventstore.records import StoredEvent
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation.codec import Malformed, encode
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Feed, integration_event, stored_event
from services.chassis.service import Capability, Policy, Projection, Service
from services.contracts import base
from services.contracts.base import SchemaUnknown
from tests.support.centre import CENTRE, MONDAY


@base.integration_event(
    "toy.sold", version=2, upcasts={1: lambda old: {**old, "price_krw": old["price_thousands"] * 1000}}
)
class ToySoldContract:
    """What leaves: the contract's own versions, apart from those of the log. Version 1 had a price in thousands."""

    toy_id: str
    price_krw: int


@event(stream="toy-{toy_id}", schema=3)
class ToySold(ToySoldContract):
    """Version 1 had the price as a text, version 2 no count of pieces."""

    pieces: int


@state("toy", key="toy_id", stream="toy-{}")
class Toy:
    toy_id: str
    version: int = 0


UPCASTS = {
    ("toy.sold", 1): lambda old: {"toy_id": old["toy_id"], "price_krw": int(old["price"].removesuffix(" won"))},
    ("toy.sold", 2): lambda old: {**old, "pieces": 1},
}
TOYS = Projection(Toy, lambda row, _: row, {ToySold: lambda sold: [sold.toy_id]})
SHOP = Service("rentals", Capability("toys", projections=[TOYS], upcasts=UPCASTS))
STORED = {
    1: {"toy_id": "bear", "price": "3000 won"},
    2: {"toy_id": "bear", "price_krw": 3000},
    3: {"toy_id": "bear", "price_krw": 3000, "pieces": 1},
}


@pytest.mark.parametrize("schema", STORED)
def test_every_schema_is_read_as_todays_event(schema: int) -> None:
    assert stored_event(SHOP, "toy.sold", schema, encode(STORED[schema])) == ToySold(
        toy_id="bear", price_krw=3000, pieces=1
    )


def test_an_upcast_leaves_what_it_is_given_alone() -> None:
    for (_, version), upcast in UPCASTS.items():
        given = dict(STORED[version])
        upcast(given)
        assert given == STORED[version]


def test_a_log_with_all_schemas_is_published_in_todays_contract(fresh: Any) -> None:
    store = PostgresStore(SHOP, fresh("rentals").app)
    _append(store, *STORED)
    with store.pool.connection() as conn:
        messages = Feed(SHOP).page(conn, 0, 10).messages
    assert [m.data for m in messages] == [{"toy_id": "bear", "price_krw": 3000}] * 3
    assert {m.headers()["cloudEvents_dataschema"] for m in messages} == {"/schemas/toy.sold/2"}


def test_a_event_of_a_newer_release_stops_the_feed_with_a_sentence(fresh: Any) -> None:
    store = PostgresStore(SHOP, fresh("rentals").app)
    _append(store, 4)
    with store.pool.connection() as conn, pytest.raises(SchemaUnknown, match=r"schema version 4, known are 1 to 3"):
        Feed(SHOP).page(conn, 0, 10)


def test_a_missing_step_is_named() -> None:
    gap = Service("shop", Capability("toys", projections=[TOYS], upcasts={("toy.sold", 1): dict}))
    with pytest.raises(SchemaUnknown, match="no upcast from 2"):
        stored_event(gap, "toy.sold", 1, encode(STORED[1]))


class TestReading:
    """What another service published, as the reader's contract has it."""

    READER = Service("reader", Capability("toys", policies=[Policy(ToySoldContract, lambda sold: [])]))

    def read(self, data: dict[str, Any], version: int) -> Any:
        message = Message(
            source=ToySoldContract.SOURCE,  # type: ignore[attr-defined]
            epoch="",
            position=1,
            previous=0,
            id="",
            type="toy.sold",
            stream="toy-bear",
            version=1,
            at=MONDAY,
            data=data,
            schema=version,
        )
        return integration_event(self.READER, message)

    def test_an_older_version_is_lifted_and_unknown_fields_are_ignored(self) -> None:
        read = self.read({"toy_id": "bear", "price_thousands": 3, "colour": "red"}, 1)
        assert read == ToySoldContract(toy_id="bear", price_krw=3000)

    def test_a_newer_version_is_refused(self) -> None:
        with pytest.raises(SchemaUnknown, match="run a newer release"):
            self.read({"toy_id": "bear", "price_krw": 3000}, 3)

    def test_what_does_not_satisfy_the_contract_is_refused(self) -> None:
        with pytest.raises(Malformed, match="price_krw"):
            self.read({"toy_id": "bear"}, 2)


def _append(store: PostgresStore, *schemas: int) -> None:
    with store.begin() as uow:
        uow.events = [
            StoredEvent(
                uuid4(), CENTRE, "toy-bear", n + 1, "toy.sold", schema, True, STORED.get(schema, {}), {}, MONDAY
            )
            for n, schema in enumerate(schemas)
        ]
        uow.commit()
