"""The function that appends: it waits for the lock of the log, and lists what the log holds."""

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


def test_the_log_lists_each_type_and_schema_from_its_first_event(fresh):
    with psycopg.connect(fresh("rentals").app, autocommit=True) as app:
        append(app, 0, event(), event(type="book.burnt"))
        append(app, 2, event(type="book.lent"), event())
        append(app, 4, event(schema=2))
        listed = app.execute("SELECT type, schema, first_position FROM event_type ORDER BY first_position").fetchall()
    assert listed == [("book.bought", 1, 1), ("book.burnt", 1, 2), ("book.lent", 1, 3), ("book.bought", 2, 5)]
