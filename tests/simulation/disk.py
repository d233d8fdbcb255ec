"""What survives a crash: one service's log, views, outcomes, jobs and cursors, with the guards that Postgres has.

Facts and rows are kept as JSON text, so that nothing survives here that would not survive there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

from services.chassis import database
from services.chassis.codec import decode, encode
from services.chassis.definition import Service
from services.chassis.envelope import Message
from services.chassis.feed import Feed, Page
from services.chassis.kernel import Need
from services.chassis.statements import loads
from services.chassis.store import Changes, Cursor, Parked
from services.chassis.world import World, Writes

Reach = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A timer or errand that waits."""

    id: UUID
    kind: str
    due: datetime
    data: bytes
    meta: bytes
    attempts: int = 0
    leased_until: datetime | None = None


@dataclass
class Disk:
    """The durable state of one service."""

    service: Service
    events: list[tuple[Any, ...]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    versions: set[tuple[str, int]] = field(default_factory=set)
    rows: dict[type, dict[str, bytes]] = field(default_factory=dict)
    outcomes: dict[UUID, tuple[str, bytes]] = field(default_factory=dict)
    jobs: dict[UUID, Job] = field(default_factory=dict)
    done: set[UUID] = field(default_factory=set)
    followed: dict[str, tuple[str, int]] = field(default_factory=dict)
    parked: dict[tuple[str, int], Parked] = field(default_factory=dict)
    relayed: int = 0
    published: list[Message] = field(default_factory=list)
    _next_due: datetime | None = None
    _jobs_changed: bool = True

    def __post_init__(self) -> None:
        self.epoch = str(uuid5(NAMESPACE_DNS, self.service.name))
        self._feed, self._types = Feed(self.service), frozenset(self.service.published)

    def copy(self) -> Disk:
        """Another disk with the same content."""
        return replace(
            self,
            events=list(self.events),
            ids=set(self.ids),
            versions=set(self.versions),
            rows={kind: dict(rows) for kind, rows in self.rows.items()},
            outcomes=dict(self.outcomes),
            jobs=dict(self.jobs),
            done=set(self.done),
            followed=dict(self.followed),
            parked=dict(self.parked),
            published=list(self.published),
        )

    # -- reading --

    def read(self, kind: type, keys: Sequence[str]) -> list[Any]:
        """The rows of a state that have these keys."""
        table = self.rows.get(kind, {})
        return self._decode(kind, [table[key] for key in dict.fromkeys(keys) if key in table])

    def all(self, kind: type) -> list[Any]:
        """Every row of a state, oldest first."""
        return self._decode(kind, list(self.rows.get(kind, {}).values()))

    def _decode(self, kind: type, texts: list[bytes]) -> list[Any]:
        return self.service.view_of[kind].reader.rows(b"[" + b",".join(texts) + b"]") if texts else []

    @property
    def head(self) -> int:
        """The position of the newest published fact."""
        return self.published[-1].pos if self.published else 0

    def page(self, after: int, limit: int) -> Page:
        """The feed."""
        if after >= len(self.events):
            return Page(self.epoch, len(self.events), [])
        first = bisect_right(self.published, after, key=lambda message: message.pos)
        return Page(self.epoch, len(self.events), self.published[first : first + limit])

    # -- writing --

    def commit(self, changes: Changes) -> None:
        """All of it, or none."""
        self._guard(changes)
        self._append(changes)
        self._write(changes.writes)
        self.outcomes.update({id: (fingerprint, outcome) for id, fingerprint, outcome in changes.outcomes})
        if changes.cursor:
            source, epoch, pos = changes.cursor
            self.followed[source] = (epoch, pos)
        for parked in changes.parked:
            self.parked.setdefault((parked.source, parked.pos), parked)
        for place in changes.unparked:
            self.parked.pop(place, None)
        for id, kind, due, data, meta in changes.jobs:
            if id not in self.jobs and id not in self.done:
                self.jobs[id] = Job(id, kind, due, encode(data), encode(meta))
        if changes.done:
            self.jobs.pop(changes.done, None)
            self.done.add(changes.done)
        if changes.jobs or changes.done:
            self.note_due()

    def _append(self, changes: Changes) -> None:
        for n, e in enumerate(changes.events, start=len(self.events) + 1):
            row = (n, str(e.id), e.type, e.schema, e.stream, e.version, e.at, encode(e.data), encode(e.meta))
            self.events.append(row)
            self.ids.add(row[1])
            self.versions.add((e.stream, e.version))
            if e.type in self._types:
                self.published += self._feed.messages(self.epoch, self.head, [row])

    def _write(self, writes: Writes) -> None:
        for kind, keys in writes.deletes.items():
            for key in keys:
                self.rows.setdefault(kind, {}).pop(key, None)
        for kind, rows in writes.updates.items():
            table = self.rows.setdefault(kind, {})
            table.update({key: encode(row) for row in rows if (key := getattr(row, kind.KEY)) in table})
        for kind, rows in writes.inserts.items():
            self.rows.setdefault(kind, {}).update({getattr(row, kind.KEY): encode(row) for row in rows})

    def _guard(self, changes: Changes) -> None:
        """What the tables' constraints refuse."""
        if changes.events and changes.base != len(self.events):
            raise database.AWAY[0](f"the log is at {len(self.events)}, not at {changes.base} as the writer thought")
        ids = [str(e.id) for e in changes.events]
        places = [(e.stream, e.version) for e in changes.events]
        _unique("event_id_key", ids, self.ids)
        _unique("event_stream_version_key", places, self.versions)
        _unique("outcome_pkey", [id for id, _, _ in changes.outcomes], self.outcomes)
        for kind, rows in changes.writes.inserts.items():
            gone = set(changes.writes.deletes.get(kind, ()))
            keys = [getattr(row, kind.KEY) for row in rows]
            _unique(f"{kind.VIEW}_pkey", keys, self.rows.get(kind, {}).keys() - gone)

    # -- jobs --

    def claim(self, now: datetime, most: int, lease: timedelta) -> list[dict[str, Any]]:
        """Lease the jobs that are due."""
        free = [j for j in self.jobs.values() if j.due <= now and (j.leased_until is None or j.leased_until < now)]
        claimed = []
        for job in sorted(free, key=lambda job: job.due)[:most]:
            self.jobs[job.id] = replace(job, leased_until=now + lease, attempts=job.attempts + 1)
            claimed.append({name: getattr(self.jobs[job.id], name) for name in _JOB})
        self.note_due()
        return claimed

    def take_back(self) -> int:
        """End all leases: there is one worker."""
        leased = [job for job in self.jobs.values() if job.leased_until]
        self.jobs.update({job.id: replace(job, leased_until=None) for job in leased})
        self.note_due()
        return len(leased)

    def postpone(self, id: UUID, due: datetime) -> None:
        """Put a job back."""
        if id in self.jobs:
            self.jobs[id] = replace(self.jobs[id], due=due, leased_until=None)
            self.note_due()

    def note_due(self) -> None:
        """Note that another job may be the next."""
        self._jobs_changed = True

    @property
    def next_due(self) -> datetime | None:
        """When the next job can be claimed."""
        if self._jobs_changed:
            self._jobs_changed = False
            self._next_due = min((max(j.due, j.leased_until or j.due) for j in self.jobs.values()), default=None)
        return self._next_due


_JOB = ("id", "kind", "data", "meta", "attempts", "due")


def _unique(guard: str, news: list[Any], known: Any) -> None:
    for one in news:
        if one in known:
            raise database.Violation(f"{guard}: {one} exists")
    if len(set(news)) < len(news):
        raise database.Violation(f"{guard}: one of {news} comes twice")


class MemoryTurn:
    """A writer's turn at a disk."""

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self._disk, self._reach = disk, reach
        self.world = World(disk.service, disk.read)
        self.seen: dict[UUID, tuple[str, bytes]] = {}
        self.head = len(disk.events)
        self.cursor: Cursor | None = None

    def open(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None) -> None:
        """Read what is known, and the rows that are needed."""
        disk = self._disk
        self.seen = {id: disk.outcomes[id] for id in ids if id in disk.outcomes}
        for load in loads(needs):
            keys = load.keys
            if load.via:
                of, name = load.via
                keys = [getattr(row, name) for row in disk.read(of, load.via_keys)]
            self.world.place(load.kind, load.keys, disk.read(load.kind, keys))
        if source:
            epoch, pos = disk.followed.get(source, (None, 0))
            parked = frozenset(parked.stream for parked in disk.parked.values() if parked.source == source)
            self.cursor = Cursor(epoch, pos, parked)

    def first_parked(self, source: str, stream: str) -> str | None:
        """The first parked message of a stream."""
        waiting = [p for p in self._disk.parked.values() if (p.source, p.stream) == (source, stream)]
        return encode(min(waiting, key=lambda p: p.pos).message).decode() if waiting else None

    def commit(self, changes: Changes) -> None:
        """Write, unless the way there breaks; it may also break on the way back."""
        self._reach("commit")
        self._disk.commit(changes)
        self._reach("committed")


class MemoryStore:
    """The store of one process, on the disk of its service. ``reach`` raises when the disk can't be reached."""

    Violation = database.Violation
    secret = b"simulation"

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self.disk, self._reach = disk, reach

    @contextmanager
    def turn(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None = None) -> Iterator[MemoryTurn]:
        """Open a turn."""
        self._reach("turn")
        turn = MemoryTurn(self.disk, self._reach)
        turn.open(ids, needs, source)
        yield turn

    def early_streams(self, source: str) -> list[str]:
        """The streams that wait for a fact of another source."""
        self._reach("early")
        return [p.stream for p in self.disk.parked.values() if p.source == source and p.early]

    def still_parked(self, source: str, pos: int, error: str, early: bool) -> None:
        """Note a try in vain."""
        self._reach("still_parked")
        if (source, pos) in self.disk.parked:
            self.disk.parked[source, pos] = replace(self.disk.parked[source, pos], error=error, early=early)


class MemoryOutbox:
    """What the relay reads; a few facts at a time, so that there is something between them."""

    def __init__(self, disk: Disk, reach: Reach, most: Callable[[], int]) -> None:
        self._disk, self._reach, self._most = disk, reach, most

    def relayed(self) -> int:
        """The relay's cursor."""
        self._reach("relayed")
        return self._disk.relayed

    def page(self, after: int, limit: int) -> Page:
        """What is not published yet."""
        return self._disk.page(after, min(limit, self._most()))

    def move(self, pos: int) -> None:
        """Move the cursor."""
        self._reach("move")
        self._disk.relayed = pos


class MemoryJobs:
    """The jobs of one service, as its worker sees them."""

    def __init__(self, disk: Disk, reach: Reach) -> None:
        self._disk, self._reach = disk, reach

    def claim(self, now: datetime, most: int, lease: timedelta) -> list[dict[str, Any]]:
        """Take due jobs."""
        self._reach("claim")
        return self._disk.claim(now, most, lease)

    def take_back(self) -> int:
        """End the leases of a former life."""
        self._reach("take_back")
        return self._disk.take_back()

    def postpone(self, id: UUID, due: datetime, error: str) -> None:
        """Put a job back."""
        self._reach("postpone")
        self._disk.postpone(id, due)


def meta_of(event: tuple[Any, ...]) -> dict[str, Any]:
    """What is said of an event beside its data."""
    said: dict[str, Any] = decode(event[8])
    return said
