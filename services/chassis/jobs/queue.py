"""The queue of jobs in a service's own database: enqueued with the event that wants them, leased to one worker each."""

from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from psycopg.rows import dict_row

from services.chassis.foundation import database

_TAKE_BACK = "UPDATE job SET leased_until = NULL WHERE leased_until IS NOT NULL AND leased_by = %s"
_CLAIM = (
    "UPDATE job SET leased_until = %(now)s + %(lease)s, leased_by = %(worker)s, attempts = attempts + 1 WHERE id IN ("
    " SELECT id FROM job WHERE due <= %(now)s AND (leased_until IS NULL OR leased_until < %(now)s)"
    " ORDER BY due LIMIT %(limit)s FOR UPDATE SKIP LOCKED) RETURNING id, name, data, meta, attempts, due"
)
_POSTPONE = "UPDATE job SET due = %s, leased_until = NULL, error = %s WHERE id = %s"
_NEXT_DUE = "SELECT min(due) FROM job WHERE leased_until IS NULL"


class JobQueue(Protocol):
    """Where a worker's jobs wait. A claimed job is ``{id, name, data, meta, attempts, due}``, data and meta as JSON."""

    def take_back(self) -> int: ...

    def claim(self, now: datetime, limit: int, lease: timedelta) -> list[dict[str, Any]]: ...

    def postpone(self, id: UUID, due: datetime, error: str) -> None: ...

    def drop_expired(self, now: datetime) -> None: ...

    def next_due(self) -> datetime | None: ...


class PostgresJobQueue:
    """The jobs of one service. ``worker`` names who claims them, also after a restart."""

    def __init__(self, pool: database.Pool, worker: str = "") -> None:
        self._pool, self._worker = pool, worker

    def take_back(self) -> int:
        """End the leases that this worker had before a restart; returns how many. Call it before the first claim."""
        with self._pool.connection() as conn:
            return conn.execute(_TAKE_BACK, (self._worker,)).rowcount

    def claim(self, now: datetime, limit: int, lease: timedelta) -> list[dict[str, Any]]:
        """Take up to ``limit`` due jobs for the length of ``lease``; other workers leave them alone until then."""
        with self._pool.connection() as conn:
            cursor = conn.cursor(row_factory=dict_row)
            cursor.execute(_CLAIM, {"now": now, "lease": lease, "limit": limit, "worker": self._worker})
            return sorted(cursor.fetchall(), key=lambda job: job["due"])

    def postpone(self, id: UUID, due: datetime, error: str) -> None:
        """Put a job back until ``due``, with what went wrong."""
        with self._pool.connection() as conn:
            conn.execute(_POSTPONE, (due, error, id))

    def drop_expired(self, now: datetime) -> None:
        """Drop the weeks of done jobs and of outcomes that nobody has to look at any more."""
        with self._pool.connection() as conn:
            conn.execute("SELECT drop_expired(%s)", (now,))

    def next_due(self) -> datetime | None:
        """When the next waiting job is due."""
        with self._pool.connection() as conn:
            row = conn.execute(_NEXT_DUE).fetchone()
            return row[0] if row else None
