"""What the operator does at night: verify, rebuild, back up, restore, look at what is parked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.local.config import ROOT
from tests.support.api import Api
from tests.support.installation import installation


@pytest.fixture(scope="module")
def api():
    """A fleet of its own: these tests replace its data."""
    with installation() as fleet:
        yield Api(fleet)


def nanum(api, *arguments):
    """A command of the command line."""
    command = [sys.executable, "-m", "deploy.cli", "--home", str(api.fleet.home), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr


def busy_day(api):
    """Some rentals, one brought back."""
    items, kim = api.stock(3), api.resident()
    rentals = [api.lend(kim, item) for item in items]
    api.take_back(rentals[0])
    api.happened("notifications", "notice.sent", topic="returned")
    return rentals


def test_verify_rebuild_and_back_over_the_command_line(api):
    rentals = busy_day(api)
    code, said = nanum(api, "verify")
    assert code == 0 and said.count(" 0 differences") == 4, said
    code, said = nanum(api, "rebuild", "rentals")
    assert code == 0 and "swapped in" in said, said
    assert api.get(f"/v1/rentals/{rentals[1]['rental_id']}")["state"] == "out"
    code, said = nanum(api, "rebuild", "inventory", "item", "rented_out")
    assert code == 0, said
    busy_day(api)
    code, said = nanum(api, "rebuild", "rentals", "--back")
    assert code == 0, said
    code, said = nanum(api, "verify")
    assert code == 0, said
    assert nanum(api, "rebuild", "rentals", "horoscope")[0] == 2


def test_a_backup_is_restored_under_a_new_epoch_and_work_goes_on(api, tmp_path):
    rentals = busy_day(api)
    epoch = api.get("/v1/events/rentals?after=0&limit=1", role="manager")["epoch"]
    file = tmp_path / "nanum.backup"
    code, said = nanum(api, "backup", str(file))
    assert code == 0, said
    assert file.stat().st_mode & 0o077 == 0
    later = api.lend(api.resident(), *api.stock(1))

    code, said = nanum(api, "restore", str(file), "--yes")

    assert code == 0, said
    assert api.get("/v1/events/rentals?after=0&limit=1", role="manager")["epoch"] != epoch
    assert api.get(f"/v1/rentals/{rentals[1]['rental_id']}")["state"] == "out"
    assert api.call("GET", f"/v1/rentals/{later['rental_id']}").status_code == 404
    code, said = nanum(api, "verify")
    assert code == 0, said
    rental = api.lend(api.resident(), *api.stock(1))
    api.happened("notifications", "notice.sent", topic="receipt", resident_id=rental["resident_id"])


def test_what_is_no_backup_is_refused_and_nothing_is_touched(api, tmp_path):
    file = tmp_path / "holiday-photos"
    file.write_text("no backup")
    code, said = nanum(api, "restore", str(file), "--yes")
    assert code == 1 and "not a backup" in said
    assert api.call("GET", "/v1/categories").ok


def test_parked_events_and_dead_letters_are_shown(api):
    code, said = nanum(api, "parked", "rentals")
    assert code == 0 and "nothing is parked" in said, said
    code, said = nanum(api, "dead", "rentals")
    assert code == 0 and "no dead letters" in said, said
    code, said = nanum(api, "dead", "rentals", "replay")
    assert code == 0 and "no dead letters" in said, said


def test_a_rental_as_of_an_instant(api):
    rental = busy_day(api)[0]
    path = f"/v1/rentals/{rental['rental_id']}"
    assert api.get(path)["state"] == "returned"
    assert api.get(f"{path}?as_of={rental['started_at'].replace('+', '%2B')}")["state"] == "out"
    assert api.call("GET", f"{path}?as_of=yesterday").status_code == 400
