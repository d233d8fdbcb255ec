"""Waiting for Postgres ends, also when it vanished without a word."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from services.chassis import database
from tests.chaos.proxy import Proxies


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
