"""docs/api/asyncapi.json is made from the contracts, whole, and true to the golden samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.docs import asyncapi
from services.chassis.messaging.queues import exchange_of
from services.contracts.catalogue import contracts
from tests.architecture.test_contracts import DEFINED

KEPT = Path(__file__).parents[2] / "docs" / "api" / "asyncapi.json"
MADE = asyncapi.document(asyncapi.samples())


def test_the_kept_document_is_fresh() -> None:
    fresh = KEPT.read_text(encoding="utf-8") == asyncapi.text()
    assert fresh, "the events changed; run: python -m gateway.docs.asyncapi > docs/api/asyncapi.json"


def test_every_exchange_has_its_channel_with_every_event() -> None:
    for name, service in DEFINED.items():
        channel = MADE["channels"][exchange_of(name)]
        assert channel["bindings"]["amqp"]["exchange"]["name"] == exchange_of(name)
        assert set(channel["messages"]) == {contract.TYPE for contract in service.published.values()}  # type: ignore[attr-defined]


def test_every_reference_leads_somewhere() -> None:
    for reference in references(MADE):
        found: Any = MADE
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_message_has_an_example_with_all_its_fields() -> None:
    events = {event.TYPE: event for each in contracts().values() for event in each}
    assert set(MADE["components"]["messages"]) == set(events)
    for name, message in MADE["components"]["messages"].items():
        [example] = message["examples"]
        schema = MADE["components"]["schemas"][events[name].__name__]
        assert set(schema["required"]) <= set(example["payload"]) <= set(schema["properties"])
        headers = example["headers"]
        assert set(asyncapi.ENVELOPE["required"]) <= set(headers) <= set(asyncapi.ENVELOPE["properties"])
        for header, constant in message["headers"]["allOf"][1]["properties"].items():
            assert headers[header] == constant["const"]


def references(inside: Any) -> list[str]:
    """Every $ref in a document."""
    if isinstance(inside, list):
        return [found for each in inside for found in references(each)]
    if not isinstance(inside, dict):
        return []
    own = [inside["$ref"]] if isinstance(inside.get("$ref"), str) else []
    return own + [found for each in inside.values() for found in references(each)]


def test_it_is_plain_json() -> None:
    assert json.loads(json.dumps(MADE)) == MADE
