"""A relay on a bus of its own: slow, unsure of what it has, beside another leader, or before what it can not read."""

from __future__ import annotations

import json
import threading
import time
from uuid import uuid4

import pytest

from services.chassis.foundation import database
from services.chassis.foundation.signals import Signal
from services.chassis.messaging import relay as relaying
from services.chassis.messaging.relay import PostgresOutbox, Relay
from services.contracts.base import SchemaUnknown
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, barcodes, lend
from tests.support.waiting import wait_for


@pytest.fixture
def rentals(fresh):
    made = fresh("rentals")
    desk = Desk(made.app).opened(*barcodes(10))
    desk.url = made.app
    return desk


class SlowBus:
    """A bus that takes its time, and holds no more than the first few of a batch for safe."""

    def __init__(self, takes=0.0, safe=None, beat=2.0):
        self.takes, self.safe, self.beat = takes, safe, beat
        self.batches = []

    def publish(self, messages, meanwhile):
        self.batches.append(list(messages))
        done = time.monotonic() + self.takes
        while (left := done - time.monotonic()) > 0:
            time.sleep(min(left, self.beat))
            meanwhile()
        return min(len(messages), self.safe or len(messages))

    def heartbeat(self):
        """Nothing to keep alive."""

    def close(self):
        """Nothing to close."""


def append_unknown(desk, type, schema):
    """A newer release writes an event."""
    head = desk.rows("SELECT coalesce(max(position), 0) FROM event")[0][0]
    event = {
        "id": str(uuid4()),
        "centre": CENTRE,
        "stream": f"photo-{CENTRE}.{uuid4().hex}",
        "version": 1,
        "type": type,
        "schema": schema,
        "published": True,
        "data": {},
        "meta": {},
        "at": MONDAY.isoformat(),
    }
    desk.rows("SELECT append(%s, %s::jsonb)", head, json.dumps([event]))


def log(desk):
    """Every position of the log, the neighbours' too, in order: here each event is published."""
    with database.connect(desk.url) as conn:
        return [position for (position,) in conn.execute("SELECT position FROM event ORDER BY position")]


def relayed(bus):
    """The positions that a bus was given, batch by batch."""
    return [[m.position for m in batch] for batch in bus.batches]


def sent(bus):
    """The positions that a bus was given, in order."""
    return [position for batch in relayed(bus) for position in batch]


def test_the_cursor_moves_by_what_was_confirmed(rentals):
    rentals.do(lend(rentals.resident(), "NG-C10-00001"))
    bus = SlowBus(safe=2)
    with database.connect(rentals.url) as conn:
        relay = Relay(SERVICE, rentals.url, bus, Signal())
        assert relay.step(PostgresOutbox(SERVICE, conn))
        assert rentals.rows("SELECT position FROM relay_cursor") == [(2,)]
        assert relay.step(PostgresOutbox(SERVICE, conn))
    assert relayed(bus) == [log(rentals), log(rentals)[2:]]


def test_steps_shrink_while_confirms_are_slow_and_grow_again(rentals, monkeypatch):
    monkeypatch.setattr(relaying, "BATCH", 8)
    monkeypatch.setattr(relaying, "SLOW", 0.1)
    for _ in range(10):
        rentals.resident()
    bus = SlowBus(takes=0.2)
    relay = Relay(SERVICE, rentals.url, bus, Signal())
    with database.connect(rentals.url) as conn:
        outbox = PostgresOutbox(SERVICE, conn)
        for _ in range(5):
            assert relay.step(outbox)
        bus.takes = 0.0
        for _ in range(3):
            assert relay.step(outbox)
    assert [len(batch) for batch in bus.batches] == [8, 4, 2, 1, 1, 1, 2, 4]


def test_a_bus_that_is_slower_than_a_silent_leader_may_be_makes_progress(rentals, monkeypatch):
    monkeypatch.setattr(relaying, "SILENT", 1)
    rentals.do(lend(rentals.resident(), "NG-C10-00001"))
    bus = SlowBus(takes=3.0, beat=0.3)
    relay = Relay(SERVICE, rentals.url, bus, Signal())
    thread = threading.Thread(target=relay.run, daemon=True)
    thread.start()
    last = log(rentals)[-1]
    try:
        wait_for(lambda: rentals.rows("SELECT position FROM relay_cursor") == [(last,)], patience=30)
    finally:
        relay.stop()
        thread.join(10)
    assert len(bus.batches) == 1


def test_it_stops_at_an_event_that_this_release_does_not_know(rentals):
    rentals.resident()
    before = log(rentals)
    append_unknown(rentals, "rental.photographed", 1)
    rentals.resident()
    bus = SlowBus()
    relay = Relay(SERVICE, rentals.url, bus, Signal())
    with database.connect(rentals.url) as conn:
        outbox = PostgresOutbox(SERVICE, conn)
        assert relay.step(outbox)
        for _ in range(2):
            with pytest.raises(SchemaUnknown, match=r"rental\.photographed at \d+ .*run a newer release"):
                relay.step(outbox)
    assert relayed(bus) == [before]
    assert rentals.rows("SELECT position FROM relay_cursor") == [(before[-1],)]


def test_it_stops_at_a_schema_that_this_release_does_not_know(rentals):
    append_unknown(rentals, "resident.joined", 9)
    with database.connect(rentals.url) as conn, pytest.raises(SchemaUnknown, match="schema version 9"):
        relay = Relay(SERVICE, rentals.url, SlowBus(), Signal())
        for _ in range(2):
            relay.step(PostgresOutbox(SERVICE, conn))


def test_one_leads_and_another_takes_over_when_it_ends(rentals):
    """Two relays of one service, both at work: nothing is published by the second while the first leads."""
    buses = [SlowBus(), SlowBus()]
    relays = [Relay(SERVICE, rentals.url, bus, Signal()) for bus in buses]
    threads = [threading.Thread(target=relay.run, daemon=True) for relay in relays]
    try:
        threads[0].start()
        wait_for(lambda: buses[0].batches)
        threads[1].start()
        rentals.resident()
        wait_for(lambda: sent(buses[0]) == log(rentals))
        assert not buses[1].batches
        relays[0].stop()
        threads[0].join(10)
        before = log(rentals)
        rentals.resident()
        wait_for(lambda: sent(buses[1]) == log(rentals)[len(before) :])
    finally:
        for relay in relays:
            relay.stop()
        threads[1].join(10)
