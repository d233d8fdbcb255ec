"""The log and the views of one service in Postgres: a unit of work costs one round trip to open and one to commit.

Each trip is one statement. It is put together from the names of our own views and columns, never from input; batches of
the same kind get the same text, so each is built once and prepared once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import structlog
from psycopg.sql import SQL

from services.chassis.domain import Read, StateReader
from services.chassis.eventstore.records import Cursor, Lookup, Opened
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation import database
from services.chassis.foundation.codec import Raw, decode, encode
from services.chassis.service import Service

log = structlog.get_logger()
_AT = tuple[str, int, str | None, datetime | None, tuple[str, ...] | None, int | None]
_LOCK = database.text("SELECT pg_advisory_xact_lock(log_key())")
# Postgres timeouts do not end a session whose client disappears mid-pipeline; it keeps the log lock. A writer that
# times out on the lock terminates a holder that is stuck in ClientRead.
_END_SILENT = database.text(
    "SELECT count(pg_terminate_backend(a.pid)) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()"
    " AND (l.classid::bigint << 32) | l.objid::bigint = log_key() AND a.usename = current_user"
    " AND a.wait_event = 'ClientRead' AND a.state_change < now() - make_interval(secs => %s)"
)
SILENT = 2.0  # seconds: the two round trips of a unit of work are milliseconds apart
_HEAD = "(SELECT coalesce(max(position), 0) FROM event)"
_OUTCOMES = "(SELECT json_object_agg(id, json_build_array(fingerprint, outcome::text)) FROM outcome WHERE id = ANY(%s))"
_CURSOR = (
    "(SELECT json_build_array(epoch, position, event_id, event_at, types, resume_from) FROM subscription"
    " WHERE source = %s),"
    " (SELECT json_agg(DISTINCT stream) FROM parked WHERE source = %s)"
)
_ENQUEUE = (
    "INSERT INTO job (id, name, lane, due, since, data, meta) SELECT id, name, lane, due, due, data, meta"
    " FROM jsonb_to_recordset(%s::jsonb) AS j (id uuid, name text, lane text, due timestamptz, data jsonb, meta jsonb)"
    " ON CONFLICT (id) DO NOTHING"
)
_MOVE = (
    "INSERT INTO subscription (source, epoch, position, event_id, event_at, types) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (source) DO UPDATE SET epoch = excluded.epoch, position = excluded.position,"
    " event_id = excluded.event_id, event_at = excluded.event_at, types = excluded.types"
)
MARKED = 1000  # positions from one mark of a source to the next
_MARK = (
    "INSERT INTO subscription_mark (source, position, event_id, event_at) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (source, position) DO UPDATE SET"
    " event_id = excluded.event_id, event_at = excluded.event_at, at = now()"
)
_REFUSALS = (
    "INSERT INTO policy_refusal (command_id, source, position, stream, command, code, details)"
    " SELECT command_id, source, position, stream, command, code, details FROM jsonb_to_recordset(%s::jsonb) AS r"
    " (command_id uuid, source text, position bigint, stream text, command text, code text, details jsonb)"
    " ON CONFLICT DO NOTHING"
)
_PARK = (
    "INSERT INTO parked (source, position, stream, message, error, out_of_order)"
    " SELECT source, position, stream, message, error, out_of_order FROM jsonb_to_recordset(%s::jsonb) AS p"
    " (source text, position bigint, stream text, message jsonb, error text, out_of_order boolean)"
    " ON CONFLICT DO NOTHING"
)
_UNPARK = "DELETE FROM parked WHERE source = %s AND position = %s"
_APPEND = "append(%s, %s::jsonb, %s::jsonb)"
_KEEP_OUTCOMES = "keep_outcomes(%s::json)"
_FINISH_JOB = "finish_job(%s)"


class Store(Protocol):
    """Where a service's log and views live."""

    fingerprint_key: bytes

    def begin(
        self, ids: Sequence[UUID] = (), reads: Iterable[Read] = (), source: str | None = None
    ) -> AbstractContextManager[UnitOfWork]:
        """A unit of work, opened: leaving it without a commit writes nothing."""


