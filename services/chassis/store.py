"""The log and the views of one service in Postgres, behind the few verbs that the chassis needs.

A :class:`Turn` is one writer's turn at the log: it opens with a single round trip that takes the lock, reads what was
seen before and looks up rows, and ends with a single round trip that writes everything and commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from psycopg.rows import dict_row

from services.chassis import database, statements
from services.chassis.codec import decode
from services.chassis.definition import Service
from services.chassis.kernel import Need
from services.chassis.world import World, Writes

log = structlog.get_logger()
_LOCK = database.text("SELECT pg_advisory_xact_lock(log_key())")
# No bound of the server's ends a session whose client vanished in the midst of a pipeline: it waits for the rest for
# ever, and has the log's lock. So who waits for the lock in vain ends a holder that waits for its client.
_END_SILENT = database.text(
    "SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()"
    " AND (l.classid::bigint << 32) | l.objid::bigint = log_key() AND a.usename = current_user"
    " AND a.wait_event = 'ClientRead' AND a.state_change < now() - make_interval(secs => %s)"
)
SILENT = 2.0  # seconds: a turn's two trips are milliseconds apart
_FIRST_PARKED = database.text("SELECT message::text FROM parked WHERE source = %s AND stream = %s ORDER BY pos LIMIT 1")
_EARLY = database.text("SELECT stream FROM parked WHERE source = %s AND early ORDER BY pos")
_STILL_PARKED = database.text(
    "UPDATE parked SET attempts = attempts + 1, error = %s, early = %s WHERE source = %s AND pos = %s"
)


@dataclass(frozen=True)
class Stored:
    """A fact on its way into the log; ``data`` is the fact itself."""

    id: UUID
    stream: str
    version: int
    type: str
    schema: int
    data: Any
    meta: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class Parked:
    """A heard fact that could not be taken in, or that waits behind one of its stream."""

    source: str
    pos: int
    stream: str
    message: Any
    error: str
    early: bool = False  # it only lacks what another source is about to say


@dataclass
class Changes:
    """All that one turn writes. ``base`` is the head of the log that the turn saw."""

    base: int
    events: list[Stored] = field(default_factory=list)
    writes: Writes = field(default_factory=Writes)
    outcomes: list[tuple[UUID, str, bytes]] = field(default_factory=list)
    jobs: list[tuple[UUID, str, datetime, Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=list)
    done: UUID | None = None
    cursor: tuple[str, str, int] | None = None
    parked: list[Parked] = field(default_factory=list)
    unparked: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Cursor:
    """How far a source was followed, and the streams of it that are parked."""

    epoch: str | None
    pos: int
    parked: frozenset[str]


class Turn(Protocol):
    """One writer's turn. ``seen`` maps the ids of known commands to (fingerprint, outcome); ``head`` is the log's."""

    seen: dict[UUID, tuple[str, bytes]]
    head: int
    world: World
    cursor: Cursor | None

    def first_parked(self, source: str, stream: str) -> str | None:
        """The first parked message of a stream, as JSON."""

    def commit(self, changes: Changes) -> None:
        """Write all of it, or none."""


class Store(Protocol):
    """Where a service's log and views live."""

    secret: bytes

    @property
    def Violation(self) -> type[Exception]:
        """What :meth:`Turn.commit` raises when the writes break a guard."""

    def turn(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None = None) -> Any:
        """A context manager that yields a :class:`Turn`; leaving it without a commit undoes everything."""

    def early_streams(self, source: str) -> list[str]:
        """The parked streams of a source whose first fact only came too early."""

    def still_parked(self, source: str, pos: int, error: str, early: bool) -> None:
        """Note that a parked fact was tried again in vain."""


class PostgresStore:
    """The store of one service in its own database."""

    Violation = database.Violation

    def __init__(self, service: Service, url: str, committed: Any = None, secret: bytes = b"") -> None:
        self.service, self.secret = service, secret
        self.pool = database.Pool(url)
        self.reading = database.Pool(url, size=4)  # of its own, so that writers who wait for the lock hold up no reader
        self._committed = committed or (lambda changes: None)

    @contextmanager
    def turn(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None = None) -> Iterator[PostgresTurn]:
        """Open a turn: lock, known outcomes, head, the cursor of ``source``, and the rows that ``needs`` names."""
        with self.pool.connection() as conn:
            turn = PostgresTurn(self.service, conn)
            try:
                turn.open(ids, needs, source)
                yield turn
            except BaseException as error:
                # Not a rollback: after an error in a pipeline the driver may think that statements are prepared which
                # the server never saw.
                conn.close()
                if isinstance(error, database.Locked):
                    self._end_silent_holder()
                raise
            if turn.committed:
                self._committed(turn.committed)
            else:
                conn.execute("ROLLBACK")

    def _end_silent_holder(self) -> None:
        with database.connect(self.pool.url) as conn:  # an idle one may be as dead as the holder's
            ended = conn.execute(_END_SILENT, (SILENT,)).fetchone()
        if ended and ended[0]:
            log.warning("silent_holder_of_the_lock_ended")

    def early_streams(self, source: str) -> list[str]:
        """The parked streams of a source that wait for a fact of another."""
        with self.pool.connection() as conn:
            return [stream for (stream,) in conn.execute(_EARLY, (source,))]

    def still_parked(self, source: str, pos: int, error: str, early: bool) -> None:
        """Count a try, and keep what it came to."""
        with self.pool.connection() as conn:
            conn.execute(_STILL_PARKED, (error, early, source, pos))

    @contextmanager
    def look(self, needs: Sequence[Need]) -> Iterator[World]:
        """Rows as they stand, without the lock: for reading, never for deciding."""
        with self.reading.connection() as conn:
            reading = PostgresTurn(self.service, conn)
            reading.load(needs)
            yield reading.world


