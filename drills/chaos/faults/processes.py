"""Processes, of ours and of the servers, that are killed, stopped for a while, or told to end; each is started again.

Postgres keeps a new postmaster out while children of a killed one live on; SIGQUIT drops every backend, and the next
start recovers from the log. SIGTERM comes at every upgrade.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial

from drills.chaos.centre import PROGRAMS
from drills.chaos.faults.kind import Shot, fault
from services.contracts import SERVICES

# The name, whom it strikes, the signal, the weight, whether the smoke test plays it.
ENDED = (
    ("kill a service", SERVICES, signal.SIGKILL, 12, True),
    ("kill the gateway", ("gateway",), signal.SIGKILL, 4, True),
    ("end a program in order", PROGRAMS, signal.SIGTERM, 10, True),
    ("broker killed", ("rabbitmq",), signal.SIGKILL, 4, False),
    ("Postgres stopped at once", ("postgres",), signal.SIGQUIT, 6, True),
    ("Postgres killed", ("postgres",), signal.SIGKILL, 5, True),
    ("kill the terminal or the mailbox", ("terminal", "mailbox"), signal.SIGKILL, 4, True),
)


def _ended_by(number: signal.Signals, shot: Shot) -> Iterator[None]:
    shot.centre.signal(shot.target, number)
    yield


for name, targets, number, weight, smoke in ENDED:
    fault(name, targets, weight, smoke=smoke)(partial(_ended_by, number))


@fault("stop and continue a service", SERVICES, 12, (1.0, 5.0))
@fault("stop and continue the gateway", ("gateway",), 4, (1.0, 4.0))
@fault("broker frozen", ("rabbitmq",), 4, (1.0, 5.0))
def frozen(shot: Shot) -> Iterator[None]:
    """SIGSTOP, as if the machine had frozen, connections stay; then it goes on as if nothing had been."""
    yield from continued(shot.centre.signal(shot.target, signal.SIGSTOP))


def continued(pid: int) -> Iterator[None]:
    """Continue a stopped process after the fault; it may be gone by then."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
