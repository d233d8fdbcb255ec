"""One writer's transaction on a service's log: the rows it reads, the events it appends, everything it writes.

    with store.begin(command_ids, reads) as uow:
        ...                       # decide, append, apply
        uow.commit()

Leaving the block without a commit writes nothing. Where rows come from and go to is the session's business: Postgres,
or the memory of the simulation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID, uuid5

from services.chassis.domain import Delete, Join, OtherCentre, Read, ScheduledCommand, Upsert, replace
from services.chassis.eventstore.records import (
    Cursor,
    Job,
    Lookup,
    Moved,
    Opened,
    ParkedEvent,
    PolicyRefusal,
    Savepoint,
    StoredEvent,
    Writes,
)
from services.chassis.foundation.codec import convert
from services.chassis.service import FoldStep, Service
from services.contracts.base import centre_of
from services.contracts.texts import form_of

S = TypeVar("S")
Tables = Mapping[type, dict[str, Any]]


class Session(Protocol):
    """The storage behind one unit of work."""

    def open(self, lookups: Mapping[Lookup, list[str]], ids: Sequence[UUID], source: str | None) -> Opened: ...

    def fetch(self, lookups: Mapping[Lookup, list[str]]) -> list[list[Any]]: ...

    def commit(self, uow: UnitOfWork) -> None: ...


def lookups_of(reads: Iterable[Read]) -> dict[Lookup, list[str]]:
    """What is read, one lookup for each kind of it, each key once."""
    wanted: dict[Lookup, dict[str, None]] = {}
    for row_type, key in dict.fromkeys(reads):
        if isinstance(key, Join):
            wanted.setdefault(Lookup(row_type, key.through, key.field), {})[key.key] = None
        else:
            wanted.setdefault(Lookup(row_type), {})[key] = None
    return {lookup: list(keys) for lookup, keys in wanted.items()}


def touched(steps: Iterable[FoldStep], event: Any) -> list[tuple[type, str]]:
    """The rows that an event touches: (row type, key)."""
    found = [(row_type, keys(event)) for row_type, keys, _, _ in steps]
    return [(row_type, key) for row_type, each in found for key in ((each,) if isinstance(each, str) else each)]


def fold(steps: Iterable[FoldStep], tables: Tables, event: Any, changed: set[tuple[type, str]] | None = None) -> None:
    """Fold one event into every row that it touches, the only way in which a view changes; None is an absent row."""
    for row_type, keys, evolve, keyed in steps:
        table, found = tables[row_type], keys(event)
        for key in (found,) if isinstance(found, str) else found:
            row = table.get(key)
            table[key] = evolve(key, row, event) if keyed else evolve(row, event)
            if changed is not None:
                changed.add((row_type, key))


@dataclass
class UnitOfWork:
    """What one transaction reads and writes. It is the ``read`` of the decisions that are made in it.

    ``centre`` is whose rows may be read and whose events may be appended now; None: everybody's.
    """

    service: Service
    session: Session
    head: int = 0
    cursor: Cursor = field(default_factory=lambda: Cursor(None, 0, frozenset()))
    known_outcomes: dict[UUID, tuple[str, bytes]] = field(default_factory=dict)
    events: list[StoredEvent] = field(default_factory=list)
    outcomes: list[tuple[UUID, str, bytes]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    job_done: UUID | None = None
    moved_to: Moved | None = None
    parked: list[ParkedEvent] = field(default_factory=list)
    taken_in: list[tuple[str, int]] = field(default_factory=list)
    policy_refusals: list[PolicyRefusal] = field(default_factory=list)
    committed: bool = False
    centre: str | None = None
    savepoint: Savepoint = field(default_factory=Savepoint)
    _tables: dict[type, dict[str, Any]] = field(default_factory=partial(defaultdict, dict))
    _found: dict[tuple[type, str], Any] = field(default_factory=dict)

    def open(self, ids: Sequence[UUID], reads: Iterable[Read], source: str | None) -> None:
        """Take the lock; look up known outcomes, the head, the cursor of ``source``, and the rows."""
        lookups = lookups_of(reads)
        opened = self.session.open(lookups, ids, source)
        self.head, self.known_outcomes = opened.head, opened.outcomes
        self.cursor = opened.cursor or self.cursor
        self._place(lookups, opened.rows)

    def preload(self, reads: Iterable[Read]) -> None:
        """Look rows up in one query, without the lock."""
        if lookups := lookups_of(reads):
            self._place(lookups, self.session.fetch(lookups))

    def __call__(self, row_type: type[S], key: str) -> S | None:
        """The row of a key with the effects of this unit of work, or None; one that was not looked up is fetched.

        Raises :class:`OtherCentre`.
        """
        if self.centre is not None and centre_of(key) != self.centre:
            raise OtherCentre()
        table = self._tables[row_type]
        if key not in table:
            self.preload([(row_type, key)])
        row: S | None = table[key]
        return row

    def _place(self, lookups: Mapping[Lookup, list[str]], found: list[list[Any]]) -> None:
        for lookup, rows in zip(lookups, found, strict=True):
            row_type: Any = lookup.row_type
            table, by_key = self._tables[row_type], {getattr(row, row_type.KEY): row for row in rows}
            for key in by_key if lookup.through else lookups[lookup]:
                if key not in table:
                    table[key] = self._found[row_type, key] = by_key.get(key)

    def append(self, parts: Iterable[Any], command_id: UUID, meta: Mapping[str, Any], now: datetime) -> bool:
        """Append a decision's events, fold them, enqueue their jobs. Returns whether there were any events.

        Raises :class:`OtherCentre`. What it had done when it raises goes with :meth:`undo`.
        """
        happened = [part for part in parts if not isinstance(part, Upsert | Delete)]
        if self.centre is not None and any(event.centre != self.centre for event in happened):
            raise OtherCentre()
        self.savepoint = Savepoint(len(self.events), len(self.jobs), self._load_touched(happened))
        placed = [self._fold(event) for event in happened]
        for part in parts:
            if isinstance(part, Upsert | Delete):
                self._change(part)
        stored, follow_up = {**meta, "command_id": str(command_id)}, meta.get("correlation_id")
        for number, (event, stream, version) in enumerate(placed):
            id = uuid5(command_id, str(number))
            kind: Any = event.__class__
            published = kind in self.service.published
            self.events.append(
                StoredEvent(id, event.centre, stream, version, kind.TYPE, kind.SCHEMA, published, event, stored, now)
            )
            schedule = self.service.schedule_of.get(kind)
            cause = {"correlation_id": follow_up, "causation_id": str(id), "centre": event.centre}
            for n, wanted in enumerate(schedule(event) if schedule else ()):
                job_id = uuid5(id, f"job.{n}")
                if isinstance(wanted, ScheduledCommand):
                    name = self.service.handler_of[type(wanted.command)].name
                    self.jobs.append(Job(job_id, name, wanted.lane, wanted.due, wanted.command, cause))
                else:
                    name = wanted.effect.__name__
                    lane = wanted.lane or self.service.effect_of[name].lane
                    self.jobs.append(Job(job_id, name, lane, now, wanted.data, cause))
        return bool(placed)

    def apply(self, event: Any) -> None:
        """Fold another service's event into the views that follow it."""
        self._load_touched([event])
        fold(self.service.fold_steps.get(event.__class__, ()), self._tables, event)

    def _load_touched(self, events: Iterable[Any]) -> dict[tuple[type, str], Any]:
        """The rows that these events touch, as they are before them; those not looked up yet are fetched at once."""
        steps = self.service.fold_steps
        places = dict.fromkeys(place for event in events for place in touched(steps.get(event.__class__, ()), event))
        missing = [(row_type, key) for row_type, key in places if key not in self._tables[row_type]]
        for row_type, key in missing:
            if row_type in self.service.unread:
                self._tables[row_type][key], self._found[row_type, key] = None, _UNREAD
        if read := [place for place in missing if place[0] not in self.service.unread]:
            self.preload(read)
        return {(row_type, key): self._tables[row_type][key] for row_type, key in places}

    def _fold(self, event: Any) -> tuple[Any, str, int]:
        convert(event, form_of(event.__class__), from_attributes=True)
        aggregate: Any = self.service.aggregate_of[event.__class__]
        stream = event.STREAM.format_map(vars(event))
        key, table = stream.removeprefix(aggregate.STREAM.partition("{")[0]), self._tables[aggregate]
        version = (table[key].version if table[key] else 0) + 1
        fold(self.service.fold_steps[event.__class__], self._tables, event)
        if table[key] is None:
            raise TypeError(f"{type(event).__name__} left {aggregate.__name__} {key} without a row")
        table[key] = replace(table[key], version=version)
        return event, stream, version

    def _change(self, part: Upsert | Delete) -> None:
        row_type: Any = type(part.row) if isinstance(part, Upsert) else part.row_type
        key = getattr(part.row, row_type.KEY) if isinstance(part, Upsert) else part.key
        self.savepoint.rows.setdefault((row_type, key), self(row_type, key))
        self._tables[row_type][key] = part.row if isinstance(part, Upsert) else None

    def undo(self) -> None:
        """Take back all that came after the savepoint."""
        del self.events[self.savepoint.events :], self.jobs[self.savepoint.jobs :]
        for (row_type, key), row in self.savepoint.rows.items():
            self._tables[row_type][key] = row

    def writes(self) -> Writes:
        """What differs from what was found."""
        writes = Writes()
        for (row_type, key), found in self._found.items():
            row = self._tables[row_type][key]
            if row is found or row == found:
                continue
            if row is None:
                writes.deletes.setdefault(row_type, []).append(key)
            elif found is None or found is _UNREAD:
                writes.inserts.setdefault(row_type, []).append(row)
            else:
                writes.updates.setdefault(row_type, []).append(row)
        return writes

    def commit(self) -> None:
        """Write all of it, or none. Raises what the storage raises when a guard breaks or it can't be reached."""
        self.session.commit(self)
        self.committed = True


_UNREAD = object()  # found nothing, as nobody looked
