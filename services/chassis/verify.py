"""Proves that every view equals the fold of its facts: ``python -m services.chassis.verify NAME [--json]``.

One snapshot of the database holds the views, the log and the cursors of one instant; the facts up to there are folded
into a shadow, and every difference is reported. Readers and writers go on meanwhile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.chassis import database
from services.chassis.codec import builtins, encode
from services.chassis.definition import OWN, Service, View
from services.chassis.doors import pulls_of, service_named
from services.chassis.follow import SourceAway
from services.chassis.refold import Progress, Pull, Refold, quiet
from services.chassis.settings import SettingMissing, required


@dataclass(frozen=True)
class Difference:
    """A field of a row that is not what the facts say; ``field`` is empty when a whole row is missing or too many."""

    view: str
    key: str
    field: str
    live: Any
    folded: Any

    def __str__(self) -> str:
        what = f"{self.view} {self.key}"
        if not self.field:
            return f"{what}: {'is there, but no fact made it' if self.folded is None else 'is missing'}"
        return f"{what}: {self.field} is {self.live!r}, the facts say {self.folded!r}"


@dataclass(frozen=True)
class Verdict:
    """What a verification came to."""

    facts: int
    rows: int
    views: list[str]
    differences: list[Difference]
    left_out: list[str]  # views of a source that has parked facts: they can't be complete before those are taken in

    def report(self) -> bytes:
        """As JSON, without the values that differ: they are nobody's business in a log."""
        found = [{"view": d.view, "key": d.key, "field": d.field} for d in self.differences]
        return encode({**vars(self), "differences": found})


def verify(service: Service, url: str, pulls: Mapping[str, Pull], progress: Progress = quiet) -> Verdict:
    """Compare every view of a service with the fold of its facts."""
    with database.connect(url, patience=None) as conn:
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        to = positions(conn)
        parked = {source for (source,) in conn.execute("SELECT DISTINCT source FROM parked")}
        folded_views = [view for view in service.views if view.source]
        views = [view for view in folded_views if view.source not in parked]
        left_out = [str(v.kind.VIEW) for v in folded_views if v.source in parked]  # type: ignore[attr-defined]
        live = {view.kind: _live(conn, view) for view in views}
        refold = Refold(service, live, pulls, progress)
        facts = refold.advance(conn, to)
        conn.execute("ROLLBACK")
    folded = {view.kind: {_key(row): row for row in refold.shadow.rows(view.kind)} for view in views}
    differences = [d for view in views for d in _compare(view, live[view.kind], folded[view.kind])]
    names = [str(view.kind.VIEW) for view in views]  # type: ignore[attr-defined]
    return Verdict(facts, sum(map(len, live.values())), names, differences, left_out)


def positions(conn: database.Connection) -> dict[str, int]:
    """How far the own log goes and each source was followed, in this snapshot."""
    head = conn.execute("SELECT coalesce(max(pos), 0) FROM event").fetchone()[0]  # type: ignore[index]
    followed = dict(conn.execute("SELECT source, pos FROM followed").fetchall())
    return Positions({OWN: head, **followed})


class Positions(dict[str, int]):
    """Positions by source."""

    def __missing__(self, source: str) -> int:
        return 0  # never followed yet


def _live(conn: database.Connection, view: View) -> dict[str, Any]:
    table = view.kind.VIEW  # type: ignore[attr-defined]
    text = conn.execute(database.text(f"SELECT coalesce(json_agg(v), '[]')::text FROM {table} v")).fetchone()
    return {_key(row): row for row in view.reader.rows(text[0] if text else "[]")}


def _key(row: Any) -> str:
    return str(getattr(row, row.KEY))


def _compare(view: View, live: dict[str, Any], folded: dict[str, Any]) -> Iterator[Difference]:
    table = view.kind.VIEW  # type: ignore[attr-defined]
    for key in sorted({*live, *folded}):
        here, there = live.get(key), folded.get(key)
        if here is None or there is None:
            yield Difference(table, key, "", builtins(here), builtins(there))
        elif here != there:
            one, other = builtins(here), builtins(there)
            yield from (Difference(table, key, f, one[f], other[f]) for f in one if one[f] != other[f])


def main() -> int:
    """Verify the service named on the command line, with ``--json`` for programs.

    1 when anything differs or could not be compared, 2 when there is no verdict.
    """
    try:
        service = service_named(sys.argv[1])
        verdict = verify(service, required(os.environ, "NANUM_DATABASE_URL"), pulls_of(service))
    except (SettingMissing, SourceAway, *database.AWAY) as wrong:
        print(f"verify: {wrong}", file=sys.stderr)
        return 2
    code = 1 if verdict.differences or verdict.left_out else 0
    if "--json" in sys.argv:
        print(verdict.report().decode())
        return code
    for difference in verdict.differences:
        print(difference)
    print(f"{service.name}: {verdict.facts} facts, {verdict.rows} rows, {len(verdict.differences)} differences")
    if verdict.left_out:
        print(f"{service.name}: not compared while facts are parked: {', '.join(verdict.left_out)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
