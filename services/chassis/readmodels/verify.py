"""Proves that every view equals the fold of its events.

The events are replayed; then the views are compared page by page, each in a short snapshot of its own, up to whose
positions the replay goes on first. So readers, writers and vacuum go on, and a view may be larger than memory.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from services.chassis.foundation import database
from services.chassis.foundation.codec import builtins, encode
from services.chassis.readmodels.replay import Progress, ReadFeed, Replay, silent
from services.chassis.readmodels.row_table import PAGE, RowTable
from services.chassis.service import OWN, Projection, Service

MOST = 1000  # differences of a view that are told one by one; of more there is only the number


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


@dataclass
class Verdict:
    """What a verification came to. ``found`` counts the differences of each view, also those that are not listed.

    ``dropped`` are the events, as (source, position), that an operator left out, and so does the comparison.
    """

    dropped: list[tuple[str, int]]
    events: int = 0
    rows: int = 0
    found: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # views of a source with parked events: they can't be complete

    @property
    def views(self) -> list[str]:
        """What was compared."""
        return list(self.found)

    def add(self, difference: Difference) -> None:
        """Count a difference, and keep the first of its view."""
        self.found[difference.view] += 1
        if self.found[difference.view] <= MOST:
            self.differences.append(difference)

    def report(self) -> bytes:
        """As JSON, without the values that differ: a log must not hold them."""
        found = [{"view": d.view, "key": d.key, "field": d.field} for d in self.differences]
        return encode({**vars(self), "views": self.views, "differences": found})


class Extent(NamedTuple):
    """How far the own log goes and each source was taken in, as of one snapshot; and what of it was not taken in."""

    to: dict[str, int]
    parked: frozenset[str]  # sources
    dropped: frozenset[tuple[str, int]]  # (source, position)


def extent(conn: database.Connection) -> Extent:
    """The extent of the snapshot that the connection is in."""
    head = conn.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()[0]  # type: ignore[index]
    subscribed = dict(conn.execute("SELECT source, position FROM subscription").fetchall())
    parked = frozenset(source for (source,) in conn.execute("SELECT DISTINCT source FROM parked"))
    dropped = frozenset(conn.execute("SELECT source, position FROM dropped_event").fetchall())
    return Extent(defaultdict(int, {OWN: head, **subscribed}), parked, dropped)  # 0: never subscribed to yet


def verify(service: Service, url: str, feeds: Mapping[str, ReadFeed], progress: Progress = silent) -> Verdict:
    """Compare every projection of a service with the fold of its events."""
    folded = [projection for projection in service.projections if projection.source]
    with database.connect(url, patience=None) as conn:
        first = extent(conn)
        verdict = Verdict(sorted(first.dropped))
        verdict.left_out = [table_of(each) for each in folded if each.source in first.parked]
        row_types = [projection.row_type for projection in folded if projection.source not in first.parked]
        with Replay(service, row_types, feeds, first.dropped, progress) as replay:
            verdict.events = replay.advance(conn, first.to)
            for projection in replay.views.projections:
                if not _compared(conn, projection, replay, verdict):
                    verdict.found.pop(table_of(projection))
                    verdict.left_out.append(table_of(projection))
    verdict.differences = [each for each in verdict.differences if each.view in verdict.found]
    return verdict


def _compared(conn: database.Connection, projection: Projection, replay: Replay, verdict: Verdict) -> bool:
    """Compare a view; False when it can't be compared, as events of its source are parked or were just dropped."""
    table, folded = table_of(projection), replay.views.tables[projection.row_type]
    verdict.found[table] = 0
    for keys in chain(_keys_folded(folded), _keys_too_many(conn, projection, folded)):
        now, live = _snapshot(conn, projection, keys)
        if projection.source in now.parked or now.dropped != replay.dropped:
            return False
        verdict.events += replay.advance(conn, now.to, projection.source)
        rows = folded.several(keys)
        verdict.rows += len(live)
        for key in keys:
            for difference in _differences(table, key, live.get(key), rows.get(key)):
                verdict.add(difference)
    return True


def _keys_folded(folded: RowTable) -> Iterator[list[str]]:
    for page in folded.pages():
        yield [key for key, _ in page]


def _keys_too_many(conn: database.Connection, projection: Projection, folded: RowTable) -> Iterator[list[str]]:
    """Of the keys in the table those that no event made, as it seems without a snapshot."""
    key, last = projection.row_type.KEY, ""  # type: ignore[attr-defined]
    statement = database.text(f"SELECT {key} FROM {table_of(projection)} WHERE {key} > %s ORDER BY {key} LIMIT {PAGE}")
    while keys := [str(found) for (found,) in conn.execute(statement, (last,))]:
        known, last = folded.several(keys), keys[-1]
        yield [found for found in keys if found not in known]


def _snapshot(conn: database.Connection, projection: Projection, keys: list[str]) -> tuple[Extent, dict[str, Any]]:
    """The rows of some keys, and the extent of the same instant."""
    key: str = projection.row_type.KEY  # type: ignore[attr-defined]
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        now = extent(conn)
        statement = f"SELECT coalesce(json_agg(v), '[]')::text FROM {table_of(projection)} v WHERE {key} = ANY(%s)"
        found = conn.execute(database.text(statement), (keys,)).fetchone()
    return now, {str(getattr(row, key)): row for row in projection.decoder.rows(found[0] if found else "[]")}


def table_of(projection: Projection) -> str:
    """The name of a view's table."""
    return str(projection.row_type.VIEW)  # type: ignore[attr-defined]


def _differences(table: str, key: str, here: Any | None, there: Any | None) -> Iterator[Difference]:
    if here == there:
        return
    if here is None or there is None:
        yield Difference(table, key, "", builtins(here), builtins(there))
    else:
        one, other = builtins(here), builtins(there)
        yield from (Difference(table, key, f, one[f], other[f]) for f in one if one[f] != other[f])
