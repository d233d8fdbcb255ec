"""Builds views again beside the live ones and swaps them in.

The new rows grow in the schema ``next`` from event 1 while readers and writers go on. Then, in one short transaction
under the log's lock, the last events are taken in and the tables change places; whatever takes long, the reading of
other services' feeds above all, was done before. The old tables stay in the schema ``retired`` until the next rebuild:
``back`` swaps them in again, after taking in what has happened since.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg import sql

from services.chassis.foundation import database
from services.chassis.foundation.codec import decode, encode
from services.chassis.readmodels.replay import PART, Behind, Progress, ReadFeed, Replay, silent
from services.chassis.readmodels.row_table import PAGE
from services.chassis.readmodels.verify import extent, table_of
from services.chassis.service import Projection, Service

log = structlog.get_logger()
_RIGHTS = database.text(
    "SELECT format('GRANT %%s ON %%I.%%I TO %%I', string_agg(privilege_type, ', '), %s::text, table_name, grantee)"
    " FROM information_schema.role_table_grants WHERE table_schema = 'public' AND table_name = ANY(%s)"
    " AND grantee <> current_user GROUP BY table_name, grantee"
)
NEAR = 500  # positions: what may be left for the moment under the lock
TRIES = 100  # at the swap: as often the last events may be too many, or a reader too slow
READERS = "30ms"  # how long writers wait with us for the readers of a table that is swapped out


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to; ``locked`` is how long writers waited, in seconds."""

    views: list[str]
    events: int
    rows: int
    seconds: float
    locked: float

    def __str__(self) -> str:
        rate = self.events / self.seconds if self.seconds else 0.0
        return (
            f"{', '.join(self.views)}: {self.events} events, {self.rows} rows in {self.seconds:.1f} s"
            f" ({rate:,.0f} events/s); swapped in {self.locked * 1000:.0f} ms"
        )


class ViewUnknown(Exception):
    """There is no projection of that name, or nothing to go back to."""


class Disturbed(Exception):
    """The tables could not be swapped; the live ones are as they were."""


def chosen(service: Service, names: Sequence[str]) -> list[Projection]:
    """The views of these names, or all that events make. Raises :class:`ViewUnknown`."""
    by_name = {table_of(projection): projection for projection in service.projections if projection.source}
    unknown = sorted(set(names) - set(by_name))
    if unknown:
        raise ViewUnknown(f"{service.name} has no view {unknown[0]}; it has {', '.join(sorted(by_name))}")
    return [by_name[name] for name in names or by_name]


def rebuild(
    service: Service, url: str, feeds: Mapping[str, ReadFeed], names: Sequence[str] = (), progress: Progress = silent
) -> Rebuilt:
    """Fold the projections from the first event and swap them in. ``url`` is the owner's. Raises :class:`Disturbed`."""
    began, projections = time.monotonic(), chosen(service, names)
    row_types = [projection.row_type for projection in projections]
    with _connection(url) as conn:
        first = extent(conn)
        with Replay(service, row_types, feeds, first.dropped, progress) as replay:
            events = replay.advance(conn, first.to)
            _make_tables(conn, "next", projections)
            replay.views.changes()
            for projection in projections:
                for page in replay.views.tables[projection.row_type].pages():
                    _insert(conn, "next", projection, [row for _, row in page])
            log.info("rebuilt_beside", service=service.name, events=events)
            locked, more = _take_over(conn, projections, replay, "next")
        rows = _count(conn, projections)
    return Rebuilt(_tables(projections), events + more, rows, time.monotonic() - began, locked)


def back(service: Service, url: str, feeds: Mapping[str, ReadFeed], names: Sequence[str] = ()) -> Rebuilt:
    """Swap the retired tables in again, after taking in what has happened since they were retired."""
    began, projections = time.monotonic(), chosen(service, names)
    row_types = [projection.row_type for projection in projections]
    with _connection(url) as conn:
        then = _retired_at(conn, service, projections)
        with Replay(service, row_types, feeds, extent(conn).dropped) as replay:
            replay.positions.update({source: then[source] for source in replay.positions})
            for projection in projections:
                _load(conn, projection, replay)
            replay.views.changes()
            locked, events = _take_over(conn, projections, replay, "retired")
        rows = _count(conn, projections)
    return Rebuilt(_tables(projections), events, rows, time.monotonic() - began, locked)


def _connection(url: str) -> database.Connection:
    conn = database.connect(url, patience=None)
    conn.execute("SET lock_timeout = '10s'")
    return conn


def _load(conn: database.Connection, projection: Projection, replay: Replay) -> None:
    """Put the retired rows of a view into the replay."""
    table, key = replay.views.tables[projection.row_type], projection.row_type.KEY  # type: ignore[attr-defined]
    statement = sql.SQL("SELECT to_json(v)::text FROM {} v").format(sql.Identifier("retired", table_of(projection)))
    for (text,) in conn.cursor().stream(statement, size=PART):
        row = projection.decoder.one(text)
        table[getattr(row, key)] = row
        if len(table) > PAGE:
            table.turn()


