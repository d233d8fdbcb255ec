"""Connections to the service's own Postgres. Every wait is bounded, so that a stopped server can't hold the desk."""

import os

os.environ.setdefault(
    "PSYCOPG_WAIT_FUNC", "wait_selector"
)  # read once by psycopg: its C wait would block every greenlet

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.adapt import Dumper
from psycopg.types.string import TextLoader

OPTIONS = (
    "-c timezone=UTC -c plan_cache_mode=force_generic_plan"
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
)
BOUNDS = "-c statement_timeout=5000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=4000"
UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError)
Duplicate = errors.UniqueViolation  # as of an event whose id is in the log
NOT_STORABLE = (errors.DataError, errors.ProgramLimitExceeded)  # a value that no column takes
Locked = errors.LockNotAvailable
PATIENCE = 6.0  # seconds for any answer: more than the server's own bounds, which a server that is gone can't keep


class Connection(psycopg.Connection[Any]):
    """A connection whose every wait ends, also when the server vanished without a word."""

    patience: float | None = PATIENCE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer. Raises psycopg.OperationalError after ``patience`` seconds; it is closed then."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except errors._WaitTimeout:
            self.close()  # nobody may wait for this answer once more
            raise psycopg.OperationalError(f"the database did not answer within {self.patience} s") from None


class ArrayDumper(Dumper):
    """Dumps a list of texts, numbers or ids as an array; the statement says of what. psycopg's own takes far longer."""

    def dump(self, obj: list[Any]) -> bytes:
        """The array as Postgres reads it."""
        escaped = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in obj)
        return ("{" + ",".join([f'"{text}"' for text in escaped]) + "}").encode()


def connect(url: str, patience: float | None = PATIENCE) -> Connection:
    """A connection in autocommit mode with bounded waits; with ``patience=None`` no answer is, here or there.

    JSON comes as the text that Postgres made.
    """
    options = OPTIONS if patience is None else f"{OPTIONS} {BOUNDS}"
    conn = Connection.connect(
        url, autocommit=True, connect_timeout=5, options=options, tcp_user_timeout=10000, application_name="nanum"
    )
    conn.patience = patience
    conn.adapters.register_dumper(list, ArrayDumper)
    conn.adapters.register_loader("json", TextLoader)
    conn.adapters.register_loader("jsonb", TextLoader)
    return conn


def text(statement: str) -> sql.SQL:
    """A statement that is put together from names of our own views, never from input."""
    return sql.SQL(statement)


class Pool:
    """A few connections, lent one at a time to each greenlet or thread; a broken one is not kept.

    A stack, not a queue: under little load the same warm connection is used, with its prepared statements.
    """

    def __init__(self, url: str, size: int = 6) -> None:
        self.url = url
        self._idle: list[Connection] = []
        self._slots = threading.BoundedSemaphore(size)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection. Raises psycopg.OperationalError when the server is away or all stay busy for 5 s."""
        if not self._slots.acquire(timeout=5):
            raise psycopg.OperationalError("all connections of this service are busy")
        try:
            conn = self._idle.pop() if self._idle else connect(self.url)
            try:
                yield conn
            except UNAVAILABLE:
                self.drop_idle()  # the server went away under one of them: the others are dead too
                raise
            finally:
                if conn.closed or conn.broken or conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    conn.close()
                else:
                    self._idle.append(conn)
        finally:
            self._slots.release()

    def drop_idle(self) -> None:
        """Close the connections that nobody uses now."""
        while self._idle:
            self._idle.pop().close()
