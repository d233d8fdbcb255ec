"""What survives a crash: one service's log, views, outcomes, jobs and cursors, with the guards that Postgres has.

Events and rows are kept as JSON text, so that nothing survives here that would not survive there.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, Self
from uuid import NAMESPACE_DNS, UUID, uuid5

from psycopg import errors

from services.chassis.eventstore.migrate import files
from services.chassis.eventstore.records import Cursor, Moved, ParkedEvent, Writes
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation import database
from services.chassis.foundation.codec import encode
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Feed, Page
from services.chassis.service import Service

# A unique index, or a column of a table (indented, in a statement that ends with its first line that is not).
_UNIQUE = re.compile(
    r"^create (?:unique index \w+ on (\w+) \(([\w, ]+)\)|table (\w+) \((?:\n .*)*?\n +(\w+) [^,(\n]*\bunique\b)", re.M
)


NOWHERE = (0, None, None)


class LoggedEvent(NamedTuple):
    """One row of the log, with the columns that a feed reads."""

    position: int
    id: str
    type: str
    schema: int
    stream: str
    version: int
    at: datetime
    data: bytes
    meta: bytes


@dataclass(frozen=True)
class WaitingJob:
    """A job that is not done."""

    id: UUID
    lane: str
    name: str
    due: datetime
    since: datetime
    data: bytes
    meta: bytes
    failed: bool = False
    attempts: int = 0
    leased_until: datetime | None = None
    leased_by: str | None = None


@dataclass
class Disk:
    """The durable state of one service."""

    service: Service
    events: list[LoggedEvent] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    versions: set[tuple[str, int]] = field(default_factory=set)
    rows: dict[type, dict[str, bytes]] = field(default_factory=dict)
    outcomes: dict[UUID, tuple[str, bytes]] = field(default_factory=dict)
    jobs: dict[UUID, WaitingJob] = field(default_factory=dict)
    done: set[UUID] = field(default_factory=set)
    subscriptions: dict[str, Moved] = field(default_factory=dict)
    parked: dict[tuple[str, int], ParkedEvent] = field(default_factory=dict)
    relay_cursor: int = 0
    leader: Any = None  # the session of the relay that leads
    published: list[Message] = field(default_factory=list)
    _next_due: datetime | None = None
    jobs_changed: bool = True

    def __post_init__(self) -> None:
        self.epoch = str(uuid5(NAMESPACE_DNS, self.service.name))
        self._feed = Feed(self.service)

    def copy(self) -> Self:
        """Another disk with the same content."""
        made = replace(self, leader=None, rows={row_type: dict(rows) for row_type, rows in self.rows.items()})
        for name in ("events", "ids", "versions", "outcomes", "jobs", "done", "subscriptions", "parked", "published"):
            setattr(made, name, getattr(self, name).copy())
        return made

    # -- reading --

    def read(self, row_type: type, keys: list[str]) -> list[Any]:
        """The rows of a state that have these keys."""
        table = self.rows.get(row_type, {})
        return self._decoded(row_type, [table[key] for key in dict.fromkeys(keys) if key in table])

    def one(self, row_type: type, key: str) -> Any | None:
        """The row of a key, None when there is none."""
        return next(iter(self.read(row_type, [key])), None)

    def all(self, row_type: type) -> list[Any]:
        """Every row of a state, oldest first."""
        return self._decoded(row_type, list(self.rows.get(row_type, {}).values()))

    def _decoded(self, row_type: type, texts: list[bytes]) -> list[Any]:
        return self.service.projection_of[row_type].decoder.rows(b"[" + b",".join(texts) + b"]") if texts else []

    def cursor(self, source: str) -> Cursor:
        """How far a source was taken in."""
        parked = frozenset(p.stream for p in self.parked.values() if p.source == source)
        moved = self.subscriptions.get(source)
        return Cursor(*moved[1:3], parked, *moved[3:5]) if moved else Cursor(None, 0, parked)

    @property
    def head(self) -> int:
        """The position of the newest published event."""
        return self.published[-1].position if self.published else 0

    @property
    def last(self) -> tuple[int, str | None, datetime | None]:
        """Position, id and time of the newest published event."""
        return _place(self.published[-1]) if self.published else NOWHERE

    def page(self, after: int, limit: int) -> Page:
        """The feed."""
        first = bisect_right(self.published, after, key=lambda message: message.position)
        before = _place(self.published[first - 1]) if first else NOWHERE
        return Page(self.epoch, len(self.events), self.published[first : first + limit], *before)

    # -- writing --

    def commit(self, uow: UnitOfWork) -> None:
        """All of it, or none."""
        writes = uow.writes()
        self._guard(uow, writes)
        self._append(uow)
        self._write(writes)
        self.outcomes.update({id: (fingerprint, outcome) for id, fingerprint, outcome in uow.outcomes})
        if uow.moved_to:
            self.subscriptions[uow.moved_to.source] = uow.moved_to
        for parked in uow.parked:
            self.parked.setdefault((parked.source, parked.position), parked)
        for place in uow.taken_in:
            self.parked.pop(place, None)
        for job in uow.jobs:
            if job.id not in self.jobs and job.id not in self.done:
                data, meta = encode(job.data), encode(job.meta)
                self.jobs[job.id] = WaitingJob(job.id, job.lane, job.name, job.due, job.due, data, meta)
        if uow.job_done:
            self.jobs.pop(uow.job_done, None)
            self.done.add(uow.job_done)
        self.jobs_changed |= bool(uow.jobs or uow.job_done)

    def _append(self, uow: UnitOfWork) -> None:
        for position, e in enumerate(uow.events, start=len(self.events) + 1):
            stored = (e.type, e.schema, e.stream, e.version, e.at, encode(e.data), encode(e.meta))
            row = LoggedEvent(position, str(e.id), *stored)
            self.events.append(row)
            self.ids.add(row.id)
            self.versions.add((row.stream, row.version))
            if row.type in self.service.published_types:
                self.published += self._feed.messages(self.epoch, *self.last, [row])

    def _write(self, writes: Writes) -> None:
        for row_type, keys in writes.deletes.items():
            for key in keys:
                self.rows.setdefault(row_type, {}).pop(key, None)
        for row_type, rows in writes.updates.items():
            table = self.rows.setdefault(row_type, {})
            table.update({key: encode(row) for row in rows if (key := _key(row)) in table})
        for row_type, rows in writes.inserts.items():
            self.rows.setdefault(row_type, {}).update({_key(row): encode(row) for row in rows})

    def _guard(self, uow: UnitOfWork, writes: Writes) -> None:
        """What the tables' constraints refuse."""
        if uow.events and uow.head != len(self.events):
            raise database.UNAVAILABLE[0](f"the log is at {len(self.events)}, not at {uow.head} as the writer thought")
        _unique("event_id_key", [str(e.id) for e in uow.events], self.ids)
        _unique("event_stream_version_key", [(e.stream, e.version) for e in uow.events], self.versions)
        _unique("outcome_pkey", [id for id, _, _ in uow.outcomes], self.outcomes)
        for row_type, rows in writes.inserts.items():
            view: str = row_type.VIEW  # type: ignore[attr-defined]
            gone = {*writes.deletes.get(row_type, ())}
            _unique(f"{view}_pkey", [_key(row) for row in rows], self.rows.get(row_type, {}).keys() - gone)
            for columns in unique_columns(self.service.name).get(view, ()):
                value = attrgetter(*columns)
                known = {value(row) for row in self.all(row_type) if _key(row) not in gone}
                _unique(f"{view}_{'_'.join(columns)}_key", [value(row) for row in rows], known)

    # -- jobs --

    @property
    def next_due(self) -> datetime | None:
        """When the next job can be claimed."""
        if self.jobs_changed:
            self.jobs_changed = False
            self._next_due = min((max(j.due, j.leased_until or j.due) for j in self.jobs.values()), default=None)
        return self._next_due


def _place(message: Message) -> tuple[int, str | None, datetime | None]:
    return message.position, message.id, message.at


def _key(row: Any) -> str:
    return str(getattr(row, row.KEY))


def _unique(guard: str, news: list[Any], known: Any) -> None:
    for one in news:
        if one in known:
            raise errors.UniqueViolation(f"{guard}: {one} exists")
    if len(set(news)) < len(news):
        raise errors.UniqueViolation(f"{guard}: one of {news} comes twice")


@cache
def unique_columns(service: str) -> dict[str, list[tuple[str, ...]]]:
    """The columns, by table, of which the service's migrations say that their values occur once, beside the keys."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for _, path in files(service):
        for index, columns, table, column in _UNIQUE.findall(path.read_text(encoding="utf-8")):
            found.setdefault(index or table, []).append(tuple((columns or column).replace(",", " ").split()))
    return found
