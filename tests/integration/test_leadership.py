"""One relay leads for each service: another one waits, and takes its place when it is gone."""

from __future__ import annotations

import threading

import psycopg

from services.chassis.foundation.signals import Signal
from services.chassis.messaging.relay import Relay
from services.rentals.service import SERVICE
from tests.support.centre import Desk, barcodes, lend
from tests.support.waiting import wait_for


class Bus:
    """A bus that keeps what is published."""

    def __init__(self):
        self.positions = []

    def publish(self, messages, meanwhile):
        self.positions += [message.position for message in messages]
        return len(messages)

    def heartbeat(self):
        """Nothing to keep alive."""

    def close(self):
        """Nothing to let go."""


class Turns(Signal):
    """A signal that counts how often its loop has looked and waits again; no wait is long."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def wait(self, timeout):
        self.count += 1
        return super().wait(0.01)


def test_while_another_leads_a_relay_publishes_nothing_and_then_all_of_it(fresh):
    url = fresh("rentals").app
    desk = Desk(url).opened(*barcodes(1))
    desk.do(lend(desk.resident(), *barcodes(1)))
    bus, turns = Bus(), Turns()
    relay = Relay(SERVICE, url, bus, turns)
    with psycopg.connect(url, autocommit=True) as leader:
        assert leader.execute("SELECT pg_try_advisory_lock(log_key() + 1)").fetchone() == (True,)
        running = threading.Thread(target=relay.run)
        running.start()
        wait_for(lambda: turns.count >= 5 or bus.positions)
        assert not bus.positions
    wait_for(lambda: bus.positions)
    relay.stop()
    running.join(10)
    assert bus.positions == sorted(bus.positions)