def _take_over(
    conn: database.Connection, projections: Sequence[Projection], replay: Replay, schema: str
) -> tuple[float, int]:
    """Take in what has happened, until so little is left that writers can wait for it. Returns how long they waited."""
    events = 0
    for name in ("retired", "leaving", "gone"):
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))
    _drop_gone(conn, projections)
    _copy_rights(conn, schema, projections)
    for _ in range(TRIES):
        events += replay.advance(conn, extent(conn).to)
        _apply(conn, schema, projections, replay)
        replay.read_ahead()
        try:
            locked, more = _under_the_lock(conn, projections, replay, schema)
        except (Behind, database.Locked):
            continue
        _drop_gone(conn, projections)
        return locked, events + more
    raise Disturbed("writers or readers were too busy for the swap; nothing was changed, try again later")


def _under_the_lock(
    conn: database.Connection, projections: Sequence[Projection], replay: Replay, schema: str
) -> tuple[float, int]:
    """The last events, then the tables change places. Raises :class:`Behind` or Locked when it would take too long."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(log_key())")
        began, now = time.monotonic(), extent(conn)
        if now.dropped != replay.dropped:
            raise Disturbed("parked events were dropped meanwhile; nothing was changed, try again")
        if replay.behind(now.to) > NEAR:
            raise Behind
        events = replay.advance(conn, now.to, may_read=False)
        _apply(conn, schema, projections, replay)
        conn.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(READERS))
        _swap(conn, schema, projections, now.to)
    return time.monotonic() - began, events


def _make_tables(conn: database.Connection, schema: str, projections: Sequence[Projection]) -> None:
    conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    for table in _tables(projections):
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, table)))
        new, live = sql.Identifier(schema, table), sql.Identifier("public", table)
        conn.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(new, live))


def _copy_rights(conn: database.Connection, schema: str, projections: Sequence[Projection]) -> None:
    """Whoever may read or write the live tables may do so with those that take their places."""
    for (grant,) in conn.execute(_RIGHTS, (schema, _tables(projections))).fetchall():
        conn.execute(database.text(grant))


def _apply(conn: database.Connection, schema: str, projections: Sequence[Projection], replay: Replay) -> None:
    """Write the rows that have changed since the last time."""
    changes = replay.views.changes()
    for projection in projections:
        if changed := changes.get(projection.row_type):
            _delete(conn, schema, projection, list(changed))
            _insert(conn, schema, projection, [encode(row) for row in changed.values() if row is not None])


def _insert(conn: database.Connection, schema: str, projection: Projection, rows: Sequence[bytes]) -> None:
    table = sql.Identifier(schema, table_of(projection))
    names = sql.SQL(", ").join(map(sql.Identifier, projection.columns))
    statement = sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
    ).format(table=table, names=names)
    conn.execute(statement, (f"[{b','.join(rows).decode()}]",))


def _delete(conn: database.Connection, schema: str, projection: Projection, keys: list[str]) -> None:
    key = sql.Identifier(projection.row_type.KEY)  # type: ignore[attr-defined]
    table = sql.Identifier(schema, table_of(projection))
    conn.execute(sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(table, key), (keys,))


def _swap(conn: database.Connection, schema: str, projections: Sequence[Projection], now: dict[str, int]) -> None:
    note = sql.Literal(encode(now).decode())
    moves = (("public", "leaving"), (schema, "public"), ("retired", "gone"), ("leaving", "retired"))
    for table in _tables(projections):
        for here, there in moves:
            which = (sql.Identifier(here, table), sql.Identifier(there))
            conn.execute(sql.SQL("ALTER TABLE IF EXISTS {} SET SCHEMA {}").format(*which))
        conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier("retired", table), note))


def _drop_gone(conn: database.Connection, projections: Sequence[Projection]) -> None:
    for table in _tables(projections):
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("gone", table)))


def _count(conn: database.Connection, projections: Sequence[Projection]) -> int:
    tables = (sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(table)) for table in _tables(projections))
    row: Any = conn.execute(sql.SQL("SELECT {}").format(sql.SQL(" + ").join(tables))).fetchone()
    return int(row[0])


def _retired_at(conn: database.Connection, service: Service, projections: Sequence[Projection]) -> dict[str, int]:
    notes = set()
    for table in _tables(projections):
        row = conn.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (f"retired.{table}",)).fetchone()
        if not row or not row[0]:
            raise ViewUnknown(f"{service.name} has no retired {table} to go back to")
        notes.add(row[0])
    if len(notes) > 1:
        raise ViewUnknown("these projections were retired at different times; go back with one at a time")
    return defaultdict(int, decode(notes.pop()))


def _tables(projections: Sequence[Projection]) -> list[str]:
    return [table_of(projection) for projection in projections]
