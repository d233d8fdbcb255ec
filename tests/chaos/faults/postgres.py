"""Postgres that is stopped, killed, full, out of connections, or held up by one of its backends."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator

import psycopg

from deploy.local.processes import SERVICES
from tests.chaos.faults.kind import NotNow, Shot, fault

_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = %s"
LEAST = 8192  # bytes: no file may grow beyond, so hardly any write gets through


def _backends(shot: Shot) -> list[int]:
    try:
        with shot.centre.sql(shot.target) as conn:
            rows = conn.execute(_BACKENDS, (f"nanum_{shot.target}", f"{shot.target}_app")).fetchall()
    except psycopg.Error as away:
        raise NotNow(str(away)) from None
    if not rows:
        raise NotNow("the service has no connection now")
    return [pid for (pid,) in rows]


@fault("Postgres stopped at once", ("postgres",), weight=6)
def immediate(shot: Shot) -> Iterator[None]:
    """SIGQUIT: every backend is dropped, and the next start recovers from the log."""
    shot.touches = set(SERVICES)
    shot.centre.signal("postgres", signal.SIGQUIT)
    yield


@fault("Postgres killed", ("postgres",), weight=5)
def killed(shot: Shot) -> Iterator[None]:
    """kill -9 of the postmaster: its children live on for a moment and keep a new one out."""
    shot.touches = set(SERVICES)
    shot.centre.signal("postgres", signal.SIGKILL)
    yield


@fault("backends terminated", SERVICES, weight=6)
def terminated(shot: Shot) -> Iterator[None]:
    """pg_terminate_backend of all connections of a service."""
    shot.touches = {shot.target}
    pids = _backends(shot)
    with contextlib.suppress(psycopg.Error), shot.centre.sql(shot.target) as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", (pids,))
    shot.note = f"{len(pids)} backends"
    yield


@fault("a backend stopped", SERVICES, weight=6, lasts=(1.0, 4.0))
def stopped(shot: Shot) -> Iterator[None]:
    """SIGSTOP of one backend: no time-out of the server can fire in it."""
    shot.touches = {shot.target}
    pid = shot.dice.choice(_backends(shot))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@fault("the log's lock held", SERVICES, weight=6, lasts=(1.0, 4.0))
def lock_held(shot: Shot) -> Iterator[None]:
    """Somebody else holds what every writer needs: the table, or the single writer's turn."""
    shot.touches = {shot.target}
    whole = shot.dice.random() < 0.5
    shot.note = "LOCK TABLE event" if whole else "the writer's turn"
    try:
        conn = shot.centre.sql(shot.target)
        conn.execute("BEGIN")
        conn.execute("SET LOCAL lock_timeout = 3000")
        conn.execute("LOCK TABLE event" if whole else "SELECT pg_advisory_xact_lock(log_key())")
    except psycopg.Error as away:
        raise NotNow(str(away)) from None
    try:
        yield
    finally:
        conn.close()


@fault("connections exhausted", ("postgres",), weight=4, lasts=(1.0, 3.0))
def exhausted(shot: Shot) -> Iterator[None]:
    """Every connection that is left is taken by somebody who does nothing with it."""
    shot.touches = set(SERVICES)
    taken: list[psycopg.Connection] = []
    dsn = shot.centre.fleet.dsn("rentals", "ro")
    try:
        with contextlib.suppress(psycopg.Error):
            for _ in range(200):
                taken.append(psycopg.connect(dsn, connect_timeout=3))
        shot.note = f"{len(taken)} connections"
        yield
    finally:
        for conn in taken:
            conn.close()


@fault("Postgres' disk full", ("postgres",), weight=3, lasts=(1.0, 2.5))
def disk_full(shot: Shot) -> Iterator[None]:
    """No file of the server may grow: Postgres takes a write that the limit refuses as one that the disk refused."""
    shot.touches = set(SERVICES)
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