class PostgresStore:
    """The store of one service in its own database. ``committed`` is told each unit of work that was committed."""

    def __init__(
        self,
        service: Service,
        url: str,
        committed: Callable[[UnitOfWork], None] = lambda uow: None,
        fingerprint_key: bytes = b"",
    ) -> None:
        self.service, self.fingerprint_key = service, fingerprint_key
        self.pool = database.Pool(url)
        self.reading = database.Pool(url, size=4)  # of its own, so that writers who wait for the lock hold up no reader
        self._committed = committed

    @contextmanager
    def begin(
        self, ids: Sequence[UUID] = (), reads: Iterable[Read] = (), source: str | None = None
    ) -> Iterator[UnitOfWork]:
        """A unit of work under the log's lock."""
        with self.pool.connection() as conn:
            uow = UnitOfWork(self.service, PostgresSession(self.service, conn))
            try:
                uow.open(ids, reads, source)
                yield uow
            except BaseException as error:
                # Not a rollback: after an error in a pipeline the driver may think that statements are prepared which
                # the server never saw.
                conn.close()
                if isinstance(error, database.Locked):
                    self._end_silent_holder()
                raise
            if uow.committed:
                self._committed(uow)
            else:
                conn.execute("ROLLBACK")

    def _end_silent_holder(self) -> None:
        with database.connect(self.pool.url) as conn:  # an idle one may be as dead as the holder's
            ended = conn.execute(_END_SILENT, (SILENT,)).fetchone()
        if ended and ended[0]:
            log.warning("silent_holder_of_the_lock_ended")

    @contextmanager
    def read(self, reads: Iterable[Read], centre: str | None = None) -> Iterator[StateReader]:
        """Rows of a centre, or of all, as they stand, without the lock: for reading, never for deciding."""
        with self.reading.connection() as conn:
            uow = UnitOfWork(self.service, PostgresSession(self.service, conn), centre=centre)
            uow.preload(reads)
            yield uow


@dataclass
class PostgresSession:
    """One connection: everything is read in one round trip and written in another."""

    service: Service
    conn: database.Connection

    def open(self, lookups: Mapping[Lookup, list[str]], ids: Sequence[UUID], source: str | None) -> Opened:
        """Begin, lock, and read, in one round trip. What is read after the lock is what was committed before it."""
        values = [list(ids), *((source, source) if source else ()), *lookups.values()]
        with self.conn.pipeline():
            self.conn.execute("BEGIN")
            self.conn.execute(_LOCK)
            found = self.conn.execute(opening(tuple(lookups), source is not None), values)
        head, known, *rest = found.fetchone()  # type: ignore[misc]
        outcomes = {UUID(id): (of, outcome.encode()) for id, (of, outcome) in decode(known).items()} if known else {}
        cursor = None
        if source:
            at, parked, *rest = rest
            streams = frozenset(decode(parked) if parked else ())
            if at:
                epoch, position, id, stored_at, types, resume_from = decode(at, type=_AT)
                cursor = Cursor(epoch, position, streams, id, stored_at, types, resume_from)
            else:
                cursor = Cursor(None, 0, streams)
        rows = [
            self.service.projection_of[lookup.row_type].decoder.rows(text)
            for lookup, text in zip(lookups, rest, strict=True)
        ]
        return Opened(head, outcomes, cursor, rows)

    def fetch(self, lookups: Mapping[Lookup, list[str]]) -> list[list[Any]]:
        """Rows, in one round trip."""
        row = self.conn.execute(fetching(tuple(lookups)), list(lookups.values())).fetchone() or ()
        return [
            self.service.projection_of[lookup.row_type].decoder.rows(text)
            for lookup, text in zip(lookups, row, strict=True)
        ]

    def commit(self, uow: UnitOfWork) -> None:
        """Append, write, enqueue, commit, in one round trip."""
        written = writing(uow)
        with self.conn.pipeline():
            if written:
                self.conn.execute(*written)
            self.conn.execute("COMMIT")


@cache
def opening(lookups: tuple[Lookup, ...], subscribes: bool) -> SQL:
    """What reads the head, known outcomes, the cursor and all rows; its values are ids, source twice, keys."""
    columns = [_HEAD, _OUTCOMES, *([_CURSOR] if subscribes else []), *map(_rows_of, lookups)]
    return SQL("SELECT " + ", ".join(columns))


