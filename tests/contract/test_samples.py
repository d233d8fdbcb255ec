"""What was published or stored once is read for ever: every golden sample loads through the present code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.chassis.foundation.codec import convert, encode
from services.chassis.messaging.envelope import open_envelope
from services.chassis.messaging.feed import integration_event, stored_event
from services.chassis.service import Capability, Policy, Service
from tests.architecture.test_contracts import DEFINED
from tests.contract import samples

PUBLISHED = sorted((samples.HERE / "samples").glob("*.json"))
STORED = sorted((samples.HERE / "stored").glob("*/*.json"))
CONTRACTS: dict[str, Any] = {name: c for s in DEFINED.values() for name, c in s.published_types.items()}
POLICIES = [Policy(contract, lambda _: []) for contract in CONTRACTS.values()]
READER = Service("reader", Capability("all", policies=POLICIES))


def test_every_event_published_and_stored_has_a_sample_of_every_version() -> None:
    present = [path for path, _, _ in (*samples.published(), *samples.stored())]
    lacking = [
        str(sample.relative_to(samples.HERE))
        for path in present
        for n in range(1, int(path.stem.rpartition(".v")[2]) + 1)
        if not (sample := path.with_name(f"{path.stem.rpartition('.v')[0]}.v{n}.json")).exists()
    ]
    assert not lacking, f"write them with: {samples.COMMAND}"


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_event_is_read_for_ever(path: Path) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    message = open_envelope(said["headers"], encode(said["data"]))
    assert (message.type, message.schema) == _named(path)
    event = integration_event(READER, message)
    assert type(event) is CONTRACTS[message.type]
    assert integration_event(READER, replace(message, data={**message.data, "a_field_of_tomorrow": [1]})) == event


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_event_is_read_for_ever(path: Path) -> None:
    service, (name, schema) = DEFINED[path.parent.name], _named(path)
    event = stored_event(service, name, schema, path.read_bytes())
    assert type(event) is service.events[name]
    if name in service.published_types:
        assert convert(event, CONTRACTS[name], from_attributes=True)


@pytest.mark.parametrize(
    ("path", "service", "event"), list(samples.published()), ids=lambda each: getattr(each, "stem", "")
)
def test_the_present_sample_is_what_leaves_today(path: Path, service: Any, event: Any) -> None:
    said, leaving = json.loads(path.read_text(encoding="utf-8")), samples.message(service, event)
    assert said["headers"].keys() == leaving.headers().keys()
    assert said["data"].keys() <= leaving.data.keys()
    assert integration_event(READER, replace(leaving, data=said["data"]))


def test_a_sample_that_does_not_fit_is_noticed() -> None:
    started = json.loads((samples.HERE / "samples" / "rental.started.v1.json").read_text(encoding="utf-8"))
    del started["data"]["due_on"]
    with pytest.raises(Exception, match="due_on"):
        convert(started["data"], CONTRACTS["rental.started"])
    with pytest.raises(Exception, match="due_on"):
        convert(started["data"], DEFINED["rentals"].events["rental.started"])


def _named(path: Path) -> tuple[str, int]:
    name, _, version = path.stem.rpartition(".v")
    return name, int(version)
