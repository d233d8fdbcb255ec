"""The two statements of a turn: one that reads all that a batch needs, one that writes all that came of it.

They are put together from the names of our own views and columns, never from input, and come out equal for batches of
the same kind, so that Postgres prepares each once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from services.chassis.codec import Raw, encode
from services.chassis.definition import Service, View
from services.chassis.kernel import Need, Via

Part = tuple[str, Sequence[Any]]  # a piece of SQL and its parameters

_HEAD = "(SELECT coalesce(max(pos), 0) FROM event) AS head"
_SEEN = (
    "(SELECT json_object_agg(id, json_build_array(fingerprint, outcome::text)) FROM outcome WHERE id = ANY(%s)) AS seen"
)
_CURSOR = "(SELECT json_build_array(epoch, pos) FROM followed WHERE source = %s) AS cursor"
_PARKED = "(SELECT json_agg(DISTINCT stream) FROM parked WHERE source = %s) AS parked"
_OUTCOMES = (
    "INSERT INTO outcome (id, fingerprint, outcome) SELECT id, fingerprint, outcome FROM json_to_recordset(%s::json)"
    " AS o (id uuid, fingerprint text, outcome json)"
)
_JOBS = (
    "INSERT INTO job (id, kind, due, data, meta) SELECT id, kind, due, data, meta FROM jsonb_to_recordset(%s::jsonb)"
    " AS j (id uuid, kind text, due timestamptz, data jsonb, meta jsonb) ON CONFLICT (id) DO NOTHING"
)
_JOB_DONE = "UPDATE job SET done_at = now(), leased_until = NULL, error = NULL WHERE id = %s"
_MOVE = (
    "INSERT INTO followed (source, epoch, pos) VALUES (%s, %s, %s)"
    " ON CONFLICT (source) DO UPDATE SET epoch = excluded.epoch, pos = excluded.pos"
)
_PARK = (
    "INSERT INTO parked (source, pos, stream, message, error, early)"
    " SELECT source, pos, stream, message, error, early FROM jsonb_to_recordset(%s::jsonb)"
    " AS p (source text, pos bigint, stream text, message jsonb, error text, early boolean) ON CONFLICT DO NOTHING"
)
_UNPARK = "DELETE FROM parked WHERE source = %s AND pos = ANY(%s)"


@dataclass
class Load:
    """One look-up: the rows of a state by key, or by a field of another state's rows."""

    kind: type
    keys: list[str] = field(default_factory=list)
    via: tuple[type, str] | None = None
    via_keys: list[str] = field(default_factory=list)

    def part(self) -> Part:
        """The rows as one JSON array."""
        if self.via:
            return _select_via(self.kind, *self.via), (self.via_keys,)
        return _select(self.kind), (self.keys,)


def loads(needs: Iterable[Need]) -> list[Load]:
    """The look-ups that find all that is needed, one for each state and way to it."""
    by_kind: dict[Any, Load] = {}
    for kind, key in needs:
        if isinstance(key, Via):
            load = by_kind.setdefault((kind, key.of, key.field), Load(kind, via=(key.of, key.field)))
            load.via_keys.append(key.key)
        else:
            by_kind.setdefault(kind, Load(kind)).keys.append(key)
    return list(by_kind.values())


def reading(wanted: Sequence[Load], ids: Sequence[UUID], source: str | None) -> Part:
    """Everything a turn reads, in one row: head, seen, cursor, parked, and the rows of each load."""
    parts: list[Part] = [
        (_HEAD, ()),
        (_SEEN, (list(ids),)) if ids else ("NULL AS seen", ()),
        (_CURSOR, (source,)) if source else ("NULL AS cursor", ()),
        (_PARKED, (source,)) if source else ("NULL AS parked", ()),
    ]
    parts += [(f"({text}) AS rows{n}", values) for n, (text, values) in enumerate(load.part() for load in wanted)]
    return "SELECT " + ", ".join(text for text, _ in parts), [value for _, values in parts for value in values]


def looking(wanted: Sequence[Load]) -> Part:
    """The rows of each load, in one row."""
    parts = [load.part() for load in wanted]
    return "SELECT " + ", ".join(f"({text})" for text, _ in parts), [v for _, values in parts for v in values]


def writing(service: Service, changes: Any) -> Part | None:
    """Everything a turn writes, in one statement; None when there is nothing."""
    parts = [*_rows(service, changes), *_books(changes)]
    if not parts and not changes.events:
        return None
    tail: Part = ("SELECT 1", ())
    if changes.events:
        tail = ("SELECT append(%s, %s::jsonb)", (changes.base, encode(changes.events).decode()))
    if not parts:
        return tail
    text = "WITH " + ", ".join(f"w{n} AS ({text})" for n, (text, _) in enumerate(parts)) + " " + tail[0]
    return text, [value for _, values in (*parts, tail) for value in values]


def _rows(service: Service, changes: Any) -> Iterator[Part]:
    for kind, keys in changes.writes.deletes.items():
        yield f"DELETE FROM {kind.VIEW} WHERE {kind.KEY} = ANY(%s)", (keys,)
    for kind, rows in changes.writes.updates.items():
        yield _update(service.view_of[kind]), (encode(rows).decode(),)
    for kind, rows in changes.writes.inserts.items():
        yield _insert(service.view_of[kind]), (encode(rows).decode(),)


def _books(changes: Any) -> Iterator[Part]:
    if changes.outcomes:
        known = [{"id": id, "fingerprint": of, "outcome": Raw(outcome)} for id, of, outcome in changes.outcomes]
        yield _OUTCOMES, (encode(known).decode(),)
    if changes.jobs:
        named = ("id", "kind", "due", "data", "meta")
        yield _JOBS, (encode([dict(zip(named, job, strict=True)) for job in changes.jobs]).decode(),)
    if changes.done:
        yield _JOB_DONE, (changes.done,)
    if changes.cursor:
        yield _MOVE, changes.cursor
    if changes.parked:
        yield _PARK, (encode(changes.parked).decode(),)
    for source in sorted({source for source, _ in changes.unparked}):
        yield _UNPARK, (source, [pos for of, pos in changes.unparked if of == source])


@cache
def _select(kind: Any) -> str:
    return f"SELECT coalesce(json_agg(v), '[]')::text FROM (SELECT * FROM {kind.VIEW} WHERE {kind.KEY} = ANY(%s)) v"


@cache
def _select_via(kind: Any, of: Any, name: str) -> str:
    return (
        f"SELECT coalesce(json_agg(v), '[]')::text FROM (SELECT * FROM {kind.VIEW} WHERE {kind.KEY} IN"
        f" (SELECT {name} FROM {of.VIEW} WHERE {of.KEY} = ANY(%s))) v"
    )


_made: dict[tuple[str, type], str] = {}


def _insert(view: View) -> str:
    """A plain insert, so that the table's constraints are the last guard: a second row of the same key is an error."""
    place = ("insert", view.kind)
    if place not in _made:
        table: str = view.kind.VIEW  # type: ignore[attr-defined]
        names = ", ".join(view.columns)
        _made[place] = (
            f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)"
        )
    return _made[place]


def _update(view: View) -> str:
    place = ("update", view.kind)
    if place not in _made:
        table, key = view.kind.VIEW, view.kind.KEY  # type: ignore[attr-defined]
        sets = ", ".join(f"{name} = n.{name}" for name in view.columns if name != key)
        _made[place] = (
            f"UPDATE {table} o SET {sets} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb) n"
            f" WHERE o.{key} = n.{key}"
        )
    return _made[place]
