"""Two centres beside the one that a test is about: names that look alike, the same barcodes, the same numbers.

What a test gives its own centre its neighbours get too (:func:`moved`), and nothing that the test does may change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import psycopg

from services.chassis.domain import Delete, Upsert
from services.chassis.foundation.codec import convert, decode, encode
from services.contracts.base import centre_of

CENTRE = "gwangju-namgu"
NEIGHBOURS = ("gwangju-nam", "gwangju-namgu-2")
_CENTRE = re.compile(rb'(?<=["/:=,-])' + CENTRE.encode() + rb'(?=["./:])')
_OF_NEIGHBOURS = f"({'|'.join(NEIGHBOURS)})([^a-z0-9-]|$)"
_TABLE = re.compile(r"(?:FROM|JOIN) (?!log\b|pg_)([a-z_]+)\b(?![.(])")
_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition"
)
watched: dict[str, dict[str, str]] = {}
_KEY = re.compile(r"[a-z0-9-]+(\..+)?")


def moved(part: Any, neighbour: str) -> Any:
    """The same event, command, row or JSON value, of another centre."""
    if isinstance(part, Upsert):
        return Upsert(moved(part.row, neighbour))
    if isinstance(part, Delete):
        return Delete(part.row_type, moved(part.key, neighbour))
    text = _CENTRE.sub(neighbour.encode(), encode(part))
    return decode(text) if isinstance(part, str | dict | list) else convert(decode(text), type(part))


def rows_of_neighbours(tables: Any) -> dict[tuple[str, str], Any]:
    """The rows of the neighbours among those of a unit of work, by (state, key)."""
    return {
        (row_type.__name__, key): row
        for row_type, rows in tables.items()
        for key, row in rows.items()
        if centre_of(key) in NEIGHBOURS
    }


def of_own_centre(statement: str) -> str:
    """A SELECT that finds no row of the neighbours; anything else stays as it is."""
    if not statement.startswith("SELECT"):
        return statement
    tables = dict.fromkeys(_TABLE.findall(statement))
    parts = [f"{table} AS (SELECT * FROM public.{table} t WHERE t::text !~ '{_OF_NEIGHBOURS}')" for table in tables]
    return f"WITH {', '.join(parts)} {statement}" if parts else statement


def watch(url: str) -> None:
    """From now on nothing of the neighbours in this database may change, until :func:`check` looks."""
    watched[url] = contents(url)


def check() -> None:
    """What the neighbours had when they were watched first they have now."""
    try:
        for url, before in watched.items():
            after = contents(url)
            changed = [table for table in before if after.get(table, before[table]) != before[table]]
            assert not changed, f"rows of another centre have changed in {', '.join(changed)}"
    finally:
        watched.clear()


def contents(url: str) -> dict[str, str]:
    """A digest of the neighbours' rows, by table."""
    with psycopg.connect(url) as conn:
        names = [name for (name,) in conn.execute(_TABLES)]
        rows = "SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM public.{0} t WHERE t::text ~ '{1}'"
        parts = [f"SELECT '{name}', ({rows.format(name, _OF_NEIGHBOURS)})" for name in names]
        return dict(conn.execute(" UNION ALL ".join(parts)).fetchall())  # type: ignore[call-overload, arg-type]


def is_own(key: str) -> bool:
    """Whether a row's key names its centre, and not a neighbour."""
    return bool(_KEY.fullmatch(key)) and centre_of(key) not in NEIGHBOURS


def named_neighbours(parts: Iterable[Any]) -> list[str]:
    """The neighbours that events name."""
    text = b" ".join(encode(part) for part in parts).decode()
    return [neighbour for neighbour in NEIGHBOURS if re.search(rf'"{neighbour}["./:]', text)]
