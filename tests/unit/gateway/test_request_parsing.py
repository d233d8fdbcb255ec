"""msgspec never accepts what marshmallow refuses, every refusal is explained, and what is sent every day passes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.api import ROUTES
from gateway.api.views import Feed
from gateway.http.request_parsing import Parser
from gateway.http.route import Route
from services.contracts.inventory.queries import Categories
from services.contracts.rentals.commands import RequestRental, ReturnItems
from services.contracts.schemas import schema_of, struct_of
from tests.unit.gateway.conftest import RENTAL_ID, lending

BODIES = [route for route in ROUTES if route.body is not None]
FILLED = frozenset({"rental_id"})
SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=5)
    | some.sampled_from(["C10", "NG-C10-001", "good", "dirty", "wear", "card_terminal", "id_card", "2", "true", ""])
    | some.just(RENTAL_ID)
)
VALUES = some.recursive(
    SCALARS,
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(some.sampled_from(["barcode", "method", "condition", "cause", "missing", "x"]), inner)
    ),
    max_leaves=6,
)


def accepts(struct: Any, document: Any) -> bool:
    try:
        msgspec.convert(document, struct)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.name)
def test_msgspec_never_accepts_what_marshmallow_refuses(route: Route) -> None:
    assert route.body is not None
    schema, struct = schema_of(route.body, route.fills)(), struct_of(route.body, route.fills)
    parser = Parser(route.body, route.fills)
    names = some.sampled_from([*schema.fields, "unknown"])

    @settings(max_examples=60, deadline=None)
    @given(some.dictionaries(names, VALUES))
    def check(document: dict[str, Any]) -> None:
        if accepts(struct, document):
            assert schema.validate(document) == {}
            assert not parser.mistakes(document)
        else:
            assert parser.mistakes(document)

    check()


def test_one_wrong_value_is_enough() -> None:
    parser = Parser(RequestRental, FILLED)
    assert not parser.mistakes(lending())
    wrong = {
        "resident_id": ["", "-x", None, 5, "a" * 101],
        "barcodes": [[], ["x"], "NG-C10-001", ["NG-C10-001"] * 21, None],
        "nights": [0, 366, "2", 2.0, True, None],
        "payment": [{}, {"method": ""}, {"method": "m" * 41}, {"method": "card", "x": 1}, None],
        "manual_acknowledged": ["true", 1, None],
        "unknown": [1],
    }
    for name, values in wrong.items():
        for value in values:
            assert set(parser.mistakes(lending(**{name: value}))) == {name}, (name, value)
        if name != "unknown":
            short = lending()
            del short[name]
            assert set(parser.mistakes(short)) == {name}


def test_what_is_sent_every_day_is_accepted() -> None:
    returning = struct_of(ReturnItems, FILLED)
    item = {
        "barcode": "NG-C10-001",
        "condition": "damaged",
        "cause": "inexperience",
        "missing": [{"part": 2, "count": 1}],
    }
    assert accepts(returning, {"items": [item, {"barcode": "NG-C10-002", "condition": "good", "cause": None}]})
    assert {"RequestRental", "ReturnItems", "Scan"} <= {route.body.__name__ for route in BODIES if route.body}


def test_what_is_missing_is_counted_and_not_told_in_words() -> None:
    returning = struct_of(ReturnItems, FILLED)
    for missing in (["김영희 010-1234-5678"], [{"part": "peg", "count": 1}], [{"part": 0, "count": 1}], [{"part": 1}]):
        item = {"barcode": "NG-C10-001", "condition": "good", "missing": missing}
        assert not accepts(returning, {"items": [item]})


def test_what_only_msgspec_refuses_is_explained_in_its_words() -> None:
    """marshmallow reads "true" as a boolean; the services don't."""
    assert Parser(RequestRental, FILLED).mistakes(lending(manual_acknowledged="true")) == {
        "manual_acknowledged": ["Expected `bool`, got `str`"]
    }


def test_texts_of_a_query_are_numbers_and_booleans() -> None:
    feed, categories = Parser(Feed, texts=True), Parser(Categories, frozenset({"centre"}), texts=True)
    assert not feed.mistakes({"after": "5", "limit": "1000"})
    assert not categories.mistakes({"available": "true", "limit": "7"})
    assert feed.mistakes({"after": "-1", "limit": "x"}).keys() == {"after", "limit"}
    assert categories.mistakes({"available": "yes"}).keys() == {"available"}
    assert (feed.may_be_empty, Parser(RequestRental).may_be_empty) == (True, False)
