"""Makes psycopg waits and DNS lookups cooperate with eventlet.

psycopg's own wait makes a selector for every answer; here a wait is one entry in eventlet's hub and one switch.
eventlet's own resolver takes 40 % of a service's start; here the system's resolver runs in a thread.
"""

import socket
import time
from typing import Any

import eventlet
import eventlet.green.socket
import eventlet.hubs
import eventlet.patcher
from eventlet import tpool
from psycopg import errors, waiting

OFTEN = 1.0  # seconds between two looks whether the connection is still there
_select = eventlet.patcher.original("select")
_resolve = eventlet.patcher.original("socket").getaddrinfo


def install() -> None:
    """Have psycopg and the socket module wait like this."""
    waiting.wait = wait
    socket.getaddrinfo = eventlet.green.socket.getaddrinfo = _addresses


def _addresses(host: Any, *rest: Any, **named: Any) -> Any:
    if isinstance(host, str) and host.replace(".", "").isdigit():
        return _resolve(host, *rest, **named)  # an address already: nobody has to be asked
    return tpool.execute(_resolve, host, *rest, **named)


def wait(gen: Any, fileno: int, interval: float = 0.0, timeout: float | None = None) -> Any:
    """Send ``gen`` what it waits for until it has its answer. Raises _WaitTimeout after ``timeout`` seconds."""
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    try:
        wanted = next(gen)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise errors._WaitTimeout("wait timeout expired")
            ready = _ready_now(fileno) if wanted & waiting.WAIT_W else 0
            wanted = gen.send(ready or _ready(fileno, wanted, min(left, OFTEN)))
    except StopIteration as answered:
        return answered.value


def _ready_now(fileno: int) -> int:
    """What could be done at once: a socket can nearly always be written to."""
    poll = _select.poll()
    poll.register(fileno, _select.POLLIN | _select.POLLOUT)
    seen = sum(event for _, event in poll.poll(0))
    readable = seen & ~_select.POLLOUT  # an end or an error is there to be read
    return (waiting.READY_R if readable else 0) | (waiting.READY_W if seen & _select.POLLOUT else 0)


def _ready(fileno: int, wanted: int, timeout: float) -> int:
    """Let other greenlets run until the socket is ready; what it is ready for, 0 when the time is up."""
    hub, me = eventlet.hubs.get_hub(), eventlet.getcurrent()
    waits = [True]

    def wake(ready: int) -> None:
        if waits:  # the hub tells of both directions at once, and by the second this greenlet is elsewhere
            waits.clear()
            me.switch(ready)

    timer = hub.schedule_call_global(timeout, wake, waiting.READY_NONE)
    listeners = []
    try:
        for bit, kind, ready in (
            (waiting.WAIT_R, hub.READ, waiting.READY_R),
            (waiting.WAIT_W, hub.WRITE, waiting.READY_W),
        ):
            if wanted & bit:
                listeners.append(hub.add(kind, fileno, _calling(wake, ready), me.throw, _nothing))
        return int(hub.switch())
    finally:
        waits.clear()
        for listener in listeners:
            hub.remove(listener)
        timer.cancel()


def _calling(wake: Any, ready: int) -> Any:
    return lambda _: wake(ready)


def _nothing() -> None:
    """The hub wants to say when somebody else closes the socket; libpq's is closed by nobody else."""
