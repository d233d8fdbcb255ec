"""One writer at a time: who appends waits for the lock of the log, whatever way they came."""

from __future__ import annotations

import psycopg
import pytest

from tests.integration.test_log import append, event


def test_who_appends_waits_for_who_holds_the_lock_of_the_log(fresh):
    made = fresh("rentals")
    with psycopg.connect(made.app) as holder, psycopg.connect(made.app, autocommit=True) as writer:
        holder.execute("SELECT pg_advisory_xact_lock(log_key())")
        writer.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            append(writer, 0, event())
        holder.rollback()
        assert append(writer, 0, event()) == 1
