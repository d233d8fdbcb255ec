"""The relay and the broker: published in order, confirmed, repeated rather than skipped."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import amqp
import pytest

from drills.chaos.proxy import Proxies
from services.chassis.foundation import database
from services.chassis.foundation.signals import Signal
from services.chassis.messaging import dead_letters, rabbitmq
from services.chassis.messaging import relay as relaying
from services.chassis.messaging.envelope import NotAnEvent, open_envelope
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Consumer, Publisher
from services.chassis.messaging.relay import PostgresOutbox, Relay
from services.rentals.service import SERVICE
from tests.support.broker import connect, empty
from tests.support.centre import CENTRE, Desk, barcodes, lend
from tests.support.waiting import wait_for


@pytest.fixture
def rentals(fresh):
    return Desk(fresh("rentals").app).opened(*barcodes(10))


def taken(consumer, count, of=CENTRE):
    """So many messages about a centre from the queue, and whatever comes between."""
    got = []

    def enough():
        deliveries = consumer.take(0.1)
        if deliveries:
            consumer.done(deliveries[-1])
        got.extend(open_envelope(p["application_headers"], body) for _, p, body in deliveries)
        return sum(m.data["centre"] == of for m in got) >= count

    wait_for(enough)
    return got


@pytest.fixture
def consumer(servers):
    """Billing's queue of rentals, emptied."""
    consumer = Consumer(servers.amqp_url("billing"), "billing", "rentals")
    consumer.open()
    empty(consumer)
    yield consumer
    consumer.close()


@pytest.fixture
def relay(rentals, servers):
    bus = Publisher(servers.amqp_url("rentals"), "rentals")
    yield Relay(SERVICE, rentals.url, bus, Signal())
    bus.close()


class TestPublishing:
    def test_in_order_with_the_chain_of_previous_positions(self, rentals, relay, consumer):
        kim = rentals.resident()
        rentals.do(lend(kim, "NG-C10-00001"), lend(kim, "NG-C10-00002"))
        with database.connect(rentals.url) as conn:
            assert relay.step(PostgresOutbox(SERVICE, conn))
            assert not relay.step(PostgresOutbox(SERVICE, conn))
        messages = taken(consumer, 5)
        assert [m.type for m in messages if m.data["centre"] == CENTRE] == [
            "house_rules.adopted",
            "resident.joined",
            "resident.verified",
            "rental.requested",
            "rental.requested",
        ]
        assert [m.previous for m in messages] == [0, *(m.position for m in messages[:-1])]
        assert messages == rentals_feed(rentals)

    def test_nothing_private_leaves(self, rentals, relay, consumer):
        rentals.do(lend(rentals.resident(), "NG-C10-00001"))
        with database.connect(rentals.url) as conn:
            relay.step(PostgresOutbox(SERVICE, conn))
        requested = taken(consumer, 4)[-1]
        assert "answer_by" not in requested.data  # the contract lacks it, so it stays here
        assert requested.data["fee_krw"] == 1200

    def test_a_crash_between_publishing_and_the_cursor_repeats_and_never_skips(self, rentals, relay, consumer):
        rentals.do(lend(rentals.resident(), "NG-C10-00001"))
        with database.connect(rentals.url) as conn:
            relay.step(PostgresOutbox(SERVICE, conn))
            conn.execute("UPDATE relay_cursor SET position = 1")
            relay.step(PostgresOutbox(SERVICE, conn))
        positions, published = [m.position for m in taken(consumer, 8)], rentals_feed(rentals)
        assert positions == [m.position for m in (*published, *published[1:])]

    def test_everything_is_kept_in_the_stream_and_may_be_read_again(self, rentals, relay, servers):
        rentals.do(lend(rentals.resident(), "NG-C10-00001"))
        again(relay, rentals)
        feed = rentals_feed(rentals)
        for _ in range(2):
            assert read_stream(servers, "rentals.stream", feed[-1].id)[-len(feed) :] == feed

    def test_a_stream_that_was_deleted_is_declared_again(self, rentals, relay, servers):
        again(relay, rentals)
        delete_queue(servers, "rentals.stream")
        relay._bus.close()
        again(relay, rentals)
        feed = rentals_feed(rentals)
        assert read_stream(servers, "rentals.stream", feed[-1].id) == feed

    def test_one_that_vanished_without_a_word_leads_no_longer(self, rentals, servers, monkeypatch):
        monkeypatch.setattr(relaying, "SILENT", 1)
        proxies = Proxies()
        port = urlsplit(rentals.url).port
        far = rentals.url.replace(f":{port}/", f":{proxies.add('postgres', port)}/")
        amqp_url = servers.amqp_url("rentals")
        relays = [Relay(SERVICE, url, Publisher(amqp_url, "rentals"), Signal()) for url in (far, rentals.url)]

        def relayed():
            return rentals.rows("SELECT (SELECT position FROM relay_cursor) = (SELECT max(position) FROM event)") == [
                (True,)
            ]

        try:
            threading.Thread(target=relays[0].run, daemon=True).start()
            wait_for(relayed)
            proxies.lose("postgres")
            rentals.resident()
            relays[0].stop()
            threading.Thread(target=relays[1].run, daemon=True).start()
            wait_for(relayed, patience=30)
        finally:
            relays[1].stop()
            proxies.close()


