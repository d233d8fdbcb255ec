"""The envelope of a message: what is sent is what arrives, and what is no event is said to be none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.chassis.messaging.envelope import Message, NotAnEvent, open_envelope

SENT = Message(
    source="rentals",
    epoch="0b1f5a4e-58f5-4c3d-9d7b-3f6f0d6a5d11",
    position=1_234_567,
    previous=1_234_560,
    id="5b0d7b32-6f0e-5c7e-9f43-1f5b0a6f9a77",
    type="rental.started",
    stream="rental-gwangju-namgu.5f0c",
    version=3,
    at=datetime(2026, 5, 4, 9, 30, 15, 250_000, tzinfo=UTC),
    data={"rental_id": "gwangju-namgu.5f0c", "fee_krw": 1000, "items": ["NG-C10-001"]},
    correlation_id="request-1",
    causation_id="5b0d7b32-6f0e-5c7e-9f43-1f5b0a6f9a78",
    schema=2,
    previous_id="5b0d7b32-6f0e-5c7e-9f43-1f5b0a6f9a79",
)
NECESSARY = ("id", "type", "source", "subject", "time", "sequence", "previous", "epoch", "streamversion")


@pytest.mark.parametrize(
    "sent", [SENT, replace(SENT, correlation_id=None, causation_id=None, schema=1, previous_id=None)]
)
def test_what_is_sent_is_what_arrives(sent: Message) -> None:
    assert open_envelope(sent.headers(), sent.body()) == sent


def test_an_unknown_request_or_cause_has_no_header() -> None:
    headers = replace(SENT, correlation_id=None, causation_id=None).headers()
    assert not {"cloudEvents_correlationid", "cloudEvents_causationid"} & headers.keys()


def test_positions_sort_as_texts_as_they_do_as_numbers() -> None:
    texts = [replace(SENT, position=position).headers()["cloudEvents_sequence"] for position in (9, 10, 2**62)]
    assert texts == sorted(texts)


@pytest.mark.parametrize("missing", NECESSARY)
def test_without_a_necessary_header_it_is_no_event(missing: str) -> None:
    headers = SENT.headers()
    del headers[f"cloudEvents_{missing}"]
    with pytest.raises(NotAnEvent, match=missing):
        open_envelope(headers, SENT.body())


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", b"null", b"\xff"])
def test_with_another_body_than_an_object_it_is_no_event(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        open_envelope(SENT.headers(), body)


@pytest.mark.parametrize(
    ("header", "text"), [("sequence", "x"), ("previous", ""), ("time", "yesterday"), ("dataschema", "/schemas/a/x")]
)
def test_with_an_unreadable_header_it_is_no_event(header: str, text: str) -> None:
    with pytest.raises(NotAnEvent):
        open_envelope({**SENT.headers(), f"cloudEvents_{header}": text}, SENT.body())


def test_without_a_schema_it_is_of_the_first() -> None:
    headers = SENT.headers()
    del headers["cloudEvents_dataschema"]
    assert open_envelope(headers, SENT.body()).schema == 1
