"""A source whose log went back, or is another one: who reads it halts within seconds, and a human moves it on."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.support.process import describe, service_process
from tests.support.waiting import wait_for

HALTED = "subscriber.inventory"


class Pair:
    """Inventory, and rentals that reads it: two processes with databases of their own."""

    def __init__(self, source, reader, theirs, ours):
        self.source, self.reader, self.theirs, self.ours = source, reader, theirs, ours

    def rows(self, statement):
        with psycopg.connect(self.ours.superuser) as conn:
            return conn.execute(statement).fetchall()

    @property
    def categories(self):
        return [id.partition(".")[2] for (id,) in self.rows("SELECT category_id FROM lending_category ORDER BY 1")]

    def describes(self, *codes):
        """The source describes categories, and the reader takes them in."""
        describe(self.source, *codes)
        wait_for(lambda: set(codes) <= set(self.categories), patience=30)

    def halted(self, why):
        """Wait until the reader says that it is halted; how long that took, in seconds."""
        began = time.monotonic()
        wait_for(lambda: why in self.reader.ready()["degraded"].get(HALTED, ""), patience=30)
        return time.monotonic() - began

    def rewind(self, position):
        """The source's log goes back and keeps its name, as when a standby that lagged takes its place."""
        with psycopg.connect(self.theirs.superuser) as conn:
            conn.execute("SET session_replication_role = replica")  # or the triggers refuse it
            for statement in (
                "DELETE FROM event WHERE position > %s",
                "DELETE FROM event_type WHERE first_position > %s",
                "UPDATE relay_cursor SET position = least(position, %s)",
            ):
                conn.execute(statement, (position,))

    def resume(self):
        return self.reader.tool("resume", "rentals", "inventory", owner=self.ours.owner)


@pytest.fixture
def pair(fresh, servers):
    theirs, ours = fresh("inventory"), fresh("rentals")
    with (
        service_process("inventory", theirs.app, servers.amqp_url("inventory")) as source,
        service_process("rentals", ours.app, servers.amqp_url("rentals"), {"inventory": source.url}) as reader,
    ):
        yield Pair(source, reader, theirs, ours)


def test_a_log_that_went_back_halts_its_reader_within_seconds_and_a_resume_makes_all_equal(pair):
    pair.describes("C10", "C11", "C12")
    pair.rewind(1)
    assert pair.halted("LogRewound") < 5
    assert pair.reader.ready()["ready"]  # commands are carried out
    describe(pair.source, "C20", "C21")
    time_to_notice = pair.halted("run ./nanum resume rentals inventory")
    assert time_to_notice < 5 and pair.categories == ["C10", "C11", "C12"]

    assert "common up to 0, taken in up to 3; rebuilt" in pair.resume()

    pair.describes("C30")
    assert pair.categories == ["C10", "C20", "C21", "C30"]
    assert "0 differences" in pair.reader.tool("verify", "rentals")
    wait_for(lambda: HALTED not in pair.reader.ready()["degraded"], patience=60)


def test_a_log_that_goes_on_behind_the_cursor_halts_its_reader_too(pair):
    pair.describes("C10", "C11", "C12")
    pair.rewind(1)
    describe(pair.source, "C20", "C21", "C22", "C23")
    assert pair.halted("LogRewound") < 5
    assert pair.categories == ["C10", "C11", "C12"]


def test_another_epoch_halts_its_reader_and_a_resume_goes_on_where_it_was(pair):
    pair.describes("C10", "C11")
    assert "its subscribers wait" in pair.source.tool("epoch", "inventory", owner=pair.theirs.owner)
    assert pair.halted("EpochChanged") < 5
    assert "common up to 2, taken in up to 2" in pair.resume()
    pair.describes("C12")
    assert pair.rows("SELECT resume_from, position FROM subscription WHERE source = 'inventory'") == [(None, 3)]


def test_a_resume_that_was_broken_off_keeps_it_halted_and_is_done_again(pair):
    pair.describes("C10", "C11")
    with psycopg.connect(pair.ours.superuser) as conn:
        conn.execute("UPDATE subscription SET resume_from = 1 WHERE source = 'inventory'")
    describe(pair.source, "C12")
    assert pair.halted("was broken off") < 10
    assert pair.categories == ["C10", "C11"]
    assert "common up to 1, taken in up to 3" in pair.resume()
    pair.describes("C13")
    assert pair.categories == ["C10", "C11", "C12", "C13"]
