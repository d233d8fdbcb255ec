"""As an analyst: subscribe, and read every event under pseudonyms."""

from __future__ import annotations

import json
import re

import amqp
import pytest
from click.testing import CliRunner

from deploy.cli import cli
from deploy.local import InstallationError
from deploy.local.rabbitmq import address_of
from services.contracts import SERVICES
from tests.support.analyst import Analyst, damaged_rental
from tests.support.api import Api


@pytest.fixture(scope="module")
def api(fleet):
    return Api(fleet)


@pytest.fixture(scope="module")
def kim(api):
    kim = Analyst(api.fleet, "kim", "stream")
    yield kim
    api.fleet.unsubscribe("kim")


@pytest.fixture(scope="module")
def story(api, kim):
    return damaged_rental(api)


def test_an_analyst_reads_every_event_in_order_and_no_resident(api, kim, story):
    _, last = story
    for service in SERVICES:
        raw, got = api.events(service), kim.read(service, last[service])
        assert [headers["cloudEvents_id"] for headers, _ in got] == [event["id"] for event in raw][: len(got)]
        chain = [int(headers["cloudEvents_previous"]) for headers, _ in got]
        assert chain == [0, *(int(headers["cloudEvents_sequence"]) for headers, _ in got[:-1])]
        said = str(got) + str(kim.feed(service))
        for resident in {event["data"].get("resident_id") for event in raw} - {None}:
            assert resident.rpartition(".")[2] not in said


def test_feed_and_queue_say_the_same_and_a_person_has_one_name_everywhere(kim, story):
    _, last = story
    names = {}
    for service in SERVICES:
        feed = {event["position"]: event["data"] for event in kim.feed(service)}
        for headers, body in kim.read(service, last[service]):
            assert json.loads(body) == feed[int(headers["cloudEvents_sequence"])]
            if "resident_id" in json.loads(body):
                names.setdefault(headers["cloudEvents_type"], set()).add(json.loads(body)["resident_id"])
    assert names["rental.started"] <= names["resident.joined"] == names["contact.registered"]
    assert names["notice.sent"] <= names["resident.joined"]


def test_another_analyst_sees_other_names_and_may_read_nothing_of_the_first(api, kim, story):
    lee = Analyst(api.fleet, "lee", "stream", ["rentals"])
    try:
        names = [
            {e["data"]["resident_id"] for e in who.feed("rentals") if "resident_id" in e["data"]} for who in (kim, lee)
        ]
        assert len(names[0]) == len(names[1]) and not names[0] & names[1]
        for queue in (kim.queue("rentals"), "rentals.stream", "billing.from.rentals", "analytics.lee.rentals.last"):
            refused(lee, lambda channel, queue=queue: channel.basic_consume(queue))
            refused(lee, lambda channel, queue=queue: channel.basic_get(queue))
    finally:
        api.fleet.unsubscribe("lee")


def refused(analyst, attempt):
    connection = analyst.connect()
    channel = connection.channel()
    channel.basic_qos(0, 10, False)
    with pytest.raises(amqp.AccessRefused):
        attempt(channel)
    connection.collect()


def test_an_analyst_may_change_nothing(kim):
    queue, exchange = kim.queue("rentals"), "analytics.kim.rentals.events"
    message = amqp.Message("{}")
    for attempt in (
        lambda channel: channel.queue_declare("mine", durable=True),
        lambda channel: channel.queue_declare("", exclusive=True),
        lambda channel: channel.queue_delete(queue),
        lambda channel: channel.exchange_declare("mine", "topic"),
        lambda channel: channel.queue_bind(queue, "rentals.events", "#"),
        lambda channel: channel.basic_publish_confirm(message, exchange, "rental.started"),
        lambda channel: channel.basic_publish_confirm(message, "rentals.events", "rental.started"),
        lambda channel: channel.basic_publish_confirm(message, "", queue),
    ):
        refused(kim, attempt)


def test_a_killed_forwarder_goes_on_where_it_was(api, kim, story):
    api.fleet.kill("analytics")
    resident = api.resident()
    joined = api.happened("rentals", "resident.joined", resident_id=resident)["position"]
    assert kim.read("rentals", joined)


class TestLife:
    """Subscribing and its end."""

    def test_a_renewed_password_ends_the_old_one_and_the_end_ends_all(self, api):
        ann = Analyst(api.fleet, "ann", "queue", ["billing"])
        renewed, password = api.fleet.renew("ann")
        with pytest.raises((amqp.AccessRefused, OSError)):
            ann.connect()
        ann.url = api.fleet.rabbitmq.analyst_url(renewed, password)
        ann.connect().collect()
        api.fleet.unsubscribe("ann")
        with pytest.raises((amqp.AccessRefused, OSError)):
            ann.connect()
        address = address_of(api.fleet.amqp_url("admin"))
        admin = amqp.Connection(address["host"], address["user"], address["password"], virtual_host=address["vhost"])
        admin.connect()
        for queue in (ann.queue("billing"), "analytics.ann.billing.last"):
            with pytest.raises(amqp.NotFound):
                admin.channel().queue_declare(queue, passive=True)
        admin.collect()

    def test_bad_input_is_answered_with_what_to_do(self, api, kim):
        for given, why in (
            (("kim", "stream", ["rentals"]), "already"),
            (("zoe", "stream", ["reservations"]), "'reservations': use inventory, rentals"),
            (("zoe", "stream", []), "use inventory, rentals"),
            (("Zoe!", "stream", ["rentals"]), "small letters"),
        ):
            with pytest.raises(InstallationError, match=re.escape(why)):
                api.fleet.subscribe(*given)
        with pytest.raises(InstallationError, match="known are kim"):
            api.fleet.unsubscribe("zoe")

    def test_the_command_says_who_subscribed_and_how_to_use_it(self, api, kim):
        def said(*arguments):
            return CliRunner().invoke(cli, ["--home", str(api.fleet.home), "subscribe", *arguments])

        assert said("--list").output == "kim  stream  inventory rentals billing notifications\n"
        assert "Give a NAME, or one of" in said().output
        assert "Give a NAME, or one of" in said("kim", "--list").output
        assert "already" in said("kim").output