class PostgresTurn:
    """A turn on one connection: everything is read in one round trip and written in another."""

    def __init__(self, service: Service, conn: database.Connection) -> None:
        self._service = service
        self._conn = conn
        self.world = World(service, self._fetch)
        self.committed: Changes | None = None
        self.seen: dict[UUID, tuple[str, bytes]] = {}
        self.head = 0
        self.cursor: Cursor | None = None

    def open(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None) -> None:
        """Begin, lock, and read, in one round trip. What is read after the lock is what was committed before it."""
        wanted = statements.loads(needs)
        text, values = statements.reading(wanted, ids, source)
        with self._conn.pipeline():
            self._conn.execute("BEGIN")
            self._conn.execute(_LOCK)
            found = self._conn.execute(database.text(text), values)
        head, seen, at, parked, *rows = found.fetchone()  # type: ignore[misc]
        self.head = head
        if seen:
            self.seen = {UUID(id): (known, outcome.encode()) for id, (known, outcome) in decode(seen).items()}
        if source:
            epoch, pos = decode(at) if at else (None, 0)
            self.cursor = Cursor(epoch, pos, frozenset(decode(parked) if parked else ()))
        self._place(wanted, rows)

    def first_parked(self, source: str, stream: str) -> str | None:
        """The first parked message of a stream, as JSON."""
        row = self._conn.execute(_FIRST_PARKED, (source, stream)).fetchone()
        return row[0] if row else None

    def load(self, needs: Sequence[Need]) -> None:
        """Look rows up, in one round trip."""
        wanted = statements.loads(needs)
        if wanted:
            text, values = statements.looking(wanted)
            self._place(wanted, self._conn.execute(database.text(text), values).fetchone() or ())

    def _place(self, wanted: Sequence[statements.Load], rows: Sequence[str]) -> None:
        for load, text in zip(wanted, rows, strict=True):
            self.world.place(load.kind, load.keys, self._service.view_of[load.kind].reader.rows(text))

    def _fetch(self, kind: type, keys: Sequence[str]) -> list[Any]:
        text, values = statements.looking([statements.Load(kind, list(keys))])
        row = self._conn.execute(database.text(text), values).fetchone()
        return self._service.view_of[kind].reader.rows(row[0] if row else "[]")

    def commit(self, changes: Changes) -> None:
        """Append, write, enqueue, commit, in one round trip."""
        written = statements.writing(self._service, changes)
        with self._conn.pipeline():
            if written:
                self._conn.execute(database.text(written[0]), written[1])
            self._conn.execute("COMMIT")
        self.committed = changes


class Jobs:
    """The timers and errands that wait in a service's database. ``who`` names the worker, over its restarts."""

    def __init__(self, pool: database.Pool, who: str = "") -> None:
        self._pool, self._who = pool, who

    def take_back(self) -> int:
        """End the leases of this worker's former life; returns how many. Call it before the first claim."""
        with self._pool.connection() as conn:
            return conn.execute(
                "UPDATE job SET leased_until = NULL"
                " WHERE done_at IS NULL AND leased_until IS NOT NULL AND leased_by = %s",
                (self._who,),
            ).rowcount

    def claim(self, now: datetime, most: int, lease: timedelta) -> list[dict[str, Any]]:
        """Take up to ``most`` due jobs for the length of ``lease``; another worker leaves them alone until then."""
        with self._pool.connection() as conn:
            cursor = conn.cursor(row_factory=dict_row)
            cursor.execute(
                "UPDATE job SET leased_until = %(now)s + %(lease)s, leased_by = %(who)s, attempts = attempts + 1"
                " WHERE id IN ("
                " SELECT id FROM job WHERE done_at IS NULL AND due <= %(now)s"
                " AND (leased_until IS NULL OR leased_until < %(now)s)"
                " ORDER BY due LIMIT %(most)s FOR UPDATE SKIP LOCKED) RETURNING id, kind, data, meta, attempts, due",
                {"now": now, "lease": lease, "most": most, "who": self._who},
            )
            return sorted(cursor.fetchall(), key=lambda job: job["due"])

    def postpone(self, id: UUID, due: datetime, error: str) -> None:
        """Put a job back until ``due``, with what went wrong."""
        with self._pool.connection() as conn:
            conn.execute("UPDATE job SET due = %s, leased_until = NULL, error = %s WHERE id = %s", (due, error, id))

    def forget_done(self, before: datetime) -> None:
        """Delete the jobs that were done before an instant: what they did is in the log."""
        with self._pool.connection() as conn:
            conn.execute("DELETE FROM job WHERE done_at < %s", (before,))

    def next_due(self) -> datetime | None:
        """When the next waiting job is due."""
        with self._pool.connection() as conn:
            row = conn.execute("SELECT min(due) FROM job WHERE done_at IS NULL AND leased_until IS NULL").fetchone()
            return row[0] if row else None
