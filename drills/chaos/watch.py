"""Watching the centre from outside the proxies: readiness of each process, and the cursors of all consumers."""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
import requests

from deploy.local.problems import NotReady
from drills.chaos.centre import LATER, PAIRS, PROGRAMS, SOURCES, Centre
from services.chassis.process.runtime import service_named
from services.contracts import SERVICES

EVERY, CLOSELY = 0.5, 0.1  # seconds between two looks; at what was not well when last looked at


@dataclass
class Seen:
    """What was seen: when each process was ready, and the cursors at each look."""

    ready: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    heads: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    cursors: list[tuple[float, dict[tuple[str, str], int]]] = field(default_factory=list)

    def ready_after(self, name: str, since: float) -> float | None:
        """When a process was first seen ready after an instant."""
        looks = self.ready.get(name, [])
        first = bisect_left(looks, (since, False))
        return next((at for at, fine in looks[first:] if fine), None)

    def taken_in_after(self, since: float) -> float | None:
        """When everything that was in the logs at an instant had been taken in by everyone."""
        heads = next((heads for at, heads in self.heads if at >= since), None)
        if heads is None:
            return None
        for at, cursors in self.cursors:
            if at >= since and all(cursors.get(place, 0) >= heads[place[1]] for place in PAIRS):
                return at
        return None


class Watch:
    """Looks, in threads of its own, until :meth:`stop`."""

    def __init__(self, centre: Centre) -> None:
        self._centre, self.seen = centre, Seen()
        self._stopping = threading.Event()
        looks: list[Callable[[], None]] = [lambda name=name: self._ready(name) for name in PROGRAMS]  # type: ignore[misc]
        self._threads = [threading.Thread(target=look, daemon=True) for look in [*looks, self._broker, self._cursors]]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)

    def _note(self, name: str, fine: bool) -> None:
        self.seen.ready.setdefault(name, []).append((self._centre.now(), fine))

    def _ready(self, name: str) -> None:
        session = requests.Session()
        session.trust_env = False
        url = f"{self._centre.fleet.address(name)}/readyz"
        fine = True
        while not self._stopping.wait(EVERY if fine else CLOSELY):
            try:
                fine = session.get(url, timeout=1).status_code == 200
            except requests.RequestException:
                fine = False
            self._note(name, fine)

    def _broker(self) -> None:
        fine = True
        while not self._stopping.wait(2 * EVERY if fine else CLOSELY):
            try:
                self._centre.fleet.rabbitmq.check()
                fine = True
            except (NotReady, OSError):
                fine = False
            self._note("rabbitmq", fine)

    def _cursors(self) -> None:
        connections: dict[str, psycopg.Connection] = {}
        while not self._stopping.wait(EVERY):
            try:
                began = self._centre.now()
                positions = {service: self._look(connections, service) for service in SERVICES}
            except psycopg.Error:
                for conn in connections.values():
                    conn.close()
                connections.clear()
                continue
            self.seen.heads.append((began, {service: published for service, (published, _) in positions.items()}))
            cursors = {(to, of): position for to, (_, at) in positions.items() for of, position in at.items()}
            self.seen.cursors.append((began, cursors))

    def _look(self, connections: dict[str, psycopg.Connection], service: str) -> tuple[int, dict[str, int]]:
        if service not in connections:
            dsn = self._centre.fleet.dsn(service, "ro")
            connections[service] = psycopg.connect(
                dsn, autocommit=True, connect_timeout=2, options="-c statement_timeout=2000"
            )
        conn = connections[service]
        return head(conn, service), _cursors(conn)


def head(conn: psycopg.Connection, service: str) -> int:
    """The position of the last event that leaves a service."""
    published = sorted(service_named(service).published_types)
    return _number(conn, "SELECT position FROM event WHERE type = ANY(%s) ORDER BY position DESC LIMIT 1", published)


def _cursors(conn: psycopg.Connection) -> dict[str, int]:
    return dict(conn.execute("SELECT source, position FROM subscription").fetchall())


def lag(centre: Centre) -> int:
    """The events that somebody has yet to take in, or a relay to publish."""
    connections = {service: centre.sql(service) for service in SERVICES}
    try:
        heads = {service: head(conn, service) for service, conn in connections.items()}
        left = 0
        for consumer, conn in connections.items():
            at = _cursors(conn)
            left += sum(max(0, heads[source] - at.get(source, 0)) for source in SOURCES[consumer])
            left += max(0, heads[consumer] - _number(conn, "SELECT position FROM relay_cursor"))
        return left
    finally:
        for conn in connections.values():
            conn.close()


def work_left(centre: Centre) -> int:
    """The jobs to be done, but for those that may wait for days, and the events parked out of order."""
    left = 0
    for service in SERVICES:
        with centre.sql(service) as conn:
            left += _number(conn, "SELECT count(*) FROM job WHERE NOT name = ANY(%s)", LATER)
            left += _number(conn, "SELECT count(*) FROM parked WHERE out_of_order")
    return left


def _number(conn: psycopg.Connection, statement: LiteralString, *parameters: object) -> int:
    row = conn.execute(statement, parameters).fetchone()
    return int(row[0]) if row else 0


def seconds_until(done: Callable[[], bool], patience: float) -> float | None:
    """How long it took until it was so; None when it never came."""
    began = time.monotonic()
    while time.monotonic() - began < patience:
        try:
            if done():
                return time.monotonic() - began
        except psycopg.Error:
            pass
        time.sleep(0.1)
    return None
