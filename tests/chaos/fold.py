"""Views folded anew from the events: what every view should be, to be compared with what it is (invariant 6)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from deploy.local.processes import SERVICES
from services.chassis.codec import builtins, encode
from services.chassis.definition import Service, View
from services.chassis.feed import read_fact
from services.chassis.kernel import Heard
from services.chassis.refold import Shadow
from tests.chaos.evidence import Event, Evidence


def definition(name: str) -> Service:
    """The definition of a service."""
    service: Service = import_module(f"services.{name}.service").SERVICE
    return service


def folded_views(service: Service) -> list[View]:
    """The views that are folded from events; records, such as contacts, are not."""
    return [view for view in service.views if view.source]


def tables() -> dict[str, list[str]]:
    """The tables of every service's views."""
    return {name: [view.kind.VIEW for view in folded_views(definition(name))] for name in SERVICES}  # type: ignore[attr-defined]


def differences(evidence: Evidence) -> Iterator[str]:
    """Every row that differs from the fold of the events, lacks, or should not be there."""
    for name in SERVICES:
        service = definition(name)
        shadow = fold(service, evidence)
        for view in folded_views(service):
            kind: Any = view.kind
            meant = {getattr(row, kind.KEY): row for row in shadow.rows(kind)}
            yield from _compare(name, view, meant, evidence.views[name][kind.VIEW])


def _compare(name: str, view: View, meant: dict[str, Any], stored: list[dict[str, Any]]) -> Iterator[str]:
    kind: Any = view.kind
    found = {getattr(row, kind.KEY): row for row in view.reader.rows(encode(stored))}
    for key in sorted(meant.keys() | found.keys()):
        if _plain(meant.get(key)) != _plain(found.get(key)):
            yield (
                f"{name}.{kind.VIEW} {key}: the events say {_short(meant.get(key))}, the view {_short(found.get(key))}"
            )


def _plain(row: Any) -> Any:
    return None if row is None else builtins(row)  # a date of a field without a type comes back as text


def _short(row: Any) -> str:
    return "nothing" if row is None else str(builtins(row))[:300]


def fold(service: Service, evidence: Evidence) -> Shadow:
    """All views of a service, from its own log and from what its sources published."""
    shadow = Shadow(service, [view.kind for view in service.views])
    for event in evidence.logs[service.name]:
        shadow.own(event.type, event.schema, event.stream, event.version, encode(event.data))
    for source in service.sources:
        published = definition(source)
        for event in evidence.logs[source]:
            if event.type in published.published and (source, event.type) in service.touched_by:
                shadow.hear(source, _heard(service, published, event))
    return shadow


def _heard(service: Service, source: Service, event: Event) -> Heard:
    contract = source.published[event.type]
    data = contract.dump(read_fact(source, event.type, event.schema, encode(event.data)))
    heard = service.contracts_heard[source.name, event.type].read(data, contract.schema_version)
    return Heard(event.type, heard, event.stream, event.id, event.at)