def rentals_feed(desk):
    from services.chassis.messaging.feed import Feed

    with desk.store.pool.connection() as conn:
        return Feed(SERVICE).page(conn, 0, 500).messages


def again(relay, desk):
    """Publish everything, from the first event."""
    with database.connect(desk.url) as conn:
        conn.execute("UPDATE relay_cursor SET position = 0")
        assert relay.step(PostgresOutbox(SERVICE, conn))


def delete_queue(servers, name):
    connection = connect(servers.amqp_url("admin"))
    connection.channel().queue_delete(name)
    connection.close()


def read_stream(servers, name, last_id):
    """A stream's messages from the first to one with this id, beyond which nothing is read."""
    got = []
    connection = connect(servers.amqp_url("admin"))
    channel = connection.channel()
    channel.basic_qos(0, 100, False)

    def keep(message):
        got.append(open_envelope(message.headers, message.body.encode()))
        channel.basic_ack(message.delivery_tag)

    channel.basic_consume(name, callback=keep, arguments={"x-stream-offset": "first"})
    while not got or got[-1].id != last_id:
        connection.drain_events(timeout=10)
    connection.collect()
    return got


class TestBroker:
    def test_a_queue_is_bounded_and_drops_its_oldest_which_are_no_dead_letters(
        self, rentals, relay, servers, monkeypatch
    ):
        monkeypatch.setattr(rabbitmq, "QUEUE", {**rabbitmq.QUEUE, "x-max-length-bytes": 20_000})
        still = Consumer(servers.amqp_url("admin"), "still", "rentals")
        still.open()
        for _ in range(60):
            rentals.resident()
        again(relay, rentals)
        newest = rentals_feed(rentals)[-1]
        kept = []

        def arrived():
            kept.extend(open_envelope(p["application_headers"], body) for _, p, body in still.take(0.1))
            return kept and kept[-1].id == newest.id

        wait_for(arrived)
        assert dead_letters.letters(servers.amqp_url("admin"), "still") == []
        still.close()
        delete_queue(servers, "still.from.rentals")
        again(relay, rentals)
        assert len(kept) < 400 + 100

    def test_an_absent_broker_is_said_so_and_the_relay_goes_on_when_it_is_back(self, rentals, relay, servers):
        servers.broker_stop()
        try:
            with database.connect(rentals.url) as conn, pytest.raises(BrokerUnavailable):
                relay.step(PostgresOutbox(SERVICE, conn))
        finally:
            servers.broker_start()

        def goes_on():
            with database.connect(rentals.url) as conn:
                try:
                    return relay.step(PostgresOutbox(SERVICE, conn))
                except BrokerUnavailable:  # it answers before its streams have found their leaders
                    return False

        assert wait_for(goes_on)

    def test_a_service_may_publish_only_to_its_own_exchange(self, servers):
        connection = connect(servers.amqp_url("billing"))
        channel = connection.channel()
        with pytest.raises(amqp.exceptions.AccessRefused):
            channel.confirm_select()
            channel.basic_publish_confirm(amqp.Message("{}"), "rentals.events", "rental.started")
            channel.exchange_declare("rentals.events", "topic", passive=True)
        connection.collect()

    def test_a_message_that_is_no_event_goes_to_the_dead_letters(self, servers, consumer):
        connection = connect(servers.amqp_url("rentals"))
        channel = connection.channel()
        channel.confirm_select()
        channel.basic_publish_confirm(amqp.Message("no event"), "rentals.events", "rental.started")
        deliveries = wait_for(lambda: consumer.take(0.1))
        with pytest.raises(NotAnEvent):
            open_envelope(deliveries[0][1].get("application_headers") or {}, deliveries[0][2])
        consumer.reject(deliveries[0])
        url = servers.amqp_url("billing")
        (letter,) = wait_for(lambda: dead_letters.letters(url, "billing"))
        assert (letter["queue"], letter["body"]) == ("billing.from.rentals", "no event")
        assert dead_letters.letters(url, "billing") == [letter]  # to look takes nothing away
        assert (dead_letters.purge(url, "billing"), dead_letters.letters(url, "billing")) == (1, [])
        connection.close()
