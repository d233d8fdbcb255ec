"""How long after its commit an event has been taken in by another service, at 10, 50 and 200 rentals a second.

    python -m bench.visible [--rates 10 50 200] [--seconds 10]

The whole fleet runs, and does all that follows from a rental. Its first event makes billing request a payment; both are
in their logs with the instant of their decision, and the payment's event names its cause. Their distance is measured:
commit, relay, broker, queue, the subscriber's unit of work. Beside it is the latency of the request itself, for the
ratio.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from bench.rentals.load import Load, Run
from bench.rentals.stock import stock
from deploy.local import Installation

CONNECTIONS = 16
PATIENCE = 120.0  # seconds for billing to request the last payment
# Newest first: of several answers to one cause the first is what stays in a dict.
_ANSWERS = "SELECT meta->>'causation_id', at FROM event WHERE meta->>'causation_id' = ANY(%s) ORDER BY position DESC"
out = Console(highlight=False)


def main() -> None:
    """Set up, measure, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 50.0, 200.0])
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanum-bench-") as home:
        installation = Installation(Path(home), profile="test")
        try:
            measure(installation, asked.rates, asked.seconds)
        finally:
            installation.remove()


def measure(installation: Installation, rates: list[float], seconds: float) -> None:
    """One line for each rate."""
    installation.up(progress=out.print)
    stock(installation, int(sum(rates) * seconds * 1.1) + CONNECTIONS)
    table = Table(title=f"commit to the subscriber's unit of work, {seconds:g} s at each rate, the whole fleet")
    for column in ("asked/s", "rentals/s", "seen p50 ms", "seen p99 ms", "answer p50 ms", "seen / answer, p50"):
        table.add_column(column, justify="right")
    item, token = 0, installation.token("desk")
    for rate in rates:
        before = _head(installation)
        load = Load("127.0.0.1", installation.ports["gateway"], token, item, seconds, rate)
        run, item = load.play(CONNECTIONS), load.next_item
        seen = _seen(installation, before, run)
        table.add_row(*(f"{value:,.1f}" for value in (rate, run.rate, *_figures(seen, run))))
    out.print(table)


def _figures(seen: list[float], run: Run) -> tuple[float, float, float, float]:
    half = seen[len(seen) // 2]
    answer = run.percentile(0.5)
    return half, seen[int(len(seen) * 0.99)], answer, half / answer


def _seen(installation: Installation, before: int, run: Run) -> list[float]:
    """Milliseconds from each rental's request to billing's payment for it, ascending."""
    with psycopg.connect(installation.dsn("rentals", "ro")) as conn:
        statement = "SELECT id::text, at FROM event WHERE position > %s AND type = 'rental.requested'"
        requested: dict[str, datetime] = dict(conn.execute(statement, (before,)).fetchall())
    if len(requested) < len(run.latencies):
        raise RuntimeError(f"{len(run.latencies)} rentals were acknowledged, the log has {len(requested)}")
    until = time.monotonic() + PATIENCE
    with psycopg.connect(installation.dsn("billing", "ro"), autocommit=True) as conn:
        while True:
            first: dict[str, datetime] = dict(conn.execute(_ANSWERS, (list(requested),)).fetchall())
            if len(first) == len(requested):
                return sorted((at - requested[cause]).total_seconds() * 1000 for cause, at in first.items())
            if time.monotonic() > until:
                raise RuntimeError(f"billing answered {len(first)} of {len(requested)} rentals")
            time.sleep(0.2)


def _head(installation: Installation) -> int:
    with psycopg.connect(installation.dsn("rentals", "ro")) as conn:
        row = conn.execute("SELECT coalesce(max(position), 0) FROM event").fetchone()
        return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
