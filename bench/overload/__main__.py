"""Lendings of one client before, during and after a flood by others, in one run.

    python -m bench.overload [--rounds 3] [--seconds 8] [--connections 4]

The flood is all of `bench/overload/callers.py` at once: 500 long polls of one resident, 2,000 idle connections, 200
that send a head letter by letter, a head of 300 MiB, bodies of 1 MiB with 349,000 wrong elements and amounts of 2^31 in
a loop. It runs in a process of its own, niced, as it shares the machine. Ratios are paired within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import requests
from rich.console import Console

from bench.rentals.load import Load
from bench.rentals.stock import CENTRE, barcode, resident_of, stock
from deploy.local import Installation

SETTLE = 3.0  # seconds until the flood is whole
out = Console(highlight=False)


def main() -> None:
    """Set up, measure, print, take down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--units", type=int, default=40_000, help="how many items are stocked")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanum-bench-") as home:
        installation = Installation(Path(home), profile="test")
        try:
            installation.up(progress=out.print)
            out.print(f"stocking {asked.units:,} items ...")
            stock(installation, asked.units)
            report(Measurement(installation, asked).rounds())
        finally:
            installation.remove()


class Measurement:
    """The neighbour's lendings, and the flood beside them."""

    def __init__(self, installation: Installation, asked: argparse.Namespace) -> None:
        self._installation, self._asked, self._item, self._others = installation, asked, 1, 0
        self._token = installation.token("desk", "neighbour")
        pid = installation.supervisor.states()["gateway"].pid
        self._gateway = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        self._about = self._prepared()

    def _prepared(self) -> dict[str, Any]:
        """A rental of one resident that stays as it is, a damaged item's repair, and the tokens of the flood."""
        url, port = self._installation.url, self._installation.ports["gateway"]
        staff = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": "prepared"}
        lent = requests.post(
            f"{url}/v1/rentals",
            json={
                "resident_id": resident_of(0),
                "barcodes": [barcode(0)],
                "nights": 2,
                "payment": {"method": "card_terminal"},
                "manual_acknowledged": True,
            },
            headers={**staff, "Prefer": "wait=20"},
            timeout=30,
        )
        lent.raise_for_status()
        broken = barcode(self._asked.units - 1)
        requests.post(f"{url}/v1/items/{broken}/damage", json={"cause": "wear"}, headers=staff, timeout=30)
        return {
            "host": "127.0.0.1",
            "port": port,
            "rental": lent.json()["rental_id"],
            "version": lent.headers["ETag"].strip('"'),
            "repair": f"{CENTRE}.{broken}-1",
            "resident": self._installation.token("resident", resident_of(0)),
            "desk": self._installation.token("desk", "flood"),
        }

    def rounds(self) -> list[dict[str, Any]]:
        """For each round the rate and p99 before, during and after, and the gateway's memory in MiB."""
        self._lend()
        return [self._round(number) for number in range(self._asked.rounds)]

    def _round(self, number: int) -> dict[str, Any]:
        quiet, memory = self._lend(), self._memory()
        seconds = self._asked.seconds + 2 * SETTLE
        command = [sys.executable, "-m", "bench.overload.callers", json.dumps({**self._about, "seconds": seconds})]
        flood = subprocess.Popen(["nice", "-n", "15", *command], stdout=subprocess.PIPE, text=True)
        time.sleep(SETTLE)
        loud, most = self._lend(), self._memory()
        answers = json.loads(flood.communicate(timeout=120)[0])
        time.sleep(SETTLE)
        after = self._lend()
        figures = {
            "no 201": self._others,
            "before": quiet,
            "during": loud,
            "after": after,
            "memory": (memory, most, self._memory()),
        }
        out.print(f"round {number + 1}: {figures} {answers}")
        return figures

    def _lend(self) -> tuple[float, float]:
        load = Load("127.0.0.1", self._about_port, self._token, self._item, self._asked.seconds)
        run, self._item = load.play(self._asked.connections), load.next_item
        self._others += run.others
        return run.rate, run.percentile(0.99)

    @property
    def _about_port(self) -> int:
        return self._installation.ports["gateway"]

    def _memory(self) -> float:
        return sum(process.memory_info().rss for process in self._gateway) / (1 << 20)


def report(rounds: list[dict[str, Any]]) -> None:
    """Medians of the ratios that are paired within a round, with their range."""
    for what in ("during", "after"):
        rates = sorted(each[what][0] / each["before"][0] for each in rounds)
        p99s = sorted(each[what][1] / each["before"][1] for each in rounds)
        out.print(
            f"{what}: rate {statistics.median(rates):.2f} [{rates[0]:.2f}-{rates[-1]:.2f}],"
            f" p99 {statistics.median(p99s):.2f} [{p99s[0]:.2f}-{p99s[-1]:.2f}] of before"
        )
    out.print(f"gateway: at most {max(most - before for before, most, _ in (e['memory'] for e in rounds)):+.0f} MiB")


if __name__ == "__main__":
    main()
