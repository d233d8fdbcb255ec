"""Proves that every view equals the fold of its events.

One snapshot of the database holds the views, the log and the cursors of one instant; the events up to there are
replayed, and every difference is reported. Readers and writers go on meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.chassis.foundation import database
from services.chassis.foundation.codec import builtins, encode
from services.chassis.readmodels.replay import Progress, ReadFeed, Replay, silent
from services.chassis.service import OWN, Projection, Service


@dataclass(frozen=True)
class Difference:
    """A field of a row that is not what the events say; ``field`` is empty when a whole row is missing or too many."""

    view: str
    key: str
    field: str
    live: Any
    folded: Any

    def __str__(self) -> str:
        what = f"{self.view} {self.key}"
        if not self.field:
            return f"{what}: {'is there, but no event made it' if self.folded is None else 'is missing'}"
        return f"{what}: {self.field} is {self.live!r}, the events say {self.folded!r}"


@dataclass(frozen=True)
class Verdict:
    """What a verification came to."""

    events: int
    rows: int
    views: list[str]
    differences: list[Difference]
    left_out: list[str]  # views of a source that has parked events: they can't be complete before those are taken in

    def report(self) -> bytes:
        """As JSON, without the values that differ: a log must not hold them."""
        found = [{"view": d.view, "key": d.key, "field": d.field} for d in self.differences]
        return encode({**vars(self), "differences": found})


def verify(service: Service, url: str, feeds: Mapping[str, ReadFeed], progress: Progress = silent) -> Verdict:
    """Compare every projection of a service with the fold of its events."""
    with database.connect(url, patience=None) as conn:
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        to = positions(conn)
        parked = {source for (source,) in conn.execute("SELECT DISTINCT source FROM parked")}
        folded = [projection for projection in service.projections if projection.source]
        compared = [projection for projection in folded if projection.source not in parked]
        left_out = [table_of(projection) for projection in folded if projection.source in parked]
        live = {p.row_type: {_key(row): row for row in rows_of(conn, "public", p)} for p in compared}
        replay = Replay(service, live, feeds, progress)
        events = replay.advance(conn, to)
        conn.execute("ROLLBACK")
    differences: list[Difference] = []
    for projection in compared:
        rows = {_key(row): row for row in replay.views.rows(projection.row_type)}
        differences += _compare(projection, live[projection.row_type], rows)
    return Verdict(events, sum(map(len, live.values())), [table_of(p) for p in compared], differences, left_out)


def positions(conn: database.Connection) -> dict[str, int]:
    """How far the own log goes and each source was taken in, in this snapshot."""
    head = conn.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()[0]  # type: ignore[index]
    subscribed = dict(conn.execute("SELECT source, position FROM subscription").fetchall())
    return defaultdict(int, {OWN: head, **subscribed})  # 0: never subscribed to yet


def rows_of(conn: database.Connection, schema: str, projection: Projection) -> list[Any]:
    """The rows of a view's table in a schema."""
    statement = f"SELECT coalesce(json_agg(v), '[]')::text FROM {schema}.{table_of(projection)} v"
    row = conn.execute(database.text(statement)).fetchone()
    return projection.decoder.rows(row[0] if row else "[]")


def table_of(projection: Projection) -> str:
    """The name of a view's table."""
    return str(projection.row_type.VIEW)  # type: ignore[attr-defined]


def _key(row: Any) -> str:
    return str(getattr(row, row.KEY))


def _compare(projection: Projection, live: dict[str, Any], folded: dict[str, Any]) -> Iterator[Difference]:
    table = table_of(projection)
    for key in sorted({*live, *folded}):
        here, there = live.get(key), folded.get(key)
        if here is None or there is None:
            yield Difference(table, key, "", builtins(here), builtins(there))
        elif here != there:
            one, other = builtins(here), builtins(there)
            yield from (Difference(table, key, f, one[f], other[f]) for f in one if one[f] != other[f])
