"""What the terminal remembers, and how it decides: payments by id, and the behaviour that it was told to show.

Kept in SQLite, so that a restart forgets nothing. An id is answered once: whatever came of it stays, and an id that was
cancelled, even before it was ever seen, can't be approved any more.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

APPROVE, DECLINE, LATE, NEVER, LOSE_REPLY = OUTCOMES = ("approve", "decline", "late", "never", "lose_reply")
APPROVED, DECLINED, PENDING, CANCELLED = "approved", "declined", "pending", "cancelled"

SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, amount_krw INTEGER, state TEXT NOT NULL,
    approves_at REAL, approval_number TEXT, reason TEXT, refunded_krw INTEGER NOT NULL DEFAULT 0, asked_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS behaviour (
    amount_krw INTEGER NOT NULL PRIMARY KEY, outcome TEXT NOT NULL, after_seconds REAL NOT NULL
);
"""
EVERY_AMOUNT = 0  # the behaviour of all amounts that have none of their own
_DUE = "state = 'pending' AND approves_at <= ?"


class AmountDiffers(Exception):
    """The id was asked for with another amount before."""


@dataclass(frozen=True)
class Reply:
    """A payment as the terminal tells it; ``lost``: it was booked, but this reply must not arrive."""

    body: dict[str, Any]
    lost: bool = False


class Till:
    """The terminal's memory. Safe for threads: one statement group at a time."""

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # outlives the process at any moment
        self._db.executescript(SCHEMA)

    def pay(self, id: str, amount_krw: int) -> Reply:
        """Take an amount under an id, once. Raises :class:`AmountDiffers`."""
        with self._lock:
            row = self._row(id)
            if row is None:
                return self._new(id, amount_krw)
            if row["amount_krw"] not in (None, amount_krw):
                raise AmountDiffers(f"{id} was asked for with {row['amount_krw']} won, not {amount_krw}")
            return Reply(_told(row))

    def _new(self, id: str, amount_krw: int) -> Reply:
        now, (outcome, after) = self._clock(), self._behaviour_for(amount_krw)
        state, approves_at, reason = PENDING, None, None
        if outcome in (APPROVE, LOSE_REPLY):
            approves_at = now
        elif outcome == DECLINE:
            state, reason = DECLINED, "card_declined"
        elif outcome == LATE:
            approves_at = now + after
        self._db.execute(
            "INSERT INTO payment (id, amount_krw, state, approves_at, reason, asked_at) VALUES (?, ?, ?, ?, ?, ?)",
            (id, amount_krw, state, approves_at, reason, now),
        )
        return Reply(_told(self._row(id)), lost=outcome == LOSE_REPLY)

    def payment(self, id: str) -> dict[str, Any] | None:
        """What came of an id; None when it was never seen."""
        with self._lock:
            row = self._row(id)
            return _told(row) if row else None

    def cancel(self, id: str) -> dict[str, Any]:
        """End an id for good, and give back what was taken under it. Again: the same answer."""
        with self._lock:
            row = self._row(id)
            if row is None:
                self._db.execute(
                    "INSERT INTO payment (id, state, asked_at) VALUES (?, ?, ?)", (id, CANCELLED, self._clock())
                )
            elif row["state"] != CANCELLED:
                taken = row["amount_krw"] if row["state"] == APPROVED else 0
                self._db.execute(
                    "UPDATE payment SET state = ?, approves_at = NULL, refunded_krw = ? WHERE id = ?",
                    (CANCELLED, taken, id),
                )
            return _told(self._row(id))

    def totals(self) -> dict[str, int]:
        """For reconciliation: won approved, won given back, and what remains; how many payments in each state."""
        with self._lock:
            self._settle()
            approved, refunded = self._db.execute(
                "SELECT coalesce(sum(amount_krw) FILTER (WHERE approval_number IS NOT NULL), 0),"
                " coalesce(sum(refunded_krw), 0) FROM payment"
            ).fetchone()
            counts = dict(self._db.execute("SELECT state, count(*) FROM payment GROUP BY state").fetchall())
        return {
            "approved_krw": approved,
            "cancelled_krw": refunded,
            "net_krw": approved - refunded,
            **{state: counts.get(state, 0) for state in (APPROVED, DECLINED, PENDING, CANCELLED)},
        }

    def behave(self, amount_krw: int | None, outcome: str, after_seconds: float) -> None:
        """Show ``outcome`` for payments of an amount, or for all (None), from now on."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO behaviour VALUES (?, ?, ?)",
                (amount_krw or EVERY_AMOUNT, outcome, after_seconds),
            )

    def behave_as_usual(self) -> None:
        """Approve everything at once again."""
        with self._lock:
            self._db.execute("DELETE FROM behaviour")

    def close(self) -> None:
        """Write everything and let go of the file."""
        with self._lock:
            self._db.close()

    def _behaviour_for(self, amount_krw: int) -> tuple[str, float]:
        row = self._db.execute(
            "SELECT outcome, after_seconds FROM behaviour WHERE amount_krw IN (?, ?) ORDER BY amount_krw DESC LIMIT 1",
            (amount_krw, EVERY_AMOUNT),
        ).fetchone()
        return (row["outcome"], row["after_seconds"]) if row else (APPROVE, 0.0)

    def _row(self, id: str) -> Any:
        self._settle(" AND id = ?", id)
        return self._db.execute("SELECT * FROM payment WHERE id = ?", (id,)).fetchone()

    def _settle(self, which: str = "", *keys: str) -> None:
        """Approve what has become due; the approval number is the payment's place in our books."""
        self._db.execute(
            "UPDATE payment SET state = 'approved', approves_at = NULL, approval_number = printf('%08d', number)"
            f" WHERE {_DUE}{which}",
            (self._clock(), *keys),
        )


def _told(row: Any) -> dict[str, Any]:
    told = {"id": row["id"], "state": row["state"], "amount_krw": row["amount_krw"]}
    for optional in ("approval_number", "reason"):
        if row[optional] is not None:
            told[optional] = row[optional]
    if row["state"] == CANCELLED:
        told["refunded_krw"] = row["refunded_krw"]
    return told
