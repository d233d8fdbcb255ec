"""The log and the views of one service in Postgres, behind the few verbs that the chassis needs.

A :class:`Turn` is one writer's turn at the log: it opens with a single round trip that takes the lock, reads what was
seen before and looks up rows, and ends with a single round trip that writes everything and commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from psycopg.rows import dict_row

from services.chassis import database
from services.chassis.codec import encode
from services.chassis.definition import Service, View
from services.chassis.kernel import Need, Via
from services.chassis.world import World, Writes

_LOCK = database.text("SELECT pg_advisory_xact_lock(log_key())")
_SEEN = database.text("SELECT id, fingerprint, outcome::text FROM outcome WHERE id = ANY(%s)")
_HEAD = database.text("SELECT coalesce(max(pos), 0) FROM event")
_APPEND = database.text("SELECT append(%s, %s::jsonb)")
_OUTCOMES = database.text(
    "INSERT INTO outcome (id, fingerprint, outcome) SELECT * FROM unnest(%s::uuid[], %s::text[], %s::json[])"
)
_JOBS = database.text(
    "INSERT INTO job (id, kind, due, data, meta) SELECT id, kind, due, data, meta FROM jsonb_to_recordset(%s::jsonb)"
    " AS j (id uuid, kind text, due timestamptz, data jsonb, meta jsonb) ON CONFLICT (id) DO NOTHING"
)
_JOB_DONE = database.text("UPDATE job SET done_at = now(), leased_until = NULL, error = NULL WHERE id = %s")
_CURSOR = database.text("SELECT epoch::text, pos FROM followed WHERE source = %s")
_PARKED_STREAMS = database.text("SELECT DISTINCT stream FROM parked WHERE source = %s")
_MOVE = database.text(
    "INSERT INTO followed (source, epoch, pos) VALUES (%s, %s, %s)"
    " ON CONFLICT (source) DO UPDATE SET epoch = excluded.epoch, pos = excluded.pos"
)
_PARK = database.text(
    "INSERT INTO parked (source, pos, stream, message, error) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_UNPARK = database.text("DELETE FROM parked WHERE source = %s AND pos = %s")


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
    parked: list[tuple[str, int, str, bytes, str]] = field(default_factory=list)
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


class PostgresStore:
    """The store of one service in its own database."""

    Violation = database.Violation

    def __init__(self, service: Service, url: str, committed: Any = None, secret: bytes = b"") -> None:
        self.service, self.secret = service, secret
        self.pool = database.Pool(url)
        self._committed = committed or (lambda changes: None)

    @contextmanager
    def turn(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None = None) -> Iterator[PostgresTurn]:
        """Open a turn: lock, known outcomes, head, the cursor of ``source``, and the rows that ``needs`` names."""
        with self.pool.connection() as conn:
            turn = PostgresTurn(self.service, conn)
            try:
                turn.open(ids, needs, source)
                yield turn
            except database.AWAY:
                conn.close()
                raise
            finally:
                if not turn.committed and not conn.closed:
                    conn.execute("ROLLBACK")
            if turn.committed:
                self._committed(turn.committed)

    @contextmanager
    def look(self, needs: Sequence[Need]) -> Iterator[World]:
        """Rows as they stand, without the lock: for reading, never for deciding."""
        with self.pool.connection() as conn:
            reading = PostgresTurn(self.service, conn)
            reading.load([*_loads(needs)])
            yield reading.world


class PostgresTurn:
    """A turn on one connection, in two pipelines: everything read at once, everything written at once."""

    def __init__(self, service: Service, conn: database.Connection) -> None:
        self._service = service
        self._conn = conn
        self.world = World(service, self._fetch)
        self.committed: Changes | None = None
        self.seen: dict[UUID, tuple[str, bytes]] = {}
        self.head = 0
        self.cursor: Cursor | None = None

    def open(self, ids: Sequence[UUID], needs: Sequence[Need], source: str | None) -> None:
        """Begin, lock, and read, in one round trip. Statements after the lock see what was committed before it."""
        loads = [*_loads(needs)]
        with self._conn.pipeline():
            run = self._conn.execute
            run("BEGIN")
            run(_LOCK)
            seen = run(_SEEN, (list(ids),)) if ids else None
            head = run(_HEAD)
            cursor = (run(_CURSOR, (source,)), run(_PARKED_STREAMS, (source,))) if source else None
            found = [(load, run(*load.statement(self._service))) for load in loads]
        self.head = head.fetchone()[0]  # type: ignore[index]
        if seen:
            self.seen = {id: (fingerprint, outcome.encode()) for id, fingerprint, outcome in seen}
        for load, rows in found:
            self.world.place(load.kind, load.keys, self._read(load.kind, rows.fetchone()))
        if cursor:
            at, parked = cursor[0].fetchone() or (None, 0), frozenset(stream for (stream,) in cursor[1])
            self.cursor = Cursor(at[0], at[1], parked)

    def texts(self, statement: Any, parameters: Sequence[Any]) -> list[str]:
        """The first column of what a statement finds in this turn."""
        return [row[0] for row in self._conn.execute(statement, parameters)]

    def load(self, loads: Sequence[_Load]) -> None:
        """Look rows up, in one round trip."""
        with self._conn.pipeline():
            found = [(load, self._conn.execute(*load.statement(self._service))) for load in loads]
        for load, rows in found:
            self.world.place(load.kind, load.keys, self._read(load.kind, rows.fetchone()))

    def _read(self, kind: type, row: Any) -> list[Any]:
        return self._service.view_of[kind].reader.rows(row[0])

    def _fetch(self, kind: type, keys: Sequence[str]) -> list[Any]:
        return self._read(kind, self._conn.execute(*_Load(kind, list(keys)).statement(self._service)).fetchone())

    def commit(self, changes: Changes) -> None:
        """Append, write, enqueue, commit, in one round trip."""
        with self._conn.pipeline():
            run = self._conn.execute
            if changes.events:
                run(_APPEND, (changes.base, encode(changes.events).decode()))
            for statement, parameter in _write_statements(self._service, changes.writes):
                run(statement, (parameter,))
            if changes.outcomes:
                ids, prints, outcomes = zip(*changes.outcomes, strict=True)
                run(_OUTCOMES, (list(ids), list(prints), [o.decode() for o in outcomes]))
            if changes.jobs:
                run(_JOBS, (_jobs_json(changes.jobs),))
            if changes.done:
                run(_JOB_DONE, (changes.done,))
            if changes.cursor:
                run(_MOVE, changes.cursor)
            for source, pos, stream, message, error in changes.parked:
                run(_PARK, (source, pos, stream, message.decode(), error))
            for place in changes.unparked:
                run(_UNPARK, place)
            run("COMMIT")
        self.committed = changes


@dataclass
class _Load:
    """One look-up: the rows of a state by key, or by a field of another state's rows."""

    kind: type
    keys: list[str] = field(default_factory=list)
    via: tuple[type, str] | None = None
    via_keys: list[str] = field(default_factory=list)

    def statement(self, service: Service) -> tuple[Any, tuple[Any, ...]]:
        if self.via:
            return _select_via(self.kind, *self.via), (self.via_keys,)
        return _select(self.kind), (self.keys,)


