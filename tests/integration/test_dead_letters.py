"""Dead letters: what was no event is shown and kept; given to the followers once more, nothing is taken in twice."""

from __future__ import annotations

import amqp
import pytest

from services.chassis.messaging import dead_letters
from services.chassis.messaging.rabbitmq import Consumer
from tests.support.broker import connect, empty
from tests.support.centre import Desk
from tests.support.waiting import wait_for


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app)


@pytest.fixture
def rejected(servers):
    """Puts messages of inventory, (headers, body) each, into the dead letters of rentals."""
    url = servers.amqp_url("rentals")
    consumer = Consumer(url, "rentals", "inventory")

    def reject(*messages):
        with connect(servers.amqp_url("inventory")) as publisher:
            channel = publisher.channel()
            channel.confirm_select()
            channel.exchange_declare("inventory.events", "topic", durable=True, auto_delete=False)
            consumer.open()
            empty(consumer)
            dead_letters.purge(url, "rentals")  # what other tests left
            for headers, body in messages:
                letter = amqp.Message(body, application_headers=headers)
                channel.basic_publish_confirm(letter, "inventory.events", "any")
        left = len(messages)
        while left:
            for delivery in consumer.take(0.1):
                consumer.reject(delivery)
                left -= 1
        wait_for(lambda: len(dead_letters.letters(url, "rentals")) == len(messages))

    yield reject
    consumer.close()
    dead_letters.purge(url, "rentals")


def test_replay_settles_what_is_a_event_and_leaves_what_is_none(desk, servers, rejected):
    said = desk.inventory.stock("NG-C10-001")
    desk.subscriber.receive(said[:2])
    rejected(*[(m.headers(), m.body()) for m in said[1:]], ({}, b"no event"))
    url = servers.amqp_url("rentals")

    came_to = dead_letters.replay(url, "rentals", {"inventory": desk.subscriber})

    (other,) = came_to.keys() - {dead_letters.KNOWN, dead_letters.TAKEN_IN}
    assert other.startswith("still no event")
    assert came_to == {dead_letters.KNOWN: 1, dead_letters.TAKEN_IN: 1, other: 1}
    assert desk.rows("SELECT state FROM inventory_item") == [("ready",)]
    (letter,) = wait_for(lambda: dead_letters.letters(url, "rentals"))
    assert letter["body"] == "no event"


def test_what_its_source_never_published_stays(desk, servers, rejected):
    said = desk.inventory.stock("NG-C10-001")
    desk.subscriber.receive(said)
    forged = {"cloudEvents_sequence": "99", "cloudEvents_previous": "98"}
    rejected(({**said[-1].headers(), **forged}, said[-1].body()))
    url = servers.amqp_url("rentals")
    came_to = dead_letters.replay(url, "rentals", {"inventory": desk.subscriber})
    assert came_to == {"beyond what inventory has published": 1}
    assert len(wait_for(lambda: dead_letters.letters(url, "rentals"))) == 1


def test_what_is_of_a_source_that_nobody_follows_stays(desk, servers, rejected):
    (first, *_) = desk.inventory.stock("NG-C10-001")
    rejected(({**first.headers(), "cloudEvents_source": "/weather"}, first.body()))
    url = servers.amqp_url("rentals")
    assert dead_letters.replay(url, "rentals", {"inventory": desk.subscriber}) == {
        "of weather, which is not subscribed to": 1
    }
    assert len(wait_for(lambda: dead_letters.letters(url, "rentals"))) == 1
