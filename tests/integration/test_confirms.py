"""What the broker confirms, refuses and keeps, as publisher and consumer understand it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.chassis.messaging import dead_letters
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Consumer, Publisher, QueueSpec
from tests.support.broker import connect, empty
from tests.support.waiting import wait_for
from tests.unit.chassis.test_envelope import SENT


def messages(count):
    return [replace(SENT, position=n + 1, previous=n) for n in range(count)]


@pytest.fixture
def publisher(servers):
    """Makes a publisher of rentals with a queue of its own of some kind, which is deleted at the end."""
    made = []

    def make(**arguments):
        made.append(Publisher(servers.amqp_url("rentals"), "rentals", QueueSpec("rentals.stream.tried", arguments)))
        return made[-1]

    with connect(servers.amqp_url()) as admin:
        channel = admin.channel()
        channel.queue_delete("rentals.stream.tried")
        yield make
        for each in made:
            each.close()
        channel.queue_delete("rentals.stream.tried")


def test_a_thousand_messages_at_once_are_all_confirmed_and_all_there(servers, publisher):
    assert publisher().publish(messages(1000)) == 1000
    with connect(servers.amqp_url()) as admin:
        assert admin.channel().queue_declare("rentals.stream.tried", passive=True).message_count == 1000


def test_what_the_broker_refuses_is_not_published(publisher):
    full = publisher(**{"x-max-length": 2, "x-overflow": "reject-publish"})
    assert full.publish(messages(500)) < 500  # those before the first that was refused are safe
    with pytest.raises(BrokerUnavailable, match="the broker refused the message"):
        full.publish(messages(1))


def test_a_message_says_that_it_is_to_be_kept_and_what_it_is(servers, publisher):
    publisher().publish([SENT])
    with connect(servers.amqp_url()) as admin:
        letter = admin.channel().basic_get("rentals.stream.tried", no_ack=True)
    assert letter.properties["delivery_mode"] == 2
    assert (letter.properties["message_id"], letter.properties["type"]) == (SENT.id, SENT.type)
    assert letter.properties["content_type"] == "application/json"
    assert letter.delivery_info["routing_key"] == SENT.type


def test_one_settled_delivery_settles_those_before_it(servers, publisher):
    consumer = Consumer(servers.amqp_url("billing"), "billing", "rentals")
    consumer.open()
    empty(consumer)
    publisher().publish(messages(5))
    arrived = []
    while len(arrived) < 5:
        arrived += consumer.take(1.0)
    consumer.done(arrived[-2])
    consumer.close()
    consumer.open()
    assert [body for _, _, body in consumer.take(5.0)] == [SENT.body()]  # the last one alone comes again
    consumer.close()


def test_what_is_rejected_is_a_dead_letter_and_does_not_come_again(servers, publisher):
    url, consumer = servers.amqp_url("billing"), Consumer(servers.amqp_url("billing"), "billing", "rentals")
    consumer.open()
    empty(consumer)
    dead_letters.purge(url, "billing")
    strange, usual = replace(SENT, data={"no": "event"}), replace(SENT, position=2)
    publisher().publish([strange])
    (delivery,) = wait_for(lambda: consumer.take(1.0))
    consumer.reject(delivery)
    publisher().publish([usual])
    assert wait_for(lambda: consumer.take(1.0))[0][2] == usual.body()
    (letter,) = wait_for(lambda: dead_letters.letters(url, "billing"))
    assert letter["body"] == strange.body().decode()
    consumer.close()
    dead_letters.purge(url, "billing")
