"""The SQL of one checkout as a pgbench script: the very statements of the service, one transaction per checkout.

The statements are caught from the service's own store while it lends one item, so they can't drift apart; only the
numbers that differ from checkout to checkout are filled in, by ``replace``.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench.rentals.stock import CENTRE, PER_RESIDENT, barcode, item_of, resident_of
from services.chassis.commands.handler import CommandMessage, Metadata, execute
from services.chassis.eventstore.store import PostgresSession, PostgresStore
from services.contracts.base import id_of
from services.rentals.service import SERVICE

MARK = 7000000  # a number that no item has: its seven digits mark the places to fill in
COMMAND = UUID("00000000-0000-4000-8000-000007000000")
UNLOCKED = """
CREATE SEQUENCE IF NOT EXISTS unlocked_position START 1000000;
CREATE OR REPLACE FUNCTION append_unlocked(events jsonb, kinds jsonb) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO event (position, id, centre, stream, version, type, schema, published, data, meta, at)
    SELECT nextval('unlocked_position'), id, centre, stream, version, type, schema, published, data, meta, at
    FROM jsonb_to_recordset(events) AS e (
        id uuid, centre text, stream text, version integer, type text, schema smallint, published boolean,
        data jsonb, meta jsonb, at timestamptz)
    RETURNING position $$;
"""


@dataclass(frozen=True)
class Result:
    """What pgbench measured."""

    rate: float
    latency_ms: float


class _Catching:
    """A connection that notes each statement with its parameters as literals."""

    def __init__(self, conn: Any, caught: list[str]) -> None:
        self._conn, self._caught = conn, caught

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        text = statement if isinstance(statement, str) else statement.as_string(self._conn)
        self._caught.append(psycopg.ClientCursor(self._conn).mogrify(text, parameters))
        return self._conn.execute(statement, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)


def catch(url: str) -> list[str]:
    """The statements of one checkout, of an item and a resident whose numbers are the mark."""
    store = PostgresStore(SERVICE, url)
    caught: list[str] = []
    original = PostgresSession.__init__

    def catching(self: PostgresSession, service: Any, conn: Any) -> None:
        original(self, service, _Catching(conn, caught))  # type: ignore[arg-type]

    _prepare_mark(store)
    command = {
        "rental_id": id_of(CENTRE, f"{MARK:032d}"),
        "resident_id": resident_of(MARK * PER_RESIDENT),
        "barcodes": [barcode(MARK)],
        "nights": 2,
        "payment": {"method": "card_terminal"},
        "manual_acknowledged": True,
    }
    meta = Metadata({"role": "desk", "subject": f"a-{0:024}", "centre": CENTRE}, correlation_id=f"{MARK:032d}")
    PostgresSession.__init__ = catching  # type: ignore[method-assign]
    try:
        message = CommandMessage(COMMAND, "request_rental", command, meta)
        (outcome,) = execute(store, SERVICE, [message], datetime.now(UTC))
    finally:
        PostgresSession.__init__ = original  # type: ignore[method-assign]
    if b"refused" in outcome:
        raise RuntimeError(outcome.decode())
    return caught


def _prepare_mark(store: PostgresStore) -> None:
    with store.pool.connection() as conn:
        conn.execute(
            "INSERT INTO inventory_item SELECT %s, %s, category, category_id, state"
            " FROM inventory_item WHERE item_id = %s",
            (item_of(MARK), barcode(MARK), item_of(0)),
        )
        conn.execute(
            "INSERT INTO resident SELECT %s, centre, state, verified_on, NULL, '[]', 2"
            " FROM resident WHERE resident_id = %s",
            (resident_of(MARK * PER_RESIDENT), resident_of(0)),
        )


def script(statements: list[str], locked: bool) -> str:
    """The pgbench script. ``:n`` is this checkout's number, ``:r`` its resident's.

    Without the lock (``locked`` false) the positions come from a sequence: faster, but the order has gaps and a reader
    behind a cursor would skip events. It is the limit to compare with, not a service anybody should run.
    """
    lines = ["\\set i :i + 1", "\\set n :first + :client_id * :apart + :i", "\\set r :n / 4"]
    for statement in statements:
        text = " ".join(statement.split())
        if text.startswith("SELECT pg_advisory_xact_lock") and not locked:
            continue
        text = _LITERAL.sub(_filled, re.sub(r"append\(\d+, ", _APPEND[locked], text))
        named = text.replace(_HEAD, f"{_HEAD} AS head")
        lines.append(f"{text};" if named == text else f"{named} \\gset")
    return "\n".join(lines) + "\n"


_HEAD = "(SELECT coalesce(max(position), 0) FROM event)"
_APPEND = {True: "append(:head, ", False: "append_unlocked("}
_LITERAL = re.compile(r"E?'(?:[^']|'')*'")
_NUMBERS = "replace(replace({}, '@n', lpad(:n::text, 7, '0')), '@r', lpad(:r::text, 7, '0'))"


def _filled(match: re.Match[str]) -> str:
    """A literal with the mark in it becomes a ``replace`` of the mark by this checkout's numbers."""
    literal = match.group(0)
    if str(MARK) not in literal:
        return literal
    marked = literal.replace(f"bench{MARK:07d}", "bench@r").replace(str(MARK), "@n")
    # The ids of events and jobs are made of the number here, so that they are unique in each run.
    marked = re.sub(r'("id": ?")[0-9a-f-]{36}(")', r"\g<1>00000000-0000-4000-8001-00000@n\2", marked)
    filled = _NUMBERS.format(re.sub(r":(?=[A-Za-z_])", ": ", marked))  # or pgbench takes `:true` for a variable
    if not re.match(r"E?'{", marked):  # rows and events are lists of JSON: only an array begins so
        return filled
    return f"{filled}::uuid[]" if str(COMMAND) in literal else f"{filled}::text[]"


@dataclass(frozen=True)
class Bench:
    """pgbench on one database."""

    program: str
    url: str
    script: Path

    def run(self, clients: int, seconds: float, items: int) -> Result:
        """Lend the stocked items, each client its own share of them; undone before the next run.

        A time in which not one transaction ends (64 connections of a busy machine, in a second) is doubled.
        """
        self._undo()
        first, apart = 0, items // clients
        arguments = ["-n", "-M", "prepared", "-c", clients, "-j", min(2, clients), "-T", int(seconds), "-D", "i=0"]
        arguments += ["-D", f"first={first}", "-D", f"apart={apart}", "-f", self.script]
        done = subprocess.run(
            [self.program, *map(str, arguments), self.url],
            capture_output=True,
            text=True,
            env={**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c timezone=UTC"},
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        rate = re.search(r"tps = ([\d.]+)", done.stdout)
        latency = re.search(r"latency average = ([\d.]+)", done.stdout)
        if "actually processed: 0\n" in done.stdout:
            return self.run(clients, 2 * seconds, items)
        if not rate or not latency:
            raise RuntimeError(done.stdout)
        return Result(float(rate.group(1)), float(latency.group(1)))

    def _undo(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as conn:
            for table in ("item_allocation", "open_rental_item", "rental", "outcome", "job"):
                conn.execute(f"TRUNCATE {table}")
            conn.execute("DELETE FROM event WHERE stream LIKE 'rental-%'")
            conn.execute("UPDATE resident SET holdings = '[]' WHERE holdings <> '[]'")
            conn.execute("VACUUM ANALYZE")