@cache
def fetching(lookups: tuple[Lookup, ...]) -> SQL:
    """What reads rows alone; its values are the keys of each lookup."""
    return SQL("SELECT " + ", ".join(map(_rows_of, lookups)))


def _rows_of(lookup: Lookup) -> str:
    row_type: Any = lookup.row_type
    through: Any = lookup.through
    where = f"{row_type.KEY} = ANY(%s)"
    if through:
        where = f"{row_type.KEY} IN (SELECT {lookup.field} FROM {through.VIEW} WHERE {through.KEY} = ANY(%s))"
    return f"(SELECT coalesce(json_agg(v), '[]')::text FROM (SELECT * FROM {row_type.VIEW} WHERE {where}) v)"


def writing(uow: UnitOfWork) -> tuple[SQL, list[Any]] | None:
    """Everything that a unit of work writes, in one statement, and its values; None when there is nothing."""
    parts: list[tuple[str, Sequence[Any]]] = [*_row_parts(uow), *_book_parts(uow)]
    calls: list[tuple[str, Sequence[Any]]] = []
    if uow.events:
        kinds = [{"type": type, "schema": schema} for type, schema in {(e.type, e.schema) for e in uow.events}]
        calls.append((_APPEND, (uow.head, encode(uow.events).decode(), encode(kinds).decode())))
    if uow.outcomes:
        known = [{"id": id, "fingerprint": of, "outcome": Raw(outcome)} for id, of, outcome in uow.outcomes]
        calls.append((_KEEP_OUTCOMES, (encode(known).decode(),)))
    if uow.job_done:
        calls.append((_FINISH_JOB, (uow.job_done,)))
    if not parts and not calls:
        return None
    statement = _combined(tuple(text for text, _ in parts), tuple(text for text, _ in calls))
    return statement, [value for _, values in (*parts, *calls) for value in values]


@cache
def _combined(parts: tuple[str, ...], calls: tuple[str, ...]) -> SQL:
    """The parts, and the calls of what the app may not write itself, as one statement."""
    head = "WITH " + ", ".join(f"w{n} AS ({text})" for n, text in enumerate(parts)) + " " if parts else ""
    return SQL(head + "SELECT " + (", ".join(calls) or "1"))


def _row_parts(uow: UnitOfWork) -> Iterator[tuple[str, Sequence[Any]]]:
    writes = uow.writes()
    for row_type, keys in writes.deletes.items():
        yield f"DELETE FROM {row_type.VIEW} WHERE {row_type.KEY} = ANY(%s)", (keys,)  # type: ignore[attr-defined]
    for row_type, rows in writes.updates.items():
        yield _update(row_type, uow.service.projection_of[row_type].columns), (encode(rows).decode(),)
    for row_type, rows in writes.inserts.items():
        yield _insert(row_type, uow.service.projection_of[row_type].columns), (encode(rows).decode(),)


def _book_parts(uow: UnitOfWork) -> Iterator[tuple[str, Sequence[Any]]]:
    if uow.jobs:
        yield _ENQUEUE, (encode(uow.jobs).decode(),)
    if uow.moved_to:
        yield _MOVE, uow.moved_to
        if uow.moved_to.position // MARKED > uow.cursor.position // MARKED:
            yield _MARK, (uow.moved_to.source, *uow.moved_to[2:5])
    if uow.policy_refusals:
        yield _REFUSALS, (encode(uow.policy_refusals).decode(),)
    if uow.parked:
        yield _PARK, (encode(uow.parked).decode(),)
    for place in uow.taken_in:
        yield _UNPARK, place


@cache
def _insert(row_type: Any, columns: tuple[str, ...]) -> str:
    """A plain insert, so that the table's constraints are the last guard: a second row of the same key is an error."""
    table, names = row_type.VIEW, _names(columns)
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"


@cache
def _update(row_type: Any, columns: tuple[str, ...]) -> str:
    table, key = row_type.VIEW, row_type.KEY
    sets = ", ".join(f'"{name}" = n."{name}"' for name in columns if name != key)
    return (
        f"UPDATE {table} o SET {sets} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb) n WHERE o.{key} = n.{key}"
    )


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
