"""The web server of a service: who is let in, how many, and what that costs the others."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

from tests.support.process import SECRET, asked, describe, service_process
from tests.support.waiting import wait_for

WORKERS = 128
FILES = 500  # open files that the process may have


@pytest.fixture(scope="module")
def url(servers, template):
    """A database of inventory for all tests of this module."""
    name = "served_inventory"
    with psycopg.connect(servers.postgres.superuser_dsn(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template('inventory')} OWNER inventory_owner")
    return servers.dsn("inventory", "app").rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="module")
def inventory(url, servers):
    with service_process("inventory", url, servers.amqp_url("inventory"), open_files=FILES) as running:
        yield running


@contextlib.contextmanager
def connection(service):
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
        yield line


def answer(line):
    """Everything that comes until the service closes."""
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: line.recv(65536), b""))
    return b""


class TestSecret:
    @pytest.mark.parametrize("given", ["Bearer é".encode(), b"Bearer \xff", b"Bearer wrong", b""])
    def test_without_it_there_is_a_401_whatever_stands_in_its_place(self, inventory, given):
        with connection(inventory) as line:
            line.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: " + given + b"\r\n\r\n")
            assert answer(line).startswith(b"HTTP/1.1 401")

    @pytest.mark.parametrize("path", [b"/commands", b"/readyz"])
    def test_a_stranger_is_answered_before_the_body_is_there(self, inventory, path):
        with connection(inventory) as line:
            line.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            assert answer(line).startswith(b"HTTP/1.1 401")

    def test_with_it_everything_is_open(self, inventory):
        assert inventory.get("/events").status_code == 200
        assert requests.get(f"{inventory.url}/events", timeout=5).status_code == 401


class TestLimits:
    def test_more_connections_than_open_files_do_not_end_the_process(self, inventory):
        with contextlib.ExitStack() as stack:
            for _ in range(2 * FILES):
                stack.enter_context(connection(inventory))
            wait_for(lambda: open_at(inventory.process.pid) < FILES)
            assert inventory.process.poll() is None
        wait_for(lambda: inventory.get("/events").status_code == 200)
        assert inventory.metric('nanum_http_refused_total{why="too many connections"}') > 0

    @pytest.mark.parametrize("drop", [b"", b"G", b"X-A: "])
    def test_who_sends_no_head_is_cut_off(self, inventory, drop):
        with connection(inventory) as line:
            began = time.monotonic()
            if drop == b"X-A: ":
                line.sendall(b"GET /livez HTTP/1.1\r\n")
            with contextlib.suppress(OSError):
                while time.monotonic() - began < 15:
                    line.sendall(drop)
                    line.settimeout(0.3)
                    with contextlib.suppress(TimeoutError):
                        if not line.recv(10):
                            break
            assert time.monotonic() - began < 12

    def test_a_head_without_end_is_refused(self, inventory):
        with connection(inventory) as line, contextlib.suppress(ConnectionError):
            line.sendall(b"GET /livez HTTP/1.1\r\n" + b"X-A: b\r\n" * 50_000)
            assert answer(line)[:12] in (b"HTTP/1.0 400", b"HTTP/1.1 431", b"")


def open_at(pid):
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_long_answer_waits_for_nobody(inventory):
    """Nagle's algorithm would hold the last part back until the first is acknowledged, which takes 40 ms."""
    describe(inventory, *(f"D{n}" for n in range(10, 40)), manual="x" * 1000)
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {SECRET}"
    assert len(session.get(f"{inventory.url}/events?limit=500", timeout=10).content) > 32 * 1024
    times = sorted(timed(lambda: session.get(f"{inventory.url}/events?limit=500", timeout=10)) for _ in range(21))
    assert times[3] < 0.035  # nearly every one would take more


def timed(act):
    began = time.monotonic()
    act()
    return time.monotonic() - began


class TestHealth:
    def test_probes_answer_while_all_workers_wait(self, inventory, servers):
        """A lock on the log holds up commands; livez, readyz and metrics have no part in that."""
        server = servers.postgres.superuser_dsn().rpartition("/")[0]
        with psycopg.connect(f"{server}/served_inventory") as holder, ThreadPoolExecutor(WORKERS + 2) as pool:
            holder.execute("SELECT pg_advisory_lock(log_key())")
            commands = [pool.submit(asked, inventory, "C50") for _ in range(WORKERS + 2)]
            wait_for(lambda: connections(inventory) > WORKERS, patience=20)
            for path in ("/livez", "/readyz", "/metrics"):
                assert timed(lambda path=path: requests.get(f"{inventory.url}{path}", timeout=10)) < 2
            assert inventory.ready()["ready"]
            holder.execute("SELECT pg_advisory_unlock(log_key())")
            assert {command.result().status_code for command in commands} <= {200, 503}


def connections(service):
    """How many connections it holds."""
    return service.metric("nanum_http_connections")


class TestChanges:
    def test_who_waits_hears_of_a_commit_of_another_process(self, inventory, url, servers):
        began = inventory.get("/changes").json()
        assert began["streams"] == []
        with service_process("inventory", url, servers.amqp_url("inventory")) as other, ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: inventory.get("/changes", after=began["head"], wait=20))
            sent = time.monotonic()
            describe(other, "C10")
            changes = waiting.result().json()
            assert time.monotonic() - sent < 5
        assert changes["epoch"] == began["epoch"]
        assert changes["head"] > began["head"] and changes["streams"] == ["category-gwangju-namgu.C10"]

    def test_who_asks_for_a_centre_hears_of_that_centre_alone(self, inventory):
        began = inventory.get("/changes").json()["head"]
        describe(inventory, "C20")
        head = inventory.get("/changes").json()["head"]
        here = inventory.get("/changes", after=began, wait=5, centre="gwangju-namgu").json()
        there = inventory.get("/changes", after=began, wait=0.5, centre="seoul").json()
        assert (here["streams"], there["streams"]) == (["category-gwangju-namgu.C20"], [])
        assert here["head"] == there["head"] == head

    def test_nobody_waits_longer_than_asked(self, inventory):
        head = inventory.get("/changes").json()["head"]
        began = time.monotonic()
        assert inventory.get("/changes", after=head, wait=0.5).json()["head"] == head
        assert 0.4 < time.monotonic() - began < 3

    def test_a_few_may_wait_and_commands_go_on_meanwhile(self, inventory):
        head = inventory.get("/changes").json()["head"]
        with ThreadPoolExecutor(200) as pool:
            began = time.monotonic()
            waiting = [pool.submit(inventory.get, "/changes", after=head, wait=4) for _ in range(60)]
            answers = []
            while time.monotonic() - began < 2:
                answers.append(timed(lambda: inventory.get("/events")))
            codes = [each.result().status_code for each in waiting]
        assert (codes.count(200), codes.count(503)) == (16, 44)
        assert max(answers) < 1
