"""Builds views again beside the live ones and swaps them in.

The new rows grow in the schema ``next`` from event 1 while readers and writers go on. Then, in one transaction under
the log's lock, the last events are taken in and the tables change places. The old ones stay in the schema ``retired``
until the next rebuild: ``back`` swaps them in again, after taking in what has happened since.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from psycopg import sql

from services.chassis.eventstore.migrate import grant
from services.chassis.foundation import database
from services.chassis.foundation.codec import decode, encode
from services.chassis.readmodels.replay import Progress, ReadFeed, Replay, silent
from services.chassis.readmodels.verify import positions, rows_of, table_of
from services.chassis.service import Projection, Service

log = structlog.get_logger()
CHUNK = 5000  # rows in one insert
NEAR = 2000  # events: what is left for the moment under the lock


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
    """Fold the projections from the first event and swap them in. ``url`` is the owner's."""
    began, projections = time.monotonic(), chosen(service, names)
    row_types = [projection.row_type for projection in projections]
    with _connection(url) as conn:
        replay = Replay(service, row_types, feeds, progress)
        events = replay.advance(conn, positions(conn))
        while (left := replay.behind(positions(conn))) > NEAR:
            events += replay.advance(conn, positions(conn))
        _make_tables(conn, "next", projections)
        replay.views.mark()
        for projection in projections:
            _insert(conn, "next", projection, replay.views.rows(projection.row_type))
        log.info("rebuilt_beside", service=service.name, events=events, left=left)
        locked, more = _take_over(conn, service, projections, replay, "next")
        rows = sum(replay.views.count(projection.row_type) for projection in projections)
    return Rebuilt(_tables(projections), events + more, rows, time.monotonic() - began, locked)


def back(service: Service, url: str, feeds: Mapping[str, ReadFeed], names: Sequence[str] = ()) -> Rebuilt:
    """Swap the retired tables in again, after taking in what has happened since they were retired."""
    began, projections = time.monotonic(), chosen(service, names)
    row_types = [projection.row_type for projection in projections]
    with _connection(url) as conn:
        then = _retired_at(conn, service, projections)
        replay = Replay(service, row_types, feeds, silent)
        events = replay.advance(conn, then)
        for projection in projections:
            replay.views.override(projection.row_type, rows_of(conn, "retired", projection))
        replay.views.mark()
        locked, more = _take_over(conn, service, projections, replay, "retired")
        rows = sum(replay.views.count(projection.row_type) for projection in projections)
    return Rebuilt(_tables(projections), events + more, rows, time.monotonic() - began, locked)


def _connection(url: str) -> database.Connection:
    conn = database.connect(url, patience=None)
    conn.execute("SET lock_timeout = '10s'")
    return conn


def _take_over(
    conn: database.Connection, service: Service, projections: Sequence[Projection], replay: Replay, schema: str
) -> tuple[float, int]:
    """Under the lock: the last events, then the tables change places. Returns how long that took, and the events."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(log_key())")
        began, now = time.monotonic(), positions(conn)
        events = replay.advance(conn, now)
        for projection in projections:
            changed = replay.views.changes(projection.row_type)
            _delete(conn, schema, projection, list(changed))
            _insert(conn, schema, projection, (row for row in changed.values() if row is not None))
        _swap(conn, schema, projections, now)
        grant(conn, service.name)
    return time.monotonic() - began, events


def _make_tables(conn: database.Connection, schema: str, projections: Sequence[Projection]) -> None:
    conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    for table in _tables(projections):
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, table)))
        new, live = sql.Identifier(schema, table), sql.Identifier("public", table)
        conn.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(new, live))


def _insert(conn: database.Connection, schema: str, projection: Projection, rows: Iterable[Any]) -> None:
    table = sql.Identifier(schema, table_of(projection))
    names = sql.SQL(", ").join(map(sql.Identifier, projection.columns))
    statement = sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
    ).format(table=table, names=names)
    remaining = iter(rows)
    while some := list(islice(remaining, CHUNK)):
        conn.execute(statement, (encode(some).decode(),))


def _delete(conn: database.Connection, schema: str, projection: Projection, keys: list[str]) -> None:
    key = sql.Identifier(projection.row_type.KEY)  # type: ignore[attr-defined]
    table = sql.Identifier(schema, table_of(projection))
    conn.execute(sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(table, key), (keys,))


def _swap(conn: database.Connection, schema: str, projections: Sequence[Projection], now: dict[str, int]) -> None:
    conn.execute("CREATE SCHEMA IF NOT EXISTS retired")
    conn.execute("CREATE SCHEMA IF NOT EXISTS leaving")
    note = sql.Literal(encode(now).decode())
    for table in _tables(projections):
        live, new, leaving = (sql.Identifier(where, table) for where in ("public", schema, "leaving"))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA leaving").format(live))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA public").format(new))
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("retired", table)))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA retired").format(leaving))
        conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier("retired", table), note))


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
