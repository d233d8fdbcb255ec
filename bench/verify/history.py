"""The log and the views of rentals of many centres: one centre by real commands, the others copies of it by SQL.

A copy has another centre, which every id carries; nothing else differs.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from bench.rentals.stock import CENTRE

OWN = ("house_rules", "resident", "rental", "item_allocation", "open_rental_item")
AT_ONCE = 10  # copies in one statement
# A copied event is as its original, at its place behind the ones before.
_EVENTS = sql.SQL(
    "INSERT INTO event SELECT (jsonb_populate_record(NULL::event, replace(to_jsonb(e)::text, {centre}, 'c' || k)::jsonb"
    " || jsonb_build_object('position', e.position + k * {length}, 'id', md5(e.id::text || k)::uuid))).*"
    " FROM generate_series({first}, {last}) k, event e WHERE e.position <= {length}"
)
_ROWS = sql.SQL(
    "INSERT INTO {view}"
    " SELECT (jsonb_populate_record(NULL::{view}, replace(to_jsonb(v)::text, {centre}, 'c' || k)::jsonb)).*"
    " FROM generate_series({first}, {last}) k, {original} v"
)


def copied(superuser: str, copies: int) -> Iterator[int]:
    """Add copies of the centre that is there; yields how many there are by now."""
    with psycopg.connect(superuser, autocommit=True) as conn:
        row = conn.execute("SELECT max(position), max(position) * %s / positions_in_part() FROM event", (copies + 1,))
        length, parts = row.fetchone() or (0, 0)
        for number in range(1, int(parts) + 1):
            conn.execute("SELECT make_event_part(%s)", (number,))
        for view in OWN:
            names = sql.Identifier(f"original_{view}"), sql.Identifier(view)
            conn.execute(sql.SQL("CREATE TABLE {} AS TABLE {}").format(*names))
        for first in range(1, copies + 1, AT_ONCE):
            last = min(copies, first + AT_ONCE - 1)
            part = {"first": sql.Literal(first), "last": sql.Literal(last), "centre": sql.Literal(CENTRE)}
            conn.execute(_EVENTS.format(length=sql.Literal(length), **part))
            for view in OWN:
                tables = {"view": sql.Identifier(view), "original": sql.Identifier(f"original_{view}")}
                conn.execute(_ROWS.format(**tables, **part))
            yield last
        conn.execute("VACUUM ANALYZE")
