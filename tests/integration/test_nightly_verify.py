"""The verification of every night: what it finds is a metric and a line in the log."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.chassis.foundation.settings import SettingMissing, Settings
from services.chassis.readmodels.nightly_verify import NightlyVerify, NoVerdict, next_time
from tests.support.centre import MONDAY, Desk

SEOUL = timezone(timedelta(hours=9))
SECRET = "x" * 40


def differing(view: str) -> float | None:
    """What the metric says of a view."""
    return REGISTRY.get_sample_value("nanum_view_differences", {"view": view})


@pytest.fixture
def desk(fresh, tmp_path):
    """A resident, and sources that were never subscribed to."""
    database = fresh("rentals")
    desk = Desk(database.app)
    kim = desk.resident()
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    env = {
        **os.environ,
        "NANUM_DATABASE_URL": database.app,
        "NANUM_INTERNAL_SECRET_FILE": str(secret),
        "NANUM_FINGERPRINT_KEY_FILE": str(secret),
        "NANUM_LISTEN": "127.0.0.1:1",
        "NANUM_AMQP_URL": "amqp://nowhere",
        "NANUM_SOURCES": " ".join(f"{s}=http://127.0.0.1:9" for s in ("billing", "inventory", "notifications")),
    }
    desk.nightly = NightlyVerify("rentals", None, lambda: MONDAY, env)
    desk.env, desk.kim = env, kim
    return desk


def change(desk, statement):
    """Do to the database what no program of ours does."""
    with desk.store.pool.connection() as conn:
        conn.execute(statement)


def test_a_night_without_differences_is_said_with_its_time(desk):
    desk.nightly.verify()
    assert {view: differing(view) for view in ("resident", "rental")} == {"resident": 0, "rental": 0}
    assert REGISTRY.get_sample_value("nanum_views_verified_timestamp_seconds") == MONDAY.timestamp()


def test_what_differs_is_counted_by_view_and_named_without_its_values(desk):
    change(desk, "UPDATE resident SET state = 'suspended'")
    with capture_logs() as said:
        desk.nightly.verify()
    assert (differing("resident"), differing("rental")) == (1, 0)
    (line,) = [each for each in said if each["event"] == "view_differs"]
    assert (line["view"], line["key"], line["field"]) == ("resident", desk.kim, "state")
    assert "suspended" not in str(said)


def test_views_that_wait_for_parked_events_are_no_number(desk):
    values = "('inventory', 9, 'item-X', '{}', 'poison')"
    change(desk, f"INSERT INTO parked (source, position, stream, message, error) VALUES {values}")
    desk.nightly.verify()
    assert math.isnan(differing("inventory_item") or 0.0) and differing("resident") == 0


def test_a_verification_without_a_verdict_says_why(desk):
    nightly = NightlyVerify("rentals", None, lambda: MONDAY, {**desk.env, "NANUM_SOURCES": ""})
    with pytest.raises(NoVerdict):
        nightly.verify()
    with pytest.raises(NoVerdict, match="lendings"):
        NightlyVerify("lendings", None, lambda: MONDAY, desk.env).verify()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 22, 18, 0, tzinfo=UTC), datetime(2026, 11, 23, 3, 30, tzinfo=SEOUL)),
        (datetime(2026, 11, 22, 18, 30, tzinfo=UTC), datetime(2026, 11, 24, 3, 30, tzinfo=SEOUL)),
    ],
)
def test_it_is_due_at_the_same_time_every_day(now, due):
    assert next_time(now, time.fromisoformat("03:30+09:00")) == due


class Hours(threading.Event):
    """Waiting for it takes an hour."""

    now = datetime(2026, 11, 22, 12, 0, tzinfo=SEOUL)

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(hours=1)
        return self.is_set()


def test_it_verifies_once_each_night_and_goes_on_after_a_failure(monkeypatch):
    hours, nights = Hours(), []
    nightly = NightlyVerify("rentals", time.fromisoformat("03:30+09:00"), lambda: hours.now)

    def verify():
        nights.append(hours.now)
        if len(nights) == 3:
            nightly.stop()
        raise NoVerdict("the source is away")

    monkeypatch.setattr(nightly, "_stop", hours)
    monkeypatch.setattr(nightly, "verify", verify)
    nightly.run()
    assert nights == [datetime(2026, 11, day, 4, 0, tzinfo=SEOUL) for day in (23, 24, 25)]


GREEN = """
import eventlet
eventlet.monkey_patch()
from services.chassis.foundation import metrics
from services.chassis.process import eventlet_psycopg
eventlet_psycopg.install()
from services.chassis.readmodels.nightly_verify import NightlyVerify
from tests.support.centre import MONDAY
others = []
running = eventlet.spawn(NightlyVerify("rentals", None, lambda: MONDAY).verify)
while not running.dead:
    others.append(1)
    eventlet.sleep(0.01)
running.wait()
print(metrics.VERIFIED._value.get() == MONDAY.timestamp(), len(others) > 3)
"""


def test_in_a_service_it_holds_up_no_request(desk):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREEN],
        env=desk.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip().splitlines()[-1:] == ["True True"], done.stderr


@pytest.mark.parametrize("wrong", ["half past three", "03:30"])
def test_a_time_without_its_offset_stops_the_start(desk, wrong, monkeypatch):
    for name, value in {**desk.env, "NANUM_VERIFY_AT": wrong}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingMissing, match="NANUM_VERIFY_AT"):
        Settings.from_env()
