"""What the operator does at night: verify, rebuild, back up, restore, look at what is parked."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import zipfile

import psutil
import psycopg
import pytest

from deploy.local import InstallationError, backup
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


def test_a_damaged_backup_is_refused_and_nothing_is_touched(api, tmp_path):
    whole, damaged = api.fleet.backup(tmp_path / "whole"), tmp_path / "damaged"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name) + (b"x" if name == "billing.dump" else b""))
    with pytest.raises(InstallationError, match=r"damaged \(billing.dump\)"):
        api.fleet.restore(damaged)
    assert api.call("GET", "/v1/categories").ok


def test_a_backup_is_written_into_no_file_that_was_there(api, tmp_path):
    victims = [tmp_path / name for name in ("one", "two")]
    for victim, name in zip(victims, ("b", "b.unfinished"), strict=True):
        victim.write_text("mine")
        (tmp_path / name).symlink_to(victim)
    file = api.fleet.backup(tmp_path / "b")
    assert [victim.read_text() for victim in victims] == ["mine", "mine"]
    assert file.stat().st_mode & 0o777 == 0o600 and not file.is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "b.unfinished", "one", "two"]


def test_backups_of_a_directory_are_pruned(api, tmp_path):
    files = [api.fleet.backup(tmp_path, keep=2) for _ in range(3)]
    assert sorted(tmp_path.iterdir()) == files[1:]
    with pytest.raises(InstallationError, match="no directory"):
        api.fleet.backup(tmp_path / "file", keep=2)


def test_a_log_that_somebody_holds_ends_the_backup_and_shuts_no_other(api, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "LOCK_PATIENCE", "300ms")
    with api.fleet.postgres.session("nanum_notifications") as holder:
        holder.execute("SELECT pg_advisory_lock(log_key())")
        said = rf"log of notifications was held by process {holder.info.backend_pid} of nanum"
        with pytest.raises(InstallationError, match=said):
            api.fleet.backup(tmp_path / "b")
        assert api.stock(1)
    assert api.fleet.backup(tmp_path / "b").exists()


def test_nothing_of_a_backup_runs_as_superuser_and_no_secret_is_on_a_command_line(api, tmp_path):
    with psycopg.connect(api.fleet.dsn("rentals", "owner")) as owner:
        owner.execute("CREATE TABLE planted (who text)")
        owner.execute(
            "CREATE FUNCTION plant() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO public.planted VALUES (session_user); RETURN NEW; END'"
        )
        owner.execute("CREATE TRIGGER planted BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION plant()")
    try:
        with command_lines() as seen:
            api.fleet.restore(api.fleet.backup(tmp_path / "b"))
        with psycopg.connect(api.fleet.dsn("rentals", "owner")) as owner:
            assert owner.execute("SELECT who FROM planted").fetchall() == [("rentals_owner",)]
        assert any("pg_restore" in line for line in seen) and any("pg_dump" in line for line in seen)
        secrets = [file.read_text().strip() for file in api.fleet.secrets.directory.iterdir()]
        assert not [line for line in seen for secret in secrets if secret in line]
    finally:
        with psycopg.connect(api.fleet.dsn("rentals", "owner")) as owner:
            owner.execute("DROP TRIGGER planted ON log; DROP FUNCTION plant(); DROP TABLE planted")


@contextlib.contextmanager
def command_lines():
    """The command lines of all processes that run meanwhile, with their environments."""
    seen, over = set(), threading.Event()

    def look():
        while not over.is_set():
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    name = process.name()
                    if name in ("pg_dump", "pg_restore", "psql", "rabbitmqctl"):
                        seen.add(" ".join([*process.cmdline(), *process.environ().values()]))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_what_was_done_before_a_restore_is_known_on_another_machine(api, tmp_path):
    order = api.order(api.resident(), *api.stock(1))
    first = api.post("/v1/rentals", order, Idempotency_Key="once")
    file = api.fleet.backup(tmp_path / "b")
    api.fleet.secrets.replace("fingerprint-rentals", "another machine has another key")
    api.fleet.restore(file)
    assert api.post("/v1/rentals", order, Idempotency_Key="once")["rental_id"] == first["rental_id"]


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
