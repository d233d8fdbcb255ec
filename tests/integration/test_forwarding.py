"""What fills an analyst's queue, on a real broker: everything, in order, again after a loss, anew after a restore."""

from __future__ import annotations

import base64
import itertools
import re

import amqp
import pytest
from environs import EnvError

from deploy.local.problems import InstallationError
from deploy.local.rabbitmq import address_of
from deploy.local.subscriptions import Subscriptions
from integrations.analysts import __main__ as process
from integrations.analysts import subscriptions as settings
from integrations.analysts.forwarder import Forwarder, forward_each
from integrations.analysts.gateway_feed import BATCH, FeedUnavailable
from integrations.analysts.subscriptions import Subscription, hash_password
from services.chassis.messaging.envelope import open_envelope
from services.chassis.messaging.feed import Page
from services.chassis.messaging.rabbitmq import BrokerUnavailable
from tests.support.centre import Source

numbers = itertools.count(1)


class Feed:
    """The feed of a source as a gateway would show it, page by page."""

    def __init__(self, source):
        self.source, self.away, self.asked = source, False, []

    def page(self, service, after):
        self.asked.append(after)
        if self.away:
            raise FeedUnavailable("nobody answers")
        behind = [m for m in self.source.messages if m.position > after]
        return Page(self.source.epoch, self.source.messages[-1].position, behind[:BATCH])


class Analyst:
    """One subscription: its forwarder, and the analyst's queue."""

    def __init__(self, servers, kind):
        self.servers, self.kind = servers, kind
        self.subscription = Subscription(f"a{next(numbers)}", kind, ("inventory",))
        self.feed = Feed(Source())
        self.forwarder = self.started()

    def started(self):
        return Forwarder(self.servers.amqp_url("analytics"), self.subscription, "inventory", self.feed.page)

    def fill(self):
        while self.forwarder.step():
            pass

    def queue(self):
        return f"analytics.{self.subscription.name}.inventory.{self.kind}"

    def read(self, last):
        """Positions in the queue from its first message up to the first message of ``last``."""
        address = address_of(self.servers.amqp_url("admin"))
        connection = amqp.Connection(address["host"], address["user"], address["password"], virtual_host="nanum")
        connection.connect()
        channel, got = connection.channel(), []
        channel.basic_qos(0, 200, False)

        def keep(message):
            got.append(open_envelope(message.headers, message.body.encode()))
            channel.basic_ack(message.delivery_tag)

        arguments = {"x-stream-offset": "first"} if self.kind == "stream" else {}
        channel.basic_consume(self.queue(), callback=keep, arguments=arguments)
        while not got or (got[-1].epoch, got[-1].position) != last:
            connection.drain_events(timeout=10)
        connection.collect()
        return got


@pytest.fixture(params=["stream", "queue"])
def analyst(servers, request):
    return Analyst(servers, request.param)


def items(source, count):
    for _ in range(count):
        source.publishes("item.registered", "item-c.NG-C10-001", centre="c", barcode="NG-C10-001", category="C10")


def test_everything_arrives_in_order_as_it_was_published(analyst):
    source = analyst.feed.source
    items(source, BATCH + 20)
    analyst.fill()
    items(source, 5)
    analyst.fill()
    assert analyst.read((source.epoch, BATCH + 25)) == source.messages


def test_one_that_starts_again_repeats_a_batch_and_skips_nothing(analyst):
    source = analyst.feed.source
    items(source, 3 * BATCH)
    analyst.fill()
    items(source, 10)
    analyst.forwarder = analyst.started()
    analyst.fill()
    positions = [m.position for m in analyst.read((source.epoch, 3 * BATCH + 10))]
    assert sorted(set(positions)) == list(range(1, 3 * BATCH + 11))
    assert len(positions) <= 4 * BATCH + 10


def test_where_most_events_are_private_a_batch_is_looked_for_further_back(analyst):
    source = analyst.feed.source
    items(source, 3 * BATCH)
    source.messages = [m for m in source.messages if m.position % 5 == 0]
    analyst.fill()
    analyst.forwarder = analyst.started()
    assert analyst.forwarder.step() is True  # 300 in all: from the first
    assert analyst.feed.asked[-1] == 0


def test_a_log_that_was_restored_comes_anew(analyst):
    items(analyst.feed.source, 7)
    analyst.fill()
    other = analyst.feed.source = Source(epoch="00000000-0000-4000-8000-000000000002")
    items(other, 3)
    analyst.fill()
    got = analyst.read((other.epoch, 3))
    assert [m.position for m in got] == [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]


def test_an_empty_queue_whose_companion_is_lost_too_is_filled_from_the_first_event(analyst, servers):
    source = analyst.feed.source
    items(source, 7)
    analyst.fill()
    servers.broker_wipe()
    items(source, 1)
    with pytest.raises(BrokerUnavailable):
        analyst.fill()
    analyst.fill()
    assert [m.position for m in analyst.read((source.epoch, 8))] == list(range(1, 9))


