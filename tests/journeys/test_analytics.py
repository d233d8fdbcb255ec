"""As an analyst: subscribe, read every event under pseudonyms, and run the examples of the documentation."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import amqp
import pytest
from click.testing import CliRunner

from deploy.cli import cli
from deploy.local import InstallationError
from deploy.local.processes import ROOT, SERVICES
from deploy.local.rabbitmq import address_of
from tests.support.api import Api
from tests.support.broker import connect
from tests.support.waiting import wait_for

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def api(fleet):
    return Api(fleet)


class Analyst:
    """Somebody who subscribed, with nothing but what ``./nanum subscribe`` prints."""

    def __init__(self, fleet, name, kind, services=SERVICES):
        self.fleet, self.name = fleet, name
        self.subscription, password = fleet.subscribe(name, kind, services)
        self.url = fleet.rabbitmq.analyst_url(self.subscription, password)
        self.env = {
            "NANUM_AMQP_URL": self.url,
            "NANUM_URL": fleet.url,
            "NANUM_TOKEN": fleet.token("analyst", name),
        }

    def connect(self):
        return connect(self.url)

    def queue(self, service):
        return self.subscription.stash(service).name

    def read(self, service, until):
        """The stream of a service from its first message to the position ``until``, each position once."""
        connection = self.connect()
        channel, seen = connection.channel(), {}
        channel.basic_qos(0, 200, False)

        def keep(message):
            seen.setdefault(int(message.headers["cloudEvents_sequence"]), (message.headers, message.body))
            channel.basic_ack(message.delivery_tag)

        channel.basic_consume(self.queue(service), callback=keep, arguments={"x-stream-offset": "first"})
        while until not in seen:
            connection.drain_events(timeout=30)
        connection.collect()
        return [seen[pos] for pos in sorted(seen)]

    def feed(self, service):
        """The events of a service as the analyst's own feed shows them."""
        events = []
        while True:
            after = events[-1]["pos"] if events else 0
            url = f"{self.fleet.url}/v1/events/{service}?after={after}&limit=500"
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.env['NANUM_TOKEN']}"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                page = json.load(answer)["data"]
            if not page:
                return events
            events += page


@pytest.fixture(scope="module")
def kim(api):
    kim = Analyst(api.fleet, "kim", "stream")
    yield kim
    api.fleet.unsubscribe("kim")


@pytest.fixture(scope="module")
def story(api, kim):
    """One rental from beginning to end, with damage: the resident's id, and the last position of each service."""
    resident = api.resident()
    [barcode] = api.shelve(1, "C26")
    rental = api.lend(resident, barcode)
    api.take_back(rental, "damaged", cause="inexperience")
    for service, type in (("billing", "charge.waived"), ("inventory", "repair.opened")):
        api.happened(service, type, barcode=barcode)
    api.happened("notifications", "notice.sent", resident_id=resident, kind="returned")
    return resident, {service: api.events(service)[-1]["pos"] for service in SERVICES}


def test_an_analyst_reads_every_event_in_order_and_no_resident(api, kim, story):
    _, last = story
    for service in SERVICES:
        raw, got = api.events(service), kim.read(service, last[service])
        assert [headers["cloudEvents_id"] for headers, _ in got] == [event["id"] for event in raw][: len(got)]
        chain = [int(headers["cloudEvents_previous"]) for headers, _ in got]
        assert chain == [0, *(int(headers["cloudEvents_sequence"]) for headers, _ in got[:-1])]
        told = str(got) + str(kim.feed(service))
        for resident in {event["data"].get("resident_id") for event in raw} - {None}:
            assert resident.rpartition(".")[2] not in told


def test_feed_and_queue_say_the_same_and_a_person_has_one_name_everywhere(kim, story):
    _, last = story
    names = {}
    for service in SERVICES:
        feed = {event["pos"]: event["data"] for event in kim.feed(service)}
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


def persistently(attempt):
    """The outcome, or None while the broker is not back or the queue not filled."""
    try:
        return attempt()
    except (OSError, amqp.AMQPError):
        return None


def test_a_killed_forwarder_goes_on_where_it_was(api, kim, story):
    api.fleet.kill("analytics")
    resident = api.resident()
    joined = api.happened("rentals", "resident.joined", resident_id=resident)["pos"]
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


