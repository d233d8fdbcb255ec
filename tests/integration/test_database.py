"""Waiting for Postgres ends, also when it vanished without a word."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest

from drills.chaos.proxy import Proxies
from services.chassis.eventstore import store
from services.chassis.foundation import database
from services.rentals.service import SERVICE
from tests.support.waiting import wait_for


@pytest.fixture
def proxies() -> Iterator[Proxies]:
    made = Proxies()
    yield made
    made.close()


@pytest.fixture
def url(fresh, proxies) -> str:
    """A database behind a fault proxy."""
    direct = fresh("rentals").app
    at = urlsplit(direct)
    return direct.replace(f":{at.port}/", f":{proxies.add('postgres', at.port)}/")


def test_a_server_that_vanished_is_waited_for_no_longer_than_patience(url, proxies):
    with database.connect(url, patience=0.5) as conn:
        conn.execute("SELECT 1")
        proxies.lose("postgres")
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="did not answer within"):
            conn.execute("SELECT 1")
        assert 0.5 <= time.monotonic() - began < 5 and conn.closed


BOUNDED = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def test_the_server_ends_what_lasts_too_long_before_we_stop_waiting_for_it(fresh):
    url = fresh("rentals").app
    with database.connect(url) as conn, database.connect(url, patience=None) as patient:
        seconds = "SELECT extract(epoch FROM current_setting(%s)::interval)"
        bounds = [float(conn.execute(seconds, (name,)).fetchone()[0]) for name in BOUNDED]
        assert min(bounds) > 0 and max(bounds) < database.PATIENCE
        assert [patient.execute(f"SHOW {name}").fetchone()[0] for name in BOUNDED] == ["0", "0", "0"]


def test_a_pipeline_gives_up_once_and_not_once_more_at_its_end(url, proxies):
    with database.connect(url, patience=0.5) as conn:
        proxies.lose("postgres")
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError), conn.pipeline():
            conn.execute("SELECT 1")
            conn.execute("SELECT 2").fetchone()
        assert time.monotonic() - began < 1.0


def test_a_pool_lends_a_fresh_connection_after_it(url, proxies, monkeypatch):
    monkeypatch.setattr(database.Connection, "patience", 0.5)
    pool = database.Pool(url)
    with pool.connection() as conn:
        conn.patience = 0.5
    proxies.lose("postgres")
    with pytest.raises(psycopg.OperationalError), pool.connection() as conn:
        conn.execute("SELECT 1")
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "texts", [[], [""], ['a"b', "a\\\\b", "a,b", "{a}", "NULL", " 텐트 ", "a\nb", "'"], ["\\\\" * 3 + '"' * 3]]
)
def test_a_list_arrives_as_it_is(fresh, texts):
    with database.connect(fresh("rentals").app) as conn:
        assert conn.execute("SELECT %s::text[]", (texts,)).fetchone() == (texts,)
        assert conn.execute("SELECT 7 = ANY(%s)", ([5, 6, 7],)).fetchone() == (True,)


GREENLETS = """
import eventlet
eventlet.monkey_patch()
import sys
import psycopg
from services.chassis.foundation import database
from services.chassis.process import eventlet_psycopg
eventlet_psycopg.install()

