"""Builds views anew beside the live ones and swaps them in: ``python -m services.chassis.rebuild NAME [VIEW ...]``.

The new rows grow in the schema ``next`` from fact 1 while readers and writers go on. Then, in one transaction under the
log's lock, the last facts are taken in and the tables change places. The old ones stay in the schema ``retired`` until
the next rebuild: ``--back`` swaps them in again, after taking in what has happened since.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from psycopg import sql

from services.chassis import database
from services.chassis.codec import decode, encode
from services.chassis.definition import Service, View
from services.chassis.doors import pulls_of, service_named
from services.chassis.migrate import grant
from services.chassis.refold import Progress, Pull, Refold, quiet
from services.chassis.settings import SettingMissing, required
from services.chassis.verify import Positions, positions

log = structlog.get_logger()
CHUNK = 5000  # rows in one insert
NEAR = 2000  # facts: what is left for the moment under the lock


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to; ``locked`` is how long writers waited, in seconds."""

    views: list[str]
    facts: int
    rows: int
    seconds: float
    locked: float

    def __str__(self) -> str:
        rate = self.facts / self.seconds if self.seconds else 0.0
        return (
            f"{', '.join(self.views)}: {self.facts} facts, {self.rows} rows in {self.seconds:.1f} s"
            f" ({rate:,.0f} facts/s); swapped in {self.locked * 1000:.0f} ms"
        )


class ViewUnknown(Exception):
    """There is no view of that name, or nothing to go back to."""


def chosen(service: Service, names: Sequence[str]) -> list[View]:
    """The views of these names, or all that facts make. Raises :class:`ViewUnknown`."""
    by_name = {str(view.kind.VIEW): view for view in service.views if view.source}  # type: ignore[attr-defined]
    unknown = sorted(set(names) - set(by_name))
    if unknown:
        raise ViewUnknown(f"{service.name} has no view {unknown[0]}; it has {', '.join(sorted(by_name))}")
    return [by_name[name] for name in names or by_name]


def rebuild(
    service: Service, url: str, pulls: Mapping[str, Pull], names: Sequence[str] = (), progress: Progress = quiet
) -> Rebuilt:
    """Fold the views from the first fact and swap them in. ``url`` is the owner's."""
    began, views = time.monotonic(), chosen(service, names)
    kinds = [view.kind for view in views]
    with _connection(url) as conn:
        refold = Refold(service, kinds, pulls, progress)
        facts = refold.advance(conn, positions(conn))
        while (left := refold.behind(positions(conn))) > NEAR:
            facts += refold.advance(conn, positions(conn))
        _make_tables(conn, "next", views)
        refold.shadow.mark()
        for view in views:
            _insert(conn, "next", view, refold.shadow.rows(view.kind))
        log.info("rebuilt_beside", service=service.name, facts=facts, left=left)
        locked, more = _take_over(conn, service, views, refold, "next")
        rows = sum(refold.shadow.count(view.kind) for view in views)
    return Rebuilt(_tables(views), facts + more, rows, time.monotonic() - began, locked)


def back(service: Service, url: str, pulls: Mapping[str, Pull], names: Sequence[str] = ()) -> Rebuilt:
    """Swap the retired tables in again, after taking in what has happened since they were retired."""
    began, views = time.monotonic(), chosen(service, names)
    kinds = [view.kind for view in views]
    with _connection(url) as conn:
        then = _retired_at(conn, service, views)
        refold = Refold(service, kinds, pulls, quiet)
        facts = refold.advance(conn, then)
        for view in views:
            refold.shadow.override(view.kind, _rows(conn, "retired", view))
        refold.shadow.mark()
        locked, more = _take_over(conn, service, views, refold, "retired")
        rows = sum(refold.shadow.count(view.kind) for view in views)
    return Rebuilt(_tables(views), facts + more, rows, time.monotonic() - began, locked)


def _connection(url: str) -> database.Connection:
    conn = database.connect(url, patience=None)
    conn.execute("SET lock_timeout = '10s'")
    return conn


