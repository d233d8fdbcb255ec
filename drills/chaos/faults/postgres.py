"""Postgres that is full, out of connections, or held up by one of its backends."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator

import psycopg

from drills.chaos.faults.kind import NotNow, Shot, fault
from drills.chaos.faults.processes import continued
from services.contracts import SERVICES

LEAST = 8192  # bytes: no file may grow beyond, so hardly any write gets through


def _backends(shot: Shot) -> list[int]:
    try:
        with shot.centre.sql(shot.target) as conn:
            statement = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = %s"
            rows = conn.execute(statement, (f"nanum_{shot.target}", f"{shot.target}_app")).fetchall()
    except psycopg.Error as away:
        raise NotNow(str(away)) from None
    if not rows:
        raise NotNow("the service has no connection now")
    return [pid for (pid,) in rows]


@fault("backends terminated", SERVICES, 6)
def terminated(shot: Shot) -> Iterator[None]:
    """pg_terminate_backend of all connections of a service."""
    pids = _backends(shot)
    with contextlib.suppress(psycopg.Error), shot.centre.sql(shot.target) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", (pids,))
    shot.note = f"{len(pids)} backends"
    yield


@fault("a backend stopped", SERVICES, 6, (1.0, 4.0))
def stopped(shot: Shot) -> Iterator[None]:
    """SIGSTOP of one backend: no time-out of the server can fire in it."""
    pid = shot.dice.choice(_backends(shot))
    os.kill(pid, signal.SIGSTOP)
    yield from continued(pid)


@fault("the log's lock held", SERVICES, 6, (1.0, 4.0))
def lock_held(shot: Shot) -> Iterator[None]:
    """Somebody else holds what every writer needs: the table, or the log's lock itself."""
    shot.note = "LOCK TABLE event" if shot.dice.random() < 0.5 else "SELECT pg_advisory_xact_lock(log_key())"
    try:
        conn = shot.centre.sql(shot.target)
        conn.execute("BEGIN")
        conn.execute("SET LOCAL lock_timeout = 3000")
        conn.execute(shot.note.encode())
    except psycopg.Error as away:
        raise NotNow(str(away)) from None
    with contextlib.closing(conn):
        yield


@fault("connections exhausted", ("postgres",), 4, (1.0, 3.0))
def exhausted(shot: Shot) -> Iterator[None]:
    """Every connection that is left is taken by somebody who does nothing with it."""
    dsn = shot.centre.fleet.dsn("rentals", "ro")
    with contextlib.ExitStack() as taken:
        with contextlib.suppress(psycopg.Error):
            for number in range(1, 201):
                taken.enter_context(contextlib.closing(psycopg.connect(dsn, connect_timeout=3)))
                shot.note = f"{number} connections"
        yield


@fault("Postgres' disk full", ("postgres",), 3, (1.0, 2.5))
def disk_full(shot: Shot) -> Iterator[None]:
    """No file of the server may grow: Postgres takes a write that the limit refuses as one that the disk refused."""
    state = shot.centre.state("postgres")
    if state is None or not state.pid:
        raise NotNow("Postgres is not running")
    pids = [state.pid, *_children(state.pid)]
    for pid in pids:
        _limit(pid, LEAST)
    try:
        yield
    finally:
        for pid in {*pids, *_children(state.pid)}:
            _limit(pid, resource.RLIM_INFINITY)


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _limit(pid: int, limit: int) -> None:
    with contextlib.suppress(OSError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit if limit > 0 else hard, hard))
