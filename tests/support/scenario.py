"""Given events, when a command, then events: how a decision is tested, without a database.

``scenario(SERVICE).given(ResidentJoined(...)).received(ItemMadeReady(...)).when(RequestRental(...))
.then(RentalRequested(...))``.
Every command is decided twice: the second time nothing happens. A decision that reads a row which its ``@reads`` does
not name fails. What is given and received is given to two neighbouring centres as well, under the same barcodes and
numbers: a decision that reads, names or changes what is theirs fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.chassis.domain import Delete, Join, Refused, Upsert
from services.chassis.eventstore.records import Lookup, Opened
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.service import Service
from tests.support.neighbours import NEIGHBOURS, is_own, moved, named_neighbours, rows_of_neighbours

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 10:00 in Gwangju, an open day


class Nowhere:
    """A session with nothing in it."""

    def open(self, lookups: Mapping[Lookup, list[str]], ids: Sequence[UUID], source: str | None) -> Opened:
        """An empty log."""
        return Opened(0, {}, None, [[] for _ in lookups])

    def fetch(self, lookups: Mapping[Lookup, list[str]]) -> list[list[Any]]:
        """No rows."""
        return [[] for _ in lookups]

    def commit(self, uow: UnitOfWork) -> None:
        """Nothing is kept."""


class Scenario:
    """One scenario; each step returns the scenario, so that it reads as a sentence."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.uow = UnitOfWork(service, Nowhere())
        self.now = MONDAY
        self.events: list[Any] = []
        self.refused: Refused | None = None

    def on(self, instant: datetime) -> Scenario:
        """The instant of what follows."""
        self.now = instant
        return self

    def given(self, *parts: Any) -> Scenario:
        """What happened here before; rows of mutable tables may be among it."""
        for neighbour in NEIGHBOURS:
            self._append([moved(part, neighbour) for part in parts])
        return self._append(parts)

    def received(self, *events: Any) -> Scenario:
        """What other services published before, as their contracts."""
        for event in events:
            for neighbour in NEIGHBOURS:
                self.uow.apply(moved(event, neighbour))
            self.uow.apply(event)
        return self

    def _append(self, parts: Sequence[Any]) -> Scenario:
        self.uow.append(parts, uuid4(), {}, self.now)
        return self

    def when(self, command: Any) -> Scenario:
        """Decide a command."""
        self.events, self.refused = [], None
        try:
            parts = self._decide(command)
        except Refused as refused:
            refused.document()  # both messages must be sayable with the details at hand
            self.refused = refused
            return self
        self.events = _events_of(parts)
        before = rows_of_neighbours(self.uow._tables)
        self._append(parts)
        again = _events_of(self._decide(command))
        assert not again, f"deciding it twice made {again}"
        assert not (named := named_neighbours(self.events)), f"{self.events} name {named}"
        after = rows_of_neighbours(self.uow._tables)
        assert after == before, (
            f"rows of another centre changed: {[key for key in after if after[key] != before.get(key)]}"
        )
        return self

    def _decide(self, command: Any) -> Sequence[Any]:
        handler = self.service.handler_of[type(command)]
        named = {
            (row_type, getattr(self.uow(key.through, key.key), key.field, None) if isinstance(key, Join) else key)
            for row_type, key in getattr(handler.decide, "reads", lambda _: ())(command)
        }

        def read(row_type: type, key: str) -> Any:
            assert (row_type, key) in named, f"{handler.name} reads {row_type.__name__} {key} without naming it"
            assert is_own(key), f"{handler.name} reads {row_type.__name__} {key}, which is not of its centre"
            return self.uow(row_type, key)

        return handler.decide(command, read, self.now)

    def then(self, *events: Any) -> Scenario:
        """Exactly these events came of it."""
        assert self.refused is None, f"refused: {self.refused and self.refused.document()}"
        assert self.events == list(events), f"{self.events} is not {list(events)}"
        return self

    def then_types(self, *types: str) -> Scenario:
        """Events of exactly these types came of it."""
        assert self.refused is None, f"refused: {self.refused and self.refused.document()}"
        assert [e.TYPE for e in self.events] == list(types)
        return self

    def then_nothing(self) -> Scenario:
        """Nothing came of it, as nothing was left to do."""
        return self.then()

    def then_refused(self, code: str, **details: Any) -> Scenario:
        """It was refused with this code, and (at least) these details."""
        assert self.refused is not None, f"not refused but {self.events}"
        assert self.refused.code() == code, self.refused.document()
        assert {name: self.refused.details.get(name) for name in details} == details
        return self

    def row(self, row_type: type, key: str) -> Any:
        """A row as it stands now."""
        return self.uow(row_type, key)


def _events_of(parts: Sequence[Any]) -> list[Any]:
    return [part for part in parts if not isinstance(part, Upsert | Delete)]


def scenario(service: Service) -> Scenario:
    """Begin a scenario of a service."""
    return Scenario(service)
