"""The compiled decoders never accept what marshmallow refuses, and do accept what is sent every day."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from marshmallow import Schema, fields, validates_schema

from gateway import quick
from gateway.routes import ROUTES
from services.contracts.rentals import ReturnItems, StartRental
from tests.unit.gateway.conftest import RENTAL_ID, lending

BODIES = [route.body for route in ROUTES if route.body is not None]
COMPILED = [body for body in BODIES if quick.decoder(body()) is not None]
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


def accepts(decoder: msgspec.json.Decoder[Any], document: Any) -> bool:
    try:
        decoder.decode(json.dumps(document))
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize("body", COMPILED, ids=lambda body: body.__name__)
def test_it_never_accepts_what_marshmallow_refuses(body: type[Schema]) -> None:
    schema = body()
    decoder = quick.decoder(schema)
    assert decoder is not None
    names = some.sampled_from([*schema.fields, "unknown"])

    @settings(max_examples=60, deadline=None)
    @given(some.dictionaries(names, VALUES))
    def check(document: dict[str, Any]) -> None:
        if accepts(decoder, document):
            assert schema.validate(document) == {}

    check()


def test_one_wrong_value_is_enough_to_hand_over() -> None:
    decoder = quick.decoder(StartRental(exclude=("rental_id",)))
    assert decoder is not None and accepts(decoder, lending())
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
            assert not accepts(decoder, lending(**{name: value})), (name, value)
        if name != "unknown":
            short = lending()
            del short[name]
            assert not accepts(decoder, short), name


def test_what_is_sent_every_day_is_compiled() -> None:
    returning = quick.decoder(ReturnItems(exclude=("rental_id",)))
    assert returning is not None
    unit = {"barcode": "NG-C10-001", "condition": "damaged", "cause": "inexperience", "missing": ["팩"]}
    assert accepts(returning, {"items": [unit, {"barcode": "NG-C10-002", "condition": "good", "cause": None}]})
    assert {"StartRental", "ReturnItems", "Scan"} <= {body.__name__ for body in COMPILED}


def test_a_rule_of_its_own_is_not_compiled() -> None:
    class Ruled(Schema):
        a = fields.Integer(required=True, strict=True)

        @validates_schema
        def check(self, data: dict, **_: Any) -> None:
            """Whatever it says, a decoder can't know."""

    class Checked(Schema):
        a = fields.String(required=True, validate=str.isupper)

    class Dated(Schema):
        a = fields.Date(required=True)

    assert [quick.decoder(schema()) for schema in (Ruled, Checked, Dated)] == [None, None, None]
