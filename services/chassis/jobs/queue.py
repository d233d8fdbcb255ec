"""The queue of jobs in a service's own database: enqueued with the event that wants them, leased to one worker each."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from psycopg.rows import dict_row

from services.chassis.domain import LANES
from services.chassis.foundation import database
from services.chassis.foundation.codec import encode

_TAKE_BACK = "UPDATE job SET leased_until = NULL WHERE leased_until IS NOT NULL AND leased_by = %s"
# The kinds are found by skipping through the index: as many steps as there are kinds, however many jobs wait.
_WAITING = (
    "WITH RECURSIVE kind AS ((SELECT lane, name FROM job ORDER BY lane, name LIMIT 1) UNION ALL"
    " SELECT next.* FROM kind, LATERAL (SELECT lane, name FROM job WHERE (job.lane, job.name) > (kind.lane, kind.name)"
    " ORDER BY lane, name LIMIT 1) next)"
    " SELECT kind.lane, kind.name,"
    " (SELECT due FROM job WHERE (job.lane, job.name) = (kind.lane, kind.name)"
    " AND (leased_until IS NULL OR leased_until < %(now)s) ORDER BY due LIMIT 1),"
    " (SELECT min(since) FROM job WHERE (job.lane, job.name) = (kind.lane, kind.name) AND error IS NOT NULL) FROM kind"
)
_CLAIM = (
    "UPDATE job SET leased_until = %(now)s + %(lease)s, leased_by = %(worker)s, attempts = attempts + 1 WHERE id = ANY"
    " (ARRAY(SELECT free.id FROM jsonb_to_recordset(%(wanted)s::jsonb) AS wanted (lane text, name text, most integer),"
    " LATERAL (SELECT id FROM job WHERE (job.lane, job.name) = (wanted.lane, wanted.name) AND due <= %(now)s"
    " AND (leased_until IS NULL OR leased_until < %(now)s) AND id <> ALL (%(held)s::uuid[])"
    " ORDER BY due LIMIT wanted.most FOR UPDATE SKIP LOCKED) free))"
    " RETURNING id, lane, name, data, meta, attempts, due, since"
)
_RENEW = "UPDATE job SET leased_until = %s WHERE id = ANY(%s::uuid[]) AND leased_by = %s"
_POSTPONE = "UPDATE job SET due = %s, leased_until = NULL, error = %s WHERE id = %s AND leased_by = %s"


class Waiting(NamedTuple):
    """The jobs of a name in a lane: when the next is due, and since when the oldest of those that failed waits."""

    lane: str
    name: str
    due: datetime | None  # None: all are leased
    failing_since: datetime | None


class Wanted(NamedTuple):
    """How many jobs of a name in a lane there is room for."""

    lane: str
    name: str
    most: int


class JobQueue(Protocol):
    """Where a worker's jobs wait.

    A claimed job is ``{id, lane, name, data, meta, attempts, due, since}``, data and meta as JSON.
    """

    def take_back(self) -> int: ...

    def waiting(self, now: datetime) -> list[Waiting]: ...

    def claim(
        self, now: datetime, wanted: Sequence[Wanted], held: Collection[UUID], lease: timedelta
    ) -> list[dict[str, Any]]: ...

    def renew(self, held: Collection[UUID], until: datetime) -> None: ...

    def postpone(self, id: UUID, due: datetime, error: str) -> None: ...

    def drop_expired(self, now: datetime) -> None: ...


class PostgresJobQueue:
    """The jobs of one service. ``worker`` names who claims them, also after a restart."""

    def __init__(self, pool: database.Pool, worker: str = "") -> None:
        self._pool, self._worker = pool, worker

    def take_back(self) -> int:
        """End the leases that this worker had before a restart; returns how many. Call it before the first claim."""
        with self._pool.connection() as conn:
            return conn.execute(_TAKE_BACK, (self._worker,)).rowcount

    def waiting(self, now: datetime) -> list[Waiting]:
        """What waits, by lane and name."""
        with self._pool.connection() as conn:
            return [Waiting(*row) for row in conn.execute(_WAITING, {"now": now})]

    def claim(
        self, now: datetime, wanted: Sequence[Wanted], held: Collection[UUID], lease: timedelta
    ) -> list[dict[str, Any]]:
        """Take due jobs for the length of ``lease``, none that is ``held``; other workers leave them alone until then.

        Sorted by their time, the urgent ones first.
        """
        rooms = encode([each._asdict() for each in wanted]).decode()
        values = {"now": now, "lease": lease, "wanted": rooms, "held": list(held), "worker": self._worker}
        with self._pool.connection() as conn:
            cursor = conn.cursor(row_factory=dict_row)
            return sorted(cursor.execute(_CLAIM, values).fetchall(), key=by_turn)

    def renew(self, held: Collection[UUID], until: datetime) -> None:
        """Keep jobs leased until then, those that are still this worker's."""
        with self._pool.connection() as conn:
            conn.execute(_RENEW, (until, list(held), self._worker))

    def postpone(self, id: UUID, due: datetime, error: str) -> None:
        """Put a job of this worker back until ``due``, with what went wrong."""
        with self._pool.connection() as conn:
            conn.execute(_POSTPONE, (due, error, id, self._worker))

    def drop_expired(self, now: datetime) -> None:
        """Drop the weeks of done jobs and of outcomes that nobody has to look at any more."""
        with self._pool.connection() as conn:
            conn.execute("SELECT drop_expired(%s)", (now,))


def by_turn(job: dict[str, Any]) -> tuple[int, datetime]:
    """Which of the claimed jobs goes first."""
    return LANES.index(job["lane"]), job["due"]