def _loads(needs: Iterable[Need]) -> Iterable[_Load]:
    by_kind: dict[Any, _Load] = {}
    for kind, key in needs:
        if isinstance(key, Via):
            load = by_kind.setdefault((kind, key.of, key.field), _Load(kind, via=(key.of, key.field)))
            load.via_keys.append(key.key)
        else:
            by_kind.setdefault(kind, _Load(kind)).keys.append(key)
    return by_kind.values()


@cache
def _select(kind: Any) -> Any:
    return database.text(
        f"SELECT coalesce(json_agg(v), '[]')::text FROM (SELECT * FROM {kind.VIEW} WHERE {kind.KEY} = ANY(%s)) v"
    )


@cache
def _select_via(kind: Any, of: Any, name: str) -> Any:
    return database.text(
        f"SELECT coalesce(json_agg(v), '[]')::text FROM (SELECT * FROM {kind.VIEW} WHERE {kind.KEY} IN"
        f" (SELECT {name} FROM {of.VIEW} WHERE {of.KEY} = ANY(%s))) v"
    )


def _write_statements(service: Service, writes: Writes) -> Iterator[tuple[Any, Any]]:
    for kind, keys in writes.deletes.items():
        yield _delete(kind), keys
    for kind, rows in writes.updates.items():
        yield _update(service.view_of[kind]), encode(rows).decode()
    for kind, rows in writes.inserts.items():
        yield _insert(service.view_of[kind]), encode(rows).decode()


@cache
def _delete(kind: Any) -> Any:
    return database.text(f"DELETE FROM {kind.VIEW} WHERE {kind.KEY} = ANY(%s)")


_statements: dict[tuple[str, type], Any] = {}


def _insert(view: View) -> Any:
    """A plain insert, so that the table's constraints are the last guard: a second row of the same key is an error."""
    place = ("insert", view.kind)
    if place not in _statements:
        table: str = view.kind.VIEW  # type: ignore[attr-defined]
        names = ", ".join(view.columns)
        _statements[place] = database.text(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
        )
    return _statements[place]


def _update(view: View) -> Any:
    place = ("update", view.kind)
    if place not in _statements:
        table, key = view.kind.VIEW, view.kind.KEY  # type: ignore[attr-defined]
        sets = ", ".join(f"{name} = n.{name}" for name in view.columns if name != key)
        _statements[place] = database.text(
            f"UPDATE {table} o SET {sets} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb) n"
            f" WHERE o.{key} = n.{key}"
        )
    return _statements[place]


def _jobs_json(jobs: Sequence[tuple[UUID, str, datetime, Mapping[str, Any], Mapping[str, Any]]]) -> str:
    rows = [{"id": i, "kind": kind, "due": due, "data": data, "meta": meta} for i, kind, due, data, meta in jobs]
    return encode(rows).decode()


class Jobs:
    """The timers and errands that wait in a service's database."""

    def __init__(self, pool: database.Pool) -> None:
        self._pool = pool

    def claim(self, now: datetime, most: int, lease: timedelta) -> list[dict[str, Any]]:
        """Take up to ``most`` due jobs for the length of ``lease``; another worker leaves them alone until then."""
        with self._pool.connection() as conn:
            cursor = conn.cursor(row_factory=dict_row)
            cursor.execute(
                "UPDATE job SET leased_until = %(now)s + %(lease)s, attempts = attempts + 1 WHERE id IN ("
                " SELECT id FROM job WHERE done_at IS NULL AND due <= %(now)s"
                " AND (leased_until IS NULL OR leased_until < %(now)s)"
                " ORDER BY due LIMIT %(most)s FOR UPDATE SKIP LOCKED) RETURNING id, kind, data, meta, attempts, due",
                {"now": now, "lease": lease, "most": most},
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
