"""Secrets and users: what each process of an installation is told, as whom it runs, and what nobody else can see."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import InstallationError, doctor
from deploy.local.runtime import PROGRAMS, ROOT
from deploy.local.supervisor import MARK, open_files
from deploy.local.users import run_as
from tests.support.analyst import Analyst
from tests.support.api import Api
from tests.support.installation import Fleet, installation
from tests.support.waiting import wait_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start processes as other users")


def secrets_of(fleet: Fleet) -> list[bytes]:
    """Every secret value of the installation."""
    keys = [key["d"].encode() for key in fleet.token_keys]
    return keys + [file.read_bytes().strip() for file in fleet.secrets.directory.rglob("*") if file.is_file()]


def running(fleet: Fleet) -> Iterator[Path]:
    """The directory in /proc of each process of the installation, with those that they started."""
    for process in psutil.process_iter():
        try:
            if process.pid == fleet.supervisor.pid or process.environ().get(MARK) == str(fleet.home):
                yield Path(f"/proc/{process.pid}")
        except psutil.Error:
            continue


class TestSecrets:
    def test_none_is_on_a_command_line_or_in_an_environment(self, fleet: Fleet):
        secrets, seen = secrets_of(fleet), 0
        assert len(secrets) > 20
        for process in running(fleet):
            seen += 1
            shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            assert not [secret for secret in secrets if secret in shown], (process / "cmdline").read_text()
        assert seen > len(fleet.processes)

    def test_none_is_in_the_supervisor_s_settings_or_in_a_log(self, fleet: Fleet):
        files = [fleet.home / "supervisor.conf", *(fleet.home / "logs").iterdir()]
        secrets = secrets_of(fleet)
        assert len(files) > 10
        for file in files:
            assert not [secret for secret in secrets if secret in file.read_bytes()], file

    def test_a_process_is_given_its_own_alone(self, fleet: Fleet):
        given = {process.name: set(process.secrets.values()) for process in fleet.processes}
        everybodys = {fleet.secrets.value("internal")}
        shared = {frozenset(pair) for pair in (("billing", "terminal"),)}
        for one, mine in given.items():
            for other, theirs in given.items():
                if one < other and frozenset((one, other)) not in shared:
                    assert mine & theirs <= everybodys, (one, other)

    def test_a_setting_of_one_s_own_takes_the_place_of_the_file(self, home: Path):
        fleet = Fleet(home, {"rentals": {"NANUM_DATABASE_URL": "postgresql://elsewhere/nanum"}})
        assert fleet.env("rentals")["NANUM_DATABASE_URL"] == "postgresql://elsewhere/nanum"
        assert "NANUM_DATABASE_URL_FILE" not in fleet.env("rentals")
        assert "NANUM_AMQP_URL_FILE" in fleet.env("rentals")


@as_root
class TestUsers:
    def test_each_process_runs_as_a_user_of_its_own(self, fleet: Fleet):
        users = {name: psutil.Process(state.pid).uids() for name, state in fleet.supervisor.states().items()}
        assert len(users) == len(fleet.processes)
        assert all(uids.real == uids.effective == uids.saved != 0 for uids in users.values())
        assert len({uids.real for uids in users.values()}) == len(users)

    def test_a_process_can_read_its_own_secrets_and_no_other_s(self, fleet: Fleet):
        private = {file: file.parent.name for file in (fleet.home / "private").glob("*/*")}
        others = [*fleet.secrets.directory.iterdir(), fleet.home / "supervisor.conf", fleet.home / "rabbitmq/data"]
        for process in fleet.processes:
            told = run_as(process.uid, ["cat", "--", *map(str, private), *map(str, others)], Path("/"))
            own = [file for file, name in private.items() if name == process.name]
            assert told.stdout == "".join(file.read_text() for file in own), process.name
            assert {f"{name}_FILE" for name in process.secrets} == {f"{file.name}_FILE" for file in own}

    def test_it_keeps_its_user_over_a_restart_and_cannot_become_another(self, fleet: Fleet):
        before = psutil.Process(fleet.supervisor.states()["mailbox"].pid)
        assert "NoNewPrivs:\t1" in Path(f"/proc/{before.pid}/status").read_text()
        uid = before.uids().real
        fleet.stop("mailbox")
        fleet.start("mailbox")
        assert psutil.Process(fleet.supervisor.states()["mailbox"].pid).uids().real == uid == fleet.users["mailbox"]

    def test_it_starts_where_other_users_cannot_enter(self, tmp_path: Path):
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        with installation(only={"mailbox"}, home=closed / "nanum") as fleet:
            assert (closed / "nanum").resolve() == fleet.home != closed / "nanum"
            assert Fleet(closed / "nanum").home == fleet.home
        assert not (closed / "nanum").is_symlink() and not fleet.home.exists()

    def test_sources_that_other_users_cannot_read_are_copied_for_them(self, tmp_path: Path):
        closed = tmp_path / "closed"
        for name in (*PROGRAMS, "tests/support"):
            (closed / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", str(ROOT / name), str(closed / name)], check=True)
        (closed / "requirements.lock").touch()
        closed.chmod(0o700)
        script = (
            "from tests.support.installation import installation\n"
            "with installation(only={'terminal'}) as fleet: print(fleet.runtime.root, fleet.home)"
        )
        run = subprocess.run([sys.executable, "-c", script], cwd=closed, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        root, home = run.stdout.split()
        assert root.startswith(home)


class TestDoctor:
    def test_a_file_that_others_can_read_is_named_with_what_to_do(self, fleet: Fleet):
        private = next((fleet.home / "private/rentals").iterdir())
        assert not [finding for finding in doctor.examine(fleet) if "Others can read" in finding.text]
        for file in (private, fleet.home / "secrets", fleet.home / "logs"):
            before = file.stat().st_mode
            file.chmod(before | 0o044)
            try:
                [found] = [finding for finding in doctor.examine(fleet) if "Others can read" in finding.text]
                assert not found.fine and f"chmod go= {file}" in found.text
            finally:
                file.chmod(before)

    def test_a_low_limit_of_open_files_is_named_with_what_to_do(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        def said() -> list[doctor.Finding]:
            return [finding for finding in doctor.examine(Fleet(home)) if "files and connections" in finding.text]

        monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
        [low] = said()
        assert not low.fine and "1024" in low.text and "ulimit" in low.text
        monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
        assert [finding.fine for finding in said()] == [True]

    def test_a_process_may_open_as_many_files_as_the_machine_allows(self, fleet: Fleet):
        limits = Path(f"/proc/{fleet.supervisor.states()['gateway'].pid}/limits").read_text()
        assert re.search(r"Max open files +(\d+)", limits)[1] == str(open_files())


class TestTokens:
    def test_the_gateway_holds_no_key_that_signs(self, fleet: Fleet):
        held = "".join(file.read_text() for file in (fleet.home / "private/gateway").iterdir())
        assert '"kid"' in held and not [key for key in fleet.token_keys if key["d"] in held]

    def test_a_revoked_token_is_refused_within_five_seconds(self, fleet: Fleet):
        api, lost, kept = Api(fleet), fleet.token("desk"), fleet.token("desk")
        assert {reads(api, lost), reads(api, kept)} == {200}
        fleet.revoke(token=lost)
        wait_for(lambda: reads(api, lost) == 401, 5)
        assert reads(api, kept) == 200
        of_kim = fleet.token("desk", "kim")
        fleet.revoke(subject="kim")
        wait_for(lambda: reads(api, of_kim) == 401, 5)
        assert reads(api, kept) == 200

    def test_keys_are_replaced_while_the_gateway_runs_and_a_retired_one_ends_its_tokens(self, fleet: Fleet):
        api, old, pid = Api(fleet), fleet.token("desk"), fleet.supervisor.states()["gateway"].pid
        before = fleet.token_keys.signing("people")["kid"]
        with pytest.raises(InstallationError, match="signs at present"):
            fleet.retire_key(before)
        fleet.rotate_key("people")
        wait_for(lambda: reads(api, fleet.token("desk")) == 200, 5)
        assert reads(api, old) == 200
        fleet.retire_key(before)
        wait_for(lambda: reads(api, old) == 401, 5)
        assert reads(api, fleet.token("desk")) == 200
        assert fleet.supervisor.states()["gateway"].pid == pid

    def test_the_analysts_process_goes_on_under_a_new_key(self, fleet: Fleet):
        analyst = Analyst(fleet, "keykim", "stream", ["rentals"])
        try:
            before = fleet.token_keys.signing("analytics")["kid"]
            fleet.rotate_key("analytics")
            fleet.retire_key(before)
            api = Api(fleet)
            joined = api.happened("rentals", "resident.joined", resident_id=api.resident())
            assert analyst.read("rentals", joined["position"])
        finally:
            fleet.unsubscribe("keykim")


def reads(api: Api, token: str) -> int:
    """The status that the bearer of a token gets."""
    return api.call("GET", "/v1/rentals", role="", Authorization=f"Bearer {token}").status_code


def test_the_mailbox_takes_letters_from_those_who_know_its_password(fleet: Fleet):
    import smtplib

    with smtplib.SMTP("127.0.0.1", fleet.ports["mailbox"]) as server:
        with pytest.raises(smtplib.SMTPSenderRefused):
            server.sendmail("a@nanum.localhost", ["b@nanum.localhost"], "Subject: none\n\nnone")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            server.login("nanum", "a guess")
        server.login("nanum", fleet.secrets.value("mailbox"))
