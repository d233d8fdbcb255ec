"""What a unit of work reads and writes, as records without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.chassis.domain import Lane


class Lookup(NamedTuple):
    """Rows to look up: of ``row_type`` by key, or by the ``field`` of the rows of ``through`` that have the keys."""

    row_type: type
    through: type | None = None
    field: str = ""


class Cursor(NamedTuple):
    """How far a source was taken in, and the streams of it that are parked."""

    epoch: str | None
    position: int
    parked: frozenset[str]
    event_id: str | None = None  # the event at that position
    event_at: datetime | None = None  # when it was stored: one that is decided anew has the same id
    types: tuple[str, ...] | None = None  # what was subscribed to when it was taken in, sorted
    resume_from: int | None = None  # it stands still until its policies have seen what comes behind this position


class Moved(NamedTuple):
    """How far a source is taken in now: the columns of its cursor."""

    source: str
    epoch: str
    position: int
    event_id: str
    event_at: datetime
    types: list[str]


class Opened(NamedTuple):
    """What a session found when it took the log's lock: ``outcomes`` maps known command ids to (fingerprint, JSON)."""

    head: int
    outcomes: dict[UUID, tuple[str, bytes]]
    cursor: Cursor | None
    rows: list[list[Any]]


@dataclass(frozen=True)
class StoredEvent:
    """An event on its way into the log; ``data`` is the event itself."""

    id: UUID
    centre: str
    stream: str
    version: int
    type: str
    schema: int
    published: bool
    data: Any
    meta: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class Job:
    """A job on its way into the queue: ``name`` is a command's or an effect's."""

    id: UUID
    name: str
    lane: Lane
    due: datetime
    data: Any
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class ParkedEvent:
    """An integration event that could not be taken in, or that waits behind one of its stream."""

    source: str
    position: int
    stream: str
    message: Any
    error: str
    out_of_order: bool = False  # it only lacks what another source is about to publish


@dataclass(frozen=True)
class PolicyRefusal:
    """A policy's command that was refused for good, and the event that it came from."""

    command_id: UUID
    source: str
    position: int
    stream: str
    command: str
    code: str
    details: Mapping[str, Any]


@dataclass
class Writes:
    """The rows that a unit of work changes, by state: new ones, changed ones, and the keys of those that go."""

    inserts: dict[type, list[Any]] = field(default_factory=dict)
    updates: dict[type, list[Any]] = field(default_factory=dict)
    deletes: dict[type, list[str]] = field(default_factory=dict)


@dataclass
class Savepoint:
    """What there was before a command: so many events and jobs, and the rows that it changes as they were."""

    events: int = 0
    jobs: int = 0
    rows: dict[tuple[type, str], Any] = field(default_factory=dict)
