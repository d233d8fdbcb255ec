"""A field that was left out of a document is as good as one that was given: nothing that is decoded lacks it."""

from __future__ import annotations

from services.chassis.domain import replace
from services.chassis.foundation.codec import Decoder, convert, decode, encode
from services.contracts.notifications.commands import RegisterContact
from services.contracts.rentals.words import RentalLine


def test_a_field_that_was_left_out_is_in_the_fields_and_in_what_is_encoded() -> None:
    given = {"resident_id": "gwangju-namgu.kim", "centre": "gwangju-namgu", "name": "김나눔", "phone": "010-1234-5678"}
    command = convert(given, RegisterContact)
    assert vars(command) == {**given, "email": None, "birth_date": None, "language": "ko"}
    assert decode(encode(command)) == vars(command)
    assert command == RegisterContact(**given)


def test_a_field_that_was_left_out_can_be_replaced() -> None:
    line = Decoder(RentalLine).one(b'{"barcode": "NG-C10-001", "category": "C10", "fee_krw": 600}')
    assert replace(line, back=True).back and not line.back
