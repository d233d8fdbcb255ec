"""What the terminal remembers, and how it decides: payments by id, and the behaviour that it was set to.

Kept in SQLite, so that a restart forgets nothing. An id is answered once: whatever came of it stays, and an id that was
cancelled, even before it was ever seen, can't be approved any more.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# An approval number is the payment's place in our books.
SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, amount_krw INTEGER, approves_at REAL, reason TEXT,
    approved INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0, changed_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS payment_changed ON payment (changed_at);
CREATE INDEX IF NOT EXISTS payment_due ON payment (approves_at) WHERE approves_at IS NOT NULL;
CREATE VIEW IF NOT EXISTS answer AS SELECT
    id, amount_krw, reason,
    CASE WHEN cancelled THEN 'cancelled' WHEN approved THEN 'approved'
         WHEN reason IS NOT NULL THEN 'declined' ELSE 'pending' END AS state,
    CASE WHEN approved THEN printf('%08d', number) END AS approval_number,
    CASE WHEN cancelled THEN approved * coalesce(amount_krw, 0) END AS refunded_krw, number, changed_at
FROM payment;
CREATE TABLE IF NOT EXISTS behaviour (
    amount_krw INTEGER NOT NULL PRIMARY KEY, outcome TEXT NOT NULL, after_seconds REAL NOT NULL
);
"""
PUBLIC = ("id", "amount_krw", "state", "approval_number", "reason", "refunded_krw")
PAGE = 500  # payments in one answer
STATES = ("approved", "declined", "pending", "cancelled")
EVERY_AMOUNT = 0  # the behaviour of all amounts that have none of their own


class AmountDiffers(Exception):
    """The id was asked for with another amount before."""


class ReplyLost(ConnectionAbortedError):
    """The payment was booked, but the connection is to end without an answer."""


class PaymentStore:
    """The terminal's memory. Safe for threads: one statement group at a time."""

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # outlives the process at any moment
        self._db.executescript(SCHEMA)

    def pay(self, id: str, amount_krw: int) -> dict[str, Any]:
        """Take an amount under an id, once; what came of it. Raises :class:`AmountDiffers`, :class:`ReplyLost`."""
        with self._lock:
            known: dict[str, Any] = self._answer(id) or self._new(id, amount_krw)
            if known.get("amount_krw", amount_krw) != amount_krw:
                raise AmountDiffers(f"{id} was asked for with {known['amount_krw']} won, not {amount_krw}")
            return known

    def _new(self, id: str, amount_krw: int) -> Any:
        outcome, after = self._db.execute(
            "SELECT outcome, after_seconds FROM behaviour WHERE amount_krw IN (?, ?) ORDER BY amount_krw DESC LIMIT 1",
            (amount_krw, EVERY_AMOUNT),
        ).fetchone() or ("approve", 0.0)
        waits = {"approve": 0.0, "lose_reply": 0.0, "late": after}.get(outcome)
        approves_at = None if waits is None else self._clock() + waits
        reason = "card_declined" if outcome == "decline" else None
        payment = (id, amount_krw, approves_at, reason, self._clock())
        columns = "id, amount_krw, approves_at, reason, changed_at"
        self._db.execute(f"INSERT INTO payment ({columns}) VALUES (?, ?, ?, ?, ?)", payment)
        if outcome == "lose_reply":
            raise ReplyLost
        return self._answer(id)

    def payment(self, id: str) -> dict[str, Any] | None:
        """What came of an id; None when it was never seen."""
        with self._lock:
            return self._answer(id)

    def cancel(self, id: str) -> Any:
        """End an id for good, and give back what was taken under it. Again: the same answer."""
        with self._lock:
            self._settle()
            self._db.execute(
                "INSERT INTO payment (id, cancelled, changed_at) VALUES (?, 1, ?) ON CONFLICT (id) DO UPDATE"
                " SET cancelled = 1, approves_at = NULL, changed_at = excluded.changed_at WHERE NOT cancelled",
                (id, self._clock()),
            )
            return self._answer(id)

    def since(self, at: float, behind: int) -> tuple[list[dict[str, Any]], int | None]:
        """A page of the payments that are new or changed since an instant, and behind what number the next begins."""
        with self._lock:
            self._settle()
            rows = self._db.execute(
                "SELECT * FROM answer WHERE changed_at >= ? AND number > ? ORDER BY number LIMIT ?", (at, behind, PAGE)
            ).fetchall()
        return [_told(row) for row in rows], rows[-1]["number"] if len(rows) == PAGE else None

    def totals(self) -> dict[str, int]:
        """For reconciliation: won approved, won given back, and what remains; how many payments in each state."""
        with self._lock:
            self._settle()
            counts = dict(self._db.execute("SELECT state, count(*) FROM answer GROUP BY state").fetchall())
            approved, refunded = self._db.execute(
                "SELECT coalesce(sum(amount_krw * approved), 0), coalesce(sum(amount_krw * approved * cancelled), 0)"
                " FROM payment"
            ).fetchone()
        sums = {"approved_krw": approved, "cancelled_krw": refunded, "net_krw": approved - refunded}
        return {**sums, **{state: counts.get(state, 0) for state in STATES}}

    def behave(self, amount_krw: int | None, outcome: str, after_seconds: float) -> None:
        """Show ``outcome`` for payments of an amount, or for all (None), from now on."""
        with self._lock:
            behaviour = (amount_krw or EVERY_AMOUNT, outcome, after_seconds)
            self._db.execute("INSERT OR REPLACE INTO behaviour VALUES (?, ?, ?)", behaviour)

    def behave_as_usual(self) -> None:
        """Approve everything at once again."""
        with self._lock:
            self._db.execute("DELETE FROM behaviour")

    def close(self) -> None:
        """Write everything and let go of the file."""
        with self._lock:
            self._db.close()

    def _answer(self, id: str) -> dict[str, Any] | None:
        self._settle()
        row = self._db.execute("SELECT * FROM answer WHERE id = ?", (id,)).fetchone()
        return _told(row) if row else None

    def _settle(self) -> None:
        """Approve what has become due."""
        due = "UPDATE payment SET approved = 1, changed_at = approves_at, approves_at = NULL WHERE approves_at <= ?"
        self._db.execute(due, (self._clock(),))


def _told(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in PUBLIC if row[name] is not None}
