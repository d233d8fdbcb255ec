"""Facts that wait for a human: ``python -m services.chassis.parked NAME list|show|retry|drop [STREAM | SOURCE POS]``.

A fact that can't be taken in is parked, and later facts of its stream wait behind it. After the mend, ``retry`` takes
a whole stream in, in order, up to the first that still fails; ``drop`` forgets one fact for good. What only came too
early (``...``) is tried again by the service itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from services.chassis import database
from services.chassis.codec import decode
from services.chassis.definition import Service
from services.chassis.doors import service_named, store_of
from services.chassis.execute import Clock
from services.chassis.feed import Page
from services.chassis.follow import Follower
from services.chassis.runtime import clock
from services.chassis.settings import SettingMissing
from services.chassis.store import PostgresStore
from services.chassis.unpark import Unparker

log = structlog.get_logger()
_LIST = database.text(
    "SELECT source, pos, stream, message->>'type', error, early, attempts, at FROM parked ORDER BY source, stream, pos"
)


@dataclass(frozen=True)
class Parked:
    """One parked fact."""

    source: str
    pos: int
    stream: str
    type: str
    error: str
    early: bool
    attempts: int
    at: datetime

    def __str__(self) -> str:
        waits = "... " if self.early else ""
        return f"{self.source:>14} {self.pos:>8}  {self.type:<24} {self.stream}  ({self.attempts}x) {waits}{self.error}"


class ParkedFacts:
    """The parked facts of one service."""

    def __init__(self, service: Service, store: PostgresStore, clock: Clock) -> None:
        self._service, self._store, self._clock = service, store, clock

    def all(self) -> list[Parked]:
        """Every parked fact, by stream and in order."""
        with self._store.pool.connection() as conn:
            return [Parked(*row) for row in conn.execute(_LIST)]

    def message(self, source: str, pos: int) -> Any:
        """A parked fact as it was delivered; None when there is none at that position."""
        with self._store.pool.connection() as conn:
            row = conn.execute("SELECT message FROM parked WHERE source = %s AND pos = %s", (source, pos)).fetchone()
        return decode(row[0]) if row else None

    def retry(self, source: str, stream: str) -> int:
        """Take in a parked stream; returns how many were taken in. What still fails stays, with those behind it."""
        return Unparker(Follower(self._service, source, self._store, _no_feed, self._clock)).retry(stream)

    def retry_all(self) -> tuple[int, int]:
        """Retry every parked stream; returns (taken in, still parked)."""
        streams = dict.fromkeys((parked.source, parked.stream) for parked in self.all())
        return sum(self.retry(*stream) for stream in streams), len(self.all())

    def drop(self, source: str, pos: int) -> bool:
        """Forget one parked fact for good; those behind it can then be retried."""
        with self._store.pool.connection() as conn:
            gone = conn.execute("DELETE FROM parked WHERE source = %s AND pos = %s", (source, pos)).rowcount
        log.warning("parked_fact_dropped", source=source, pos=pos, dropped=bool(gone))
        return bool(gone)


def _no_feed(after: int) -> Page:
    raise AssertionError("what is parked is at hand; no feed is read")


def main() -> int:
    """The commands of an operator."""
    try:
        service = service_named(sys.argv[1] if len(sys.argv) > 1 else "")
        return run(ParkedFacts(service, store_of(service), clock), sys.argv[2:])
    except SettingMissing as wrong:
        print(f"parked: {wrong}", file=sys.stderr)
        return 2


def run(parked: ParkedFacts, arguments: Sequence[str]) -> int:
    """Do what was asked: list, show SOURCE POS, retry [SOURCE STREAM], drop SOURCE POS."""
    match list(arguments):
        case [] | ["list"]:
            facts = parked.all()
            print("\n".join(map(str, facts)) if facts else "nothing is parked")
        case ["show", source, pos] if pos.isdigit():
            print(parked.message(source, int(pos)) or "no such fact is parked")
        case ["retry"]:
            done, left = parked.retry_all()
            print(f"{done} taken in, {left} still parked")
            return 1 if left else 0
        case ["retry", source, stream]:
            print(f"{parked.retry(source, stream)} taken in")
        case ["drop", source, pos] if pos.isdigit():
            print("dropped" if parked.drop(source, int(pos)) else "no such fact is parked")
        case _:
            print(
                "usage: parked NAME list | show SOURCE POS | retry [SOURCE STREAM] | drop SOURCE POS", file=sys.stderr
            )
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
