"""Views replayed from the events: what every view should be, to be compared with what it is (invariant 6)."""

from collections.abc import Iterator
from typing import Any

from drills.chaos.evidence import Evidence
from services.chassis.foundation.codec import builtins, encode
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Feed
from services.chassis.process.runtime import service_named
from services.chassis.readmodels.replay import ReplayedViews
from services.chassis.service import Projection, Service
from services.contracts import SERVICES


def views_of(service: Service) -> dict[str, Projection]:
    """The views that are folded from events, by table; mutable tables, such as contacts, are not among them."""
    return {p.row_type.VIEW: p for p in service.projections if p.source}  # type: ignore[attr-defined]


def tables() -> dict[str, list[str]]:
    """The tables of every service's views."""
    return {name: [*views_of(service_named(name))] for name in SERVICES}


def differences(evidence: Evidence) -> Iterator[str]:
    """Every row that differs from the replay of the events, lacks, or should not be there."""
    for name in SERVICES:
        service = service_named(name)
        views = replayed(service, evidence)
        for table, projection in views_of(service).items():
            row_type: Any = projection.row_type
            wanted = {getattr(row, row_type.KEY): row for row in views.rows(row_type)}
            stored = projection.decoder.rows(encode(evidence.views[name][table]))
            found = {getattr(row, row_type.KEY): row for row in stored}
            for key in sorted(wanted.keys() | found.keys()):
                if wanted.get(key) != found.get(key):
                    said, shown = _short(wanted.get(key)), _short(found.get(key))
                    yield f"{name}.{table} {key}: the events say {said}, the view {shown}"


def _short(row: Any) -> str:
    return "nothing" if row is None else str(builtins(row))[:300]


def replayed(service: Service, evidence: Evidence) -> ReplayedViews:
    """All views of a service, from its own log and from what its sources published."""
    views = ReplayedViews(service, [projection.row_type for projection in service.projections])
    for event in evidence.logs[service.name]:
        views.own(event.type, event.schema, event.stream, event.version, encode(event.data))
    for source in service.sources:
        for message in _published(service_named(source), evidence):
            views.foreign(message)
    return views


def _published(source: Service, evidence: Evidence) -> Iterator[Message]:
    rows = (
        (e.position, e.id, e.type, e.schema, e.stream, e.version, e.at, encode(e.data), encode(e.meta))
        for e in evidence.logs[source.name]
        if e.type in source.published_types
    )
    return Feed(source).messages("", 0, None, None, rows)