def test_one_that_waits_does_not_hold_up_the_others(servers):
    silent, lively = Analyst(servers, "stream"), Analyst(servers, "stream")
    items(silent.feed.source, 3)
    items(lively.feed.source, 3)
    silent.feed.away = True
    assert forward_each([silent.forwarder, lively.forwarder])
    assert not forward_each([silent.forwarder, lively.forwarder])
    silent.feed.away = False
    assert forward_each([silent.forwarder, lively.forwarder])
    assert len(silent.read((silent.feed.source.epoch, 3))) == len(lively.read((lively.feed.source.epoch, 3))) == 3


class TestSubscriptions:
    """Who subscribed, as it is remembered."""

    def test_the_password_is_kept_nowhere(self, tmp_path):
        subscriptions = Subscriptions(tmp_path / "subscriptions.json")
        made, password = subscriptions.add("kim", "stream", ["rentals"])
        assert password not in (tmp_path / "subscriptions.json").read_text()
        salt = base64.b64decode(made.password_hash)[:4]
        assert hash_password(password, salt) == made.password_hash
        assert list(Subscriptions(tmp_path / "subscriptions.json")) == [made]

    def test_a_name_is_taken_once_and_well_formed(self, tmp_path):
        subscriptions = Subscriptions(tmp_path / "subscriptions.json")
        subscriptions.add("kim", "stream", ["rentals"])
        for name, kind, why in (
            ("kim", "stream", "already"),
            ("Kim", "stream", "small letters"),
            ("kim.rentals", "stream", "small letters"),
            ("lee", "topic", "stream or queue"),
        ):
            with pytest.raises(InstallationError, match=why):
                subscriptions.check_new(name, kind)

    def test_an_analyst_may_read_only_their_own(self, tmp_path):
        made, _ = Subscriptions(tmp_path / "s.json").add("a-b", "queue", ["rentals", "billing"])
        for name, may in (
            ("analytics.a-b.rentals.queue", True),
            ("analytics.a-b.billing.queue", True),
            ("analytics.a-b.inventory.queue", False),
            ("analytics.a-b.rentals.last", False),
            ("analytics.a-b.rentals.events", False),
            ("analytics.lee.rentals.queue", False),
            ("rentals.stream", False),
            ("rentals.events", False),
        ):
            assert bool(re.search(made.readable, name)) == may, name

    def test_one_that_is_not_there_is_named_with_those_that_are(self, tmp_path):
        subscriptions = Subscriptions(tmp_path / "subscriptions.json")
        with pytest.raises(InstallationError, match="there is none"):
            subscriptions.named("kim")
        subscriptions.add("lee", "stream", ["rentals"])
        with pytest.raises(InstallationError, match="known are lee"):
            subscriptions.named("kim")

    def test_as_a_setting_it_says_all_but_the_password(self, tmp_path):
        subscriptions = Subscriptions(tmp_path / "subscriptions.json")
        assert settings.written(subscriptions) == ""
        subscriptions.add("kim", "stream", ["rentals", "billing"])
        subscriptions.add("lee", "queue", ["rentals"])

        setting = settings.written(subscriptions)

        assert setting == "kim:stream:rentals,billing lee:queue:rentals"
        assert settings.read(setting) == [
            Subscription("kim", "stream", ("rentals", "billing")),
            Subscription("lee", "queue", ("rentals",)),
        ]


def test_the_settings_come_from_the_environment_and_the_key_from_its_file(tmp_path, monkeypatch):
    for name, value in {
        "LISTEN": "127.0.0.1:9100",
        "SUBSCRIPTIONS": "kim:stream:rentals,billing lee:queue:rentals",
        "GATEWAY_URL": "http://127.0.0.1:8080",
        "AMQP_URL": "amqp://127.0.0.1/nanum",
        "TOKEN_KEY_FILE": str(tmp_path / "key"),
        "CENTRE": "gwangju-namgu",
    }.items():
        monkeypatch.setenv(f"NANUM_{name}", value)

    made, _ = process.forwarders(process.ENV)

    assert len(made) == 3
    assert process.address(process.ENV) == ("127.0.0.1", 9100)
    monkeypatch.delenv("NANUM_TOKEN_KEY_FILE")
    with pytest.raises(EnvError, match="NANUM_TOKEN_KEY_FILE"):
        process.forwarders(process.ENV)
    monkeypatch.setenv("NANUM_TOKEN_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("NANUM_AMQP_URL")
    with pytest.raises(EnvError, match="NANUM_AMQP_URL"):
        process.forwarders(process.ENV)
    monkeypatch.delenv("NANUM_GATEWAY_URL")
    with pytest.raises(EnvError, match="NANUM_GATEWAY_URL"):
        process.forwarders(process.ENV)
