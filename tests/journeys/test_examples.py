"""The examples of the documentation as they are printed, each in a directory of its own with its own packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import amqp
import pytest

from deploy.local.config import ROOT
from deploy.local.rabbitmq import address_of
from tests.support.analyst import Analyst, damaged_rental
from tests.support.api import Api
from tests.support.waiting import wait_for

EXAMPLES = ROOT / "examples"


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


def persistently(attempt):
    """The outcome, or None while the broker is not back or the queue not filled."""
    try:
        return attempt()
    except (OSError, amqp.AMQPError):
        return None


def test_python_counts_what_was_lent_and_goes_on_where_it_left_off(api, kim, story, tmp_path):
    run = python(EXAMPLES / "python", tmp_path, kim)
    arguments = ("lent.py", kim.queue("rentals"), "--once", "--file", str(tmp_path / "lent.sqlite"))
    assert lent(api, "C26") == int(found(r"C26 +lent (\d+) times", run(*arguments)))
    assert "rental." not in run(*arguments)  # nothing new, nothing twice
    [barcode] = api.stock(1, "C26")
    api.take_back(api.lend(api.resident(), barcode))
    returned = api.events("rentals")[-1]["position"]
    kim.read("rentals", returned)
    said = run(*arguments)
    assert "rental.returned" in said and "house_rules.adopted" not in said
    assert lent(api, "C26") == int(found(r"C26 +lent (\d+) times", said))


def test_a_wiped_broker_has_every_event_again_and_python_finds_its_place(api, kim, story, tmp_path):
    run = python(EXAMPLES / "python", tmp_path, kim)
    arguments = ("lent.py", kim.queue("rentals"), "--once", "--file", str(tmp_path / "lent.sqlite"))
    run(*arguments)
    api.fleet.broker_wipe()
    resident = api.resident()
    joined = api.happened("rentals", "resident.joined", resident_id=resident)["position"]
    got = wait_for(lambda: persistently(lambda: kim.read("rentals", joined)), patience=60)
    published = [event["position"] for event in api.events("rentals")]
    assert [int(headers["cloudEvents_sequence"]) for headers, _ in got] == published[: len(got)]
    said = run(*arguments)
    assert "resident.joined" in said and "house_rules.adopted" not in said
    assert lent(api, "C26") == int(found(r"C26 +lent (\d+) times", said))


def test_node_sums_what_was_taken_and_fills_gaps_from_the_feed(api, tmp_path):
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


def test_duckdb_says_how_much_of_each_category_was_in_use(api, kim, story, tmp_path):
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
    """How many items of a category were lent, counted from the manager's feed."""
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
    [barcode] = api.stock(1, "C26")
    rental = api.lend(api.resident(), barcode)
    assert rental["state"] == "out"


def filled(api, analyst):
    """Wait until everything of billing was forwarded."""
    last = api.events("billing")[-1]["position"]
    port, labels = api.fleet.ports["analytics"], f'service="billing",subscription="{analyst.name}"'
    line = f"nanum_analytics_position{{{labels}}} {float(last)}"

    def forwarded():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return line in answer.read().decode()

    wait_for(forwarded)


def purge(api, queue):
    address = address_of(api.fleet.amqp_url("admin"))
    with amqp.Connection(
        address["host"], address["user"], address["password"], virtual_host=address["vhost"]
    ) as connection:
        connection.channel().queue_purge(queue)
