"""`POST /v1/rentals` at 1, 16 and 64 connections, and pgbench with the same SQL beside it, in one run.

    python -m bench.rentals [--rounds 5] [--seconds 4] [--whole]

Rounds are interleaved and shuffled, ratios are paired within a round: the speed of a shared machine swings, and only
such ratios mean something. The desk alone runs (gateway, rentals, its relay, Postgres, RabbitMQ); with ``--whole`` also
billing, inventory and notifications, whose work on each rental then takes its share of the machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from bench.rentals.load import Load
from bench.rentals.same_sql import UNLOCKED, Bench, catch, script
from bench.rentals.stock import stock
from deploy.local import Installation
from deploy.local.postgres import find_programs

CONNECTIONS = (1, 16, 64)
ITEMS = 60_000
out = Console(highlight=False)


def main() -> None:
    """Set up, measure, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--units", type=int, default=ITEMS, help="how many items are stocked")
    parser.add_argument("--whole", action="store_true", help="with billing, inventory and notifications running")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanum-bench-") as home:
        installation = Installation(Path(home), profile="test")
        try:
            figures = measure(installation, asked)
        finally:
            installation.remove()
    if not figures:
        raise SystemExit("not one round was complete")
    report(figures, asked)


def measure(installation: Installation, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """All rounds, or as many as there are items for; one figure for each case and round."""
    installation.up(progress=out.print)
    out.print(f"stocking {asked.units:,} items ...")
    stock(installation, asked.units)
    if not asked.whole:
        for name in ("billing", "inventory", "notifications", "mailbox", "terminal"):
            installation.stop(name)
    benches = _benches(installation)
    cases = [("http", c) for c in CONNECTIONS] + [(target, c) for target in benches for c in CONNECTIONS]
    figures: list[dict[str, Any]] = []
    item, chance = 0, random.Random(7)
    token = installation.token("desk")
    for number in range(asked.rounds):
        chance.shuffle(cases)
        for target, connections in cases:
            if target == "http":
                load = Load("127.0.0.1", installation.ports["gateway"], token, item, asked.seconds)
                run, item = load.play(connections), load.next_item
                figure = {"rate": run.rate, "p50_ms": run.percentile(0.5), "p99_ms": run.percentile(0.99)}
                if run.others:
                    out.print(
                        f"round {number + 1} left out: {run.others} requests had no 201; are there enough --units?"
                    )
                    return [figure for figure in figures if figure["round"] < number]
            else:
                ran = benches[target].run(connections, asked.seconds, asked.units)
                figure = {"rate": ran.rate, "p50_ms": ran.latency_ms}
            figures.append({"round": number, "target": target, "connections": connections, **figure})
            out.print(f"round {number + 1}: {target} {connections}: {figure['rate']:,.0f}/s, {figure['p50_ms']:.2f} ms")
    return figures


def _benches(installation: Installation) -> dict[str, Bench]:
    """pgbench with the lock and without, each on its own copy of the stocked database."""
    installation.stop("rentals")
    benches = {}
    for target, locked in (("pgbench, with the lock", True), ("pgbench, no lock", False)):
        name = f"bench_{'locked' if locked else 'free'}"
        with psycopg.connect(installation.postgres.superuser_dsn(), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE nanum_rentals")
        url = installation.postgres.superuser_dsn(name)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("ALTER TABLE event DISABLE TRIGGER ALL")
            conn.execute(UNLOCKED)
        path = installation.home / f"{name}.sql"
        path.write_text(script(catch(url), locked))
        benches[target] = Bench(str(find_programs() / "pgbench"), url, path)
    installation.start("rentals")
    installation.wait_ready(["rentals", "gateway"])
    return benches


def report(figures: list[dict[str, Any]], asked: argparse.Namespace) -> None:
    """The table: medians, and the ratios paired within a round with their range."""
    scope = "the whole fleet" if asked.whole else "the desk alone"
    rounds = f"{figures[-1]['round'] + 1} rounds of {asked.seconds:g} s, {platform.machine()}"
    table = Table(title=f"POST /v1/rentals, {scope}: {rounds}")
    targets = list(dict.fromkeys(f["target"] for f in figures if f["target"] != "http"))
    for column in ("connections", "rentals/s", "p50 ms", "p99 ms", *(f"/ {target}" for target in targets)):
        table.add_column(column, justify="right")
    for connections in CONNECTIONS:
        mine = [f for f in figures if f["connections"] == connections]
        http = [f for f in mine if f["target"] == "http"]
        cells = [f"{statistics.median(f[key] for f in http):,.{digits}f}" for key, digits in _COLUMNS]
        table.add_row(str(connections), *cells, *(_ratio(mine, http, target) for target in targets))
    out.print(table)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1))


_COLUMNS = (("rate", 0), ("p50_ms", 1), ("p99_ms", 1))


def _ratio(mine: list[dict[str, Any]], http: list[dict[str, Any]], target: str) -> str:
    peer = {f["round"]: f["rate"] for f in mine if f["target"] == target}
    ratios = sorted(f["rate"] / peer[f["round"]] for f in http)
    median = statistics.median(peer.values())
    return f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}-{ratios[-1]:.2f}] of {median:,.0f}/s"


if __name__ == "__main__":
    main()
