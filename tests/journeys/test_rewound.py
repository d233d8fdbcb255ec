"""One service's database is put back to a minute ago, under the epoch that its readers know: they must not go on."""

from __future__ import annotations

import subprocess
import time

import pytest
import requests

from deploy.local.postgres import find_programs
from services.contracts import SERVICES
from tests.journeys.test_operations import nanum
from tests.support.api import Api
from tests.support.installation import installation
from tests.support.waiting import wait_for

SUBSCRIBERS = ("billing", "inventory", "notifications")  # of rentals
WITHIN = 5.0  # seconds


@pytest.fixture
def api():
    """A fleet of its own: this test replaces its data."""
    with installation() as fleet:
        yield Api(fleet)


def degraded(api, service):
    """What a service says does not work."""
    return requests.get(f"{api.fleet.address(service)}/readyz", timeout=10).json()["degraded"]


def program(api, name, *arguments):
    """Run a program of Postgres on the database of rentals; what it prints."""
    command = [str(find_programs() / name), "--dbname", api.fleet.postgres.superuser_dsn("nanum_rentals"), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def put_back(api, dump):
    """What a recovery to a point in time leaves: the database of rentals as it was, with the epoch that it had."""
    api.fleet.stop("rentals")
    with api.fleet.postgres.session() as conn:
        conn.execute("DROP DATABASE nanum_rentals WITH (FORCE)")
    api.fleet.postgres.create_databases(("rentals",))
    program(api, "pg_restore", "--exit-on-error", str(dump))
    api.fleet.start("rentals")


def test_subscribers_of_a_log_that_went_back_halt_within_seconds_and_are_resumed(api, tmp_path):
    # given a morning that is in the recovery, and an hour after it that is not
    kim = api.resident()
    kept = api.lend(kim, *api.stock(1))
    dump = tmp_path / "rentals.dump"
    dump.write_bytes(program(api, "pg_dump", "--format=custom"))
    lost = [api.lend(api.resident(), item) for item in api.stock(4)]
    api.take_back(lost[0])
    api.happened("notifications", "notice.sent", topic="returned", resident_id=lost[0]["resident_id"])

    # when the database of rentals is put back
    put_back(api, dump)

    # then each subscriber halts and says so
    began = time.monotonic()
    for service in SUBSCRIBERS:
        told = wait_for(lambda service=service: degraded(api, service).get("subscriber.rentals"), patience=WITHIN)
        assert "./nanum resume" in str(told), told
    assert time.monotonic() - began < WITHIN

    # and it stays halted when the log has grown beyond what was taken in, though it is ready for commands
    again = [api.lend(kim, item) for item in api.stock(2)]
    assert all("subscriber.rentals" in degraded(api, service) for service in SUBSCRIBERS)

    # and after the steps of docs/operations.md all is equal again, and goes on
    assert nanum(api, "epoch", "rentals")[0] == 0
    for service in SUBSCRIBERS:
        code, said = nanum(api, "resume", service, "rentals")
        assert code == 0, said
    for service in SUBSCRIBERS:
        wait_for(lambda service=service: not degraded(api, service))
    for rental in again:
        assert wait_for(lambda id=rental["rental_id"]: api.get(f"/v1/rentals/{id}")["state"] == "out", patience=60)
    assert api.get(f"/v1/rentals/{kept['rental_id']}")["state"] == "out"
    code, said = nanum(api, "verify")
    assert code == 0 and said.count(" 0 differences") == len(SERVICES), said
