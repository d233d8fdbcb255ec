"""What was published or stored once is read for ever: every golden sample loads through today's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.chassis.codec import encode, shape
from services.chassis.envelope import open_envelope
from services.chassis.feed import read_fact
from services.contracts.schema import Published
from tests.architecture.test_contracts import DEFINED
from tests.contract import samples

PUBLISHED = sorted((samples.HERE / "samples").glob("*.json"))
STORED = sorted((samples.HERE / "stored").glob("*/*.json"))
CONTRACTS: dict[str, Published] = {name: c for s in DEFINED.values() for name, c in s.published.items()}


def test_every_event_and_every_fact_has_a_sample_of_every_version() -> None:
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
    contract = CONTRACTS[message.type]
    assert contract.read(message.data, message.schema)
    assert contract.read({**message.data, "a_field_of_tomorrow": [1]}, message.schema) == contract.read(
        message.data, message.schema
    )


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_fact_is_read_for_ever(path: Path) -> None:
    service, (name, schema) = DEFINED[path.parent.name], _named(path)
    fact = read_fact(service, name, schema, path.read_bytes())
    assert type(fact) is service.facts[name]
    if name in service.published:
        data = service.published[name].dump(fact)
        assert CONTRACTS[name].read(data, CONTRACTS[name].schema_version)


@pytest.mark.parametrize(
    ("path", "service", "fact"), list(samples.published()), ids=lambda each: getattr(each, "stem", "")
)
def test_the_present_sample_is_what_leaves_today(path: Path, service: Any, fact: Any) -> None:
    said, leaving = json.loads(path.read_text(encoding="utf-8")), samples.message(service, fact)
    required = {name for name, field in service.published[fact.TYPE].fields.items() if field.required}
    assert said["headers"].keys() == leaving.headers().keys()
    assert required <= said["data"].keys() <= leaving.data.keys()


def test_a_sample_that_does_not_fit_is_noticed() -> None:
    started = json.loads((samples.HERE / "samples" / "rental.started.v1.json").read_text(encoding="utf-8"))
    del started["data"]["due_on"]
    with pytest.raises(Exception, match="due_on"):
        CONTRACTS["rental.started"].read(started["data"], 1)
    with pytest.raises(Exception, match="due_on"):
        shape(started["data"], DEFINED["rentals"].facts["rental.started"])


def _named(path: Path) -> tuple[str, int]:
    name, _, version = path.stem.rpartition(".v")
    return name, int(version)