def _take_over(
    conn: database.Connection, service: Service, views: Sequence[View], refold: Refold, schema: str
) -> tuple[float, int]:
    """Under the lock: the last facts, then the tables change places. Returns how long that took, and the facts."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(log_key())")
        began, now = time.monotonic(), positions(conn)
        facts = refold.advance(conn, now)
        for view in views:
            changed = refold.shadow.changes(view.kind)
            _delete(conn, schema, view, list(changed))
            _insert(conn, schema, view, (row for row in changed.values() if row is not None))
        _swap(conn, schema, views, now)
        grant(conn, service.name)
    return time.monotonic() - began, facts


def _make_tables(conn: database.Connection, schema: str, views: Sequence[View]) -> None:
    conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    for table in _tables(views):
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, table)))
        conn.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(
                sql.Identifier(schema, table), sql.Identifier("public", table)
            )
        )


def _insert(conn: database.Connection, schema: str, view: View, rows: Iterable[Any]) -> None:
    table, names = sql.Identifier(schema, _table(view)), sql.SQL(", ").join(map(sql.Identifier, view.columns))
    statement = sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
    ).format(table=table, names=names)
    remaining = iter(rows)
    while some := list(islice(remaining, CHUNK)):
        conn.execute(statement, (encode(some).decode(),))


def _delete(conn: database.Connection, schema: str, view: View, keys: list[str]) -> None:
    key = sql.Identifier(view.kind.KEY)  # type: ignore[attr-defined]
    table = sql.Identifier(schema, _table(view))
    conn.execute(sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(table, key), (keys,))


def _rows(conn: database.Connection, schema: str, view: View) -> list[Any]:
    table = sql.Identifier(schema, _table(view))
    row = conn.execute(sql.SQL("SELECT coalesce(json_agg(v), '[]')::text FROM {} v").format(table)).fetchone()
    return view.reader.rows(row[0] if row else "[]")


def _swap(conn: database.Connection, schema: str, views: Sequence[View], now: dict[str, int]) -> None:
    conn.execute("CREATE SCHEMA IF NOT EXISTS retired")
    conn.execute("CREATE SCHEMA IF NOT EXISTS leaving")
    note = sql.Literal(encode(now).decode())
    for table in _tables(views):
        live, new, leaving = (sql.Identifier(where, table) for where in ("public", schema, "leaving"))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA leaving").format(live))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA public").format(new))
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier("retired", table)))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA retired").format(leaving))
        conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier("retired", table), note))


def _retired_at(conn: database.Connection, service: Service, views: Sequence[View]) -> dict[str, int]:
    notes = set()
    for table in _tables(views):
        row = conn.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", (f"retired.{table}",)).fetchone()
        if not row or not row[0]:
            raise ViewUnknown(f"{service.name} has no retired {table} to go back to")
        notes.add(row[0])
    if len(notes) > 1:
        raise ViewUnknown("these views were retired at different times; go back with one at a time")
    return Positions(decode(notes.pop()))


def _table(view: View) -> str:
    name: str = view.kind.VIEW  # type: ignore[attr-defined]
    return name


def _tables(views: Sequence[View]) -> list[str]:
    return [_table(view) for view in views]


def show(source: str, position: int, of: int) -> None:
    """Progress for people."""
    print(f"  {source}: {position} of {of}", file=sys.stderr, flush=True)


def main() -> int:
    """Rebuild the views named on the command line, or all."""
    arguments = [a for a in sys.argv[1:] if a != "--back"]
    try:
        service = service_named(arguments[0] if arguments else "")
        url, pulls = required(os.environ, "NANUM_OWNER_DATABASE_URL"), pulls_of(service)
        if "--back" in sys.argv:
            print(back(service, url, pulls, arguments[1:]))
        else:
            print(rebuild(service, url, pulls, arguments[1:], show))
    except (SettingMissing, ViewUnknown) as wrong:
        print(f"rebuild: {wrong}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