class TestExamples:
    """The examples as they are printed, each in a directory of its own with its own packages."""

    def test_python_counts_what_was_lent_and_goes_on_where_it_left_off(self, api, kim, story, tmp_path):
        run = python(EXAMPLES / "python", tmp_path, kim)
        arguments = ("lent.py", kim.queue("rentals"), "--once", "--file", str(tmp_path / "lent.sqlite"))
        assert lent(api, "C26") == int(found(r"C26 +lent (\d+) times", run(*arguments)))
        assert "rental." not in run(*arguments)  # nothing new, nothing twice
        [barcode] = api.shelve(1, "C26")
        api.take_back(api.lend(api.resident(), barcode))
        returned = api.events("rentals")[-1]["pos"]
        kim.read("rentals", returned)
        said = run(*arguments)
        assert "rental.returned" in said and "house_rules.adopted" not in said
        assert lent(api, "C26") == int(found(r"C26 +lent (\d+) times", said))

    def test_a_wiped_broker_has_every_event_again_and_python_finds_its_place(self, api, kim, story, tmp_path):
        run = python(EXAMPLES / "python", tmp_path, kim)
        arguments = ("lent.py", kim.queue("rentals"), "--once", "--file", str(tmp_path / "lent.sqlite"))
        run(*arguments)
        api.fleet.broker_wipe()
        resident = api.resident()
        joined = api.happened("rentals", "resident.joined", resident_id=resident)["pos"]
        got = wait_for(lambda: persistently(lambda: kim.read("rentals", joined)), patience=60)
        published = [event["pos"] for event in api.events("rentals")]
        assert [int(headers["cloudEvents_sequence"]) for headers, _ in got] == published[: len(got)]
        said = run(*arguments)
        assert "resident.joined" in said and "house_rules.adopted" not in said
        assert lent(api, "C26") == int(found(r"C26 +lent (\d+) times", said))

    def test_node_sums_what_was_taken_and_fills_holes_from_the_feed(self, api, tmp_path):
        jo = Analyst(api.fleet, "jo", "queue", ["billing"])
        try:
            run = node(EXAMPLES / "node", tmp_path, jo)
            pay(api)
            filled(api, jo)
            assert sum_of(run(jo.queue("billing"), "--once")) == taken(api)
            assert sum_of(run(jo.queue("billing"), "--once")) == taken(api)
            pay(api)
            filled(api, jo)
            purge(api, jo.queue("billing"))
            pay(api)
            filled(api, jo)
            said = run(jo.queue("billing"), "--once")
            assert "are not in the queue: reading the feed" in said
            assert sum_of(said) == taken(api)
        finally:
            api.fleet.unsubscribe("jo")

    def test_duckdb_says_how_much_of_each_category_was_in_use(self, api, kim, story, tmp_path):
        run = python(EXAMPLES / "duckdb", tmp_path, kim)
        arguments = ("utilisation.py", "--file", str(tmp_path / "nanum.duckdb"))
        said = run(*arguments)
        assert f"{len(api.events('inventory'))} new events of inventory" in said
        items, times = found(r"C26 +(\d+) +(\d+) +[\d.]+%", said)
        assert int(times) == lent(api, "C26") > 0
        assert int(items) == sum(
            e["type"] == "item.registered" and e["data"]["category"] == "C26" for e in api.events("inventory")
        )
        assert "0 new events of inventory" in run(*arguments)


def python(example: Path, tmp_path: Path, analyst: Analyst):
    """Installs an example's packages; returns what runs it."""
    packages = tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", packages, "-r", example / "requirements.txt"]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=240)
    if done.returncode and re.search("No matching distribution|Connection|connect|Temporary failure", done.stderr):
        pytest.skip("the package index can't be reached, so the example's packages can't be installed")
    assert done.returncode == 0, done.stderr
    return program(tmp_path, analyst, {"PYTHONPATH": str(packages)}, [sys.executable], example)


def node(example: Path, tmp_path: Path, analyst: Analyst):
    """Installs an example's packages; returns what runs it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    copy = tmp_path / "example"
    shutil.copytree(example, copy, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"], cwd=copy, capture_output=True, text=True, timeout=240
    )
    if done.returncode and re.search("ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|E40[34]|network", done.stderr):
        pytest.skip("npm's registry can't be reached, so the example's packages can't be installed")
    assert done.returncode == 0, done.stderr
    return program(copy, analyst, {}, ["node", "takings.js"], copy)


def program(directory: Path, analyst: Analyst, env: dict[str, str], start: list[str], example: Path):
    def run(*arguments: str) -> str:
        command = [*start, *(str(example / a) if a.endswith(".py") else a for a in arguments)]
        whole = {"PATH": os.environ["PATH"], **analyst.env, **env}
        done = subprocess.run(command, cwd=directory, env=whole, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def found(pattern, text):
    match = re.search(pattern, text)
    assert match, text
    return match.groups() if len(match.groups()) > 1 else match[1]


def lent(api, category):
    """How many units of a category were lent, counted from the manager's feed."""
    started = [e["data"]["items"] for e in api.events("rentals") if e["type"] == "rental.started"]
    return sum(item["category"] == category for items in started for item in items)


def taken(api):
    """What was taken and not given back, in won."""
    sign = {"payment.captured": 1, "payment.refunded": -1}
    return sum(sign[e["type"]] * e["data"]["amount_krw"] for e in api.events("billing") if e["type"] in sign)


def sum_of(said):
    return sum(int(krw) for krw in re.findall(r"^\d{4}-\d\d-\d\d (-?\d+) KRW$", said, re.MULTILINE))


def pay(api):
    """One more rental that was paid."""
    [barcode] = api.shelve(1, "C26")
    rental = api.lend(api.resident(), barcode)
    assert rental["state"] == "out"


def filled(api, analyst):
    """Wait until everything of billing was forwarded."""
    last = api.events("billing")[-1]["pos"]
    port, labels = api.fleet.ports["analytics"], f'service="billing",subscription="{analyst.name}"'
    line = f"nanum_analytics_position{{{labels}}} {float(last)}"

    def told():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return line in answer.read().decode()

    wait_for(told)


def purge(api, queue):
    address = address_of(api.fleet.amqp_url("admin"))
    with amqp.Connection(
        address["host"], address["user"], address["password"], virtual_host=address["vhost"]
    ) as connection:
        connection.channel().queue_purge(queue)