url, case = sys.argv[1:]
with database.connect(url, patience=1.0 if case == "patience" else 20.0) as one, database.connect(url) as other:
    one.execute("SELECT pg_advisory_lock(1)")
    if case == "patience":  # the lock is never released: the wait for it ends by itself
        other.patience = 0.3
        try:
            other.execute("SELECT pg_advisory_lock(1)")
        except psycopg.OperationalError as error:
            print(error)
    elif case == "both":  # ready for reading and writing at once: who waited is woken once, not in its next wait too
        import socket
        from psycopg.waiting import WAIT_RW
        near, far = socket.socketpair()
        for end in (near, far):
            end.fd.setblocking(False)
        try:
            while True:
                near.fd.send(bytes(65536))
        except BlockingIOError:
            pass
        said = eventlet.event.Event()
        waiting = eventlet.spawn(lambda: (eventlet_psycopg._ready(near.fileno(), WAIT_RW, 5.0) > 0, said.wait()))
        eventlet.sleep(0)
        try:
            while far.fd.recv(1 << 20):
                pass
        except BlockingIOError:
            pass
        far.fd.send(b"answer")
        for _ in range(5):
            eventlet.sleep(0)
        said.send("said")
        print(waiting.wait())
    elif case == "names":
        import socket
        from eventlet.green.socket import create_connection
        found = {socket.getaddrinfo(name, 80, socket.AF_INET)[0][4] for name in ("localhost", "127.0.0.1")}
        try:
            create_connection(("nobody.invalid", 80))
        except socket.gaierror:
            print(found)
    else:  # who waits for the lock holds up nobody: the one who has it can let go of it
        ask = "SELECT pg_advisory_lock(1), repeat('x', 3000000)"
        waiting = eventlet.spawn(lambda: other.execute(ask).fetchone()[1])
        eventlet.sleep(0)
        while not one.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone():
            eventlet.sleep(0)
        with one.pipeline():
            asked = [one.execute("SELECT length(%s)", ("y" * 1000000,)) for _ in range(8)]
            one.execute("SELECT pg_advisory_unlock(1)")
        print(len(waiting.wait()), sum(each.fetchone()[0] for each in asked))
"""


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("patience", "the database did not answer within 0.3 s"),
        ("turns", "3000000 8000000"),
        ("names", "{('127.0.0.1', 80)}"),
        ("both", "(True, 'said')"),
    ],
)
def test_a_greenlet_that_waits_for_postgres_holds_up_no_other(fresh, case, said):
    command = [sys.executable, "-W", "ignore", "-c", GREENLETS, fresh("rentals").app, case]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == said, done.stderr


def test_who_is_slow_but_at_work_keeps_the_lock(fresh, monkeypatch):
    monkeypatch.setattr(database, "BOUNDS", database.BOUNDS.replace("lock_timeout=3000", "lock_timeout=300"))
    monkeypatch.setattr(store, "SILENT", 0.1)
    url = fresh("rentals").app
    desk = store.PostgresStore(SERVICE, url)
    with database.connect(url) as slow, ThreadPoolExecutor(1) as beside:
        slow.execute("BEGIN")
        slow.execute("SELECT pg_advisory_xact_lock(log_key())")
        working = beside.submit(slow.execute, "SELECT 7 FROM pg_sleep(1.5)")
        with pytest.raises(database.Locked), desk.begin():
            pass
        assert working.result().fetchone() == (7,)
        slow.execute("COMMIT")


def test_who_vanished_in_the_midst_of_a_unit_of_work_does_not_keep_the_lock(fresh, proxies, monkeypatch):
    """Of a pipeline that breaks off the server waits for the rest, and none of its own bounds ends that."""
    monkeypatch.setattr(database, "BOUNDS", database.BOUNDS.replace("lock_timeout=3000", "lock_timeout=300"))
    monkeypatch.setattr(store, "SILENT", 0.2)
    direct = fresh("rentals").app
    port = urlsplit(direct).port
    lost = database.connect(direct.replace(f":{port}/", f":{proxies.add('postgres', port)}/"), patience=60)
    with contextlib.suppress(psycopg.OperationalError), lost.pipeline():
        lost.execute("BEGIN")
        lost.execute("SELECT pg_advisory_xact_lock(log_key())").fetchone()
        proxies.lose("postgres")
        desk = store.PostgresStore(SERVICE, direct)

        def gets_the_lock():
            try:
                with desk.begin():
                    return True
            except database.UNAVAILABLE:
                return False

        assert not gets_the_lock()
        wait_for(gets_the_lock, patience=10)
        lost.close()
