"""The local installation by itself: ports, secrets, database roles, rights on the broker, life of the processes."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import amqp
import psycopg
import pytest

from deploy.local import InstallationError
from deploy.local.config import ROOT
from deploy.local.ports import Ports, is_free
from deploy.local.secrets import Secrets, write_private
from deploy.local.supervisor import exists
from services.contracts import SERVICES
from tests.support.broker import connect
from tests.support.installation import Fleet, installation


def wait_until(condition, patience: float = 120.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


class TestPorts:
    def test_are_remembered(self, tmp_path):
        first = Ports(tmp_path / "ports.json", ["gateway", "rentals"], {})
        first.settle()
        again = Ports(tmp_path / "ports.json", ["gateway", "rentals"], {})
        assert (first["gateway"], first["rentals"]) == (again["gateway"], again["rentals"])
        assert again.settle() == []

    def test_taken_by_another_is_chosen_anew_and_the_rest_stays(self, tmp_path):
        ports = Ports(tmp_path / "ports.json", ["gateway", "rentals"], {})
        ports.settle()
        gateway, rentals = ports["gateway"], ports["rentals"]
        with socket.create_server(("127.0.0.1", rentals)):
            assert ports.settle(running={"rentals"}) == []
            assert ports.settle() == ["rentals"]
        assert ports["gateway"] == gateway
        assert ports["rentals"] != rentals

    def test_preferred_is_taken_only_if_free(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as busy:
            number = busy.getsockname()[1]
            taken = Ports(tmp_path / "taken.json", ["gateway"], {"gateway": number})
            assert taken["gateway"] != number
        wait_until(lambda: is_free(number))
        free = Ports(tmp_path / "free.json", ["gateway"], {"gateway": number})
        assert free["gateway"] == number


class TestSecrets:
    def test_are_made_once_and_for_the_owner_alone(self, tmp_path):
        secrets = Secrets(tmp_path / "secrets")
        value = secrets.value("token")
        assert len(value) >= 43
        assert Secrets(tmp_path / "secrets").value("token") == value
        assert secrets.value("internal") != value
        assert stat.S_IMODE(secrets.directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(secrets.path("token").stat().st_mode) == 0o600

    def test_a_private_file_is_written_only_when_it_changes(self, tmp_path):
        file = tmp_path / "file"
        assert write_private(file, "a")
        assert not write_private(file, "a")
        assert write_private(file, "b")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_of_a_running_installation_are_closed_to_others(self, servers: Fleet):
        private = [*servers.secrets.directory.iterdir(), servers.home / "supervisor.conf"]
        private += [servers.home / "rabbitmq" / name for name in ("definitions.json", ".erlang.cookie")]
        private += (servers.home / "private").glob("*/*")
        assert len(private) > 40
        assert [file for file in private if stat.S_IMODE(file.stat().st_mode) & 0o077] == []


class TestSettings:
    def test_a_service_gets_its_own_database_user_and_address(self, servers: Fleet):
        env = servers.env("rentals")
        database, broker = (Path(env[f"NANUM_{name}_URL_FILE"]).read_text() for name in ("DATABASE", "AMQP"))
        assert database.endswith("/nanum_rentals")
        assert "rentals_app" in database
        assert broker.startswith("amqp://rentals:")
        assert env["NANUM_LISTEN"] in env["NANUM_SOURCES"]
        assert [pair.split("=")[0] for pair in env["NANUM_SOURCES"].split()] == list(SERVICES)
        assert Path(env["NANUM_INTERNAL_SECRET_FILE"]).is_file()

    def test_extra_environment_reaches_its_process_alone(self, home):
        fleet = Fleet(home, {"billing": {"NANUM_LOG_LEVEL": "debug"}})
        assert fleet.env("billing")["NANUM_LOG_LEVEL"] == "debug"
        assert "NANUM_LOG_LEVEL" not in fleet.env("rentals")

    def test_an_unknown_process_is_named_with_the_known_ones(self, servers: Fleet):
        with pytest.raises(InstallationError, match=r"'rental'.*rentals"):
            servers.env("rental")

    def test_everything_listens_on_this_machine_only(self, servers: Fleet):
        ours = {servers.ports[name] for name in ("postgres", "rabbitmq", "epmd", "rabbitmq-nodes")}
        table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        rows = [line.split() for line in table.splitlines()]
        listening = {tuple(row[1].split(":")) for row in rows if len(row) > 3 and row[3] == "0A"}
        addresses = {(int(port, 16), address) for address, port in listening if int(port, 16) in ours}
        assert {port for port, _ in addresses} == ours
        loopback = {"0100007F", "00000000000000000000000001000000"}
        assert {address for _, address in addresses} <= loopback


class TestPostgres:
    def test_does_not_trade_durability(self, servers: Fleet):
        with psycopg.connect(servers.dsn("rentals", "app")) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)

    @pytest.mark.parametrize("service", SERVICES)
    def test_each_role_enters_its_own_database_alone(self, servers: Fleet, service: str):
        others = [other for other in SERVICES if other != service]
        for role in ("owner", "app", "ro"):
            own = servers.dsn(service, role)
            psycopg.connect(own).close()
            for other in [*(f"nanum_{name}" for name in others)]:
                with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                    psycopg.connect(own.replace(f"/nanum_{service}", f"/{other}"))

    def test_a_wrong_password_is_refused(self, servers: Fleet):
        dsn = servers.dsn("billing", "app")
        secret = servers.secrets.value("postgres-billing_app")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(dsn.replace(secret, "guess"))

    def test_only_the_owner_makes_tables_and_the_reader_only_reads(self, servers: Fleet):
        with psycopg.connect(servers.dsn("inventory", "owner")) as connection:
            connection.execute("CREATE TABLE shelf(n int)")
            connection.execute("GRANT SELECT, INSERT ON shelf TO inventory_app, inventory_ro")
            connection.commit()
        try:
            with (
                psycopg.connect(servers.dsn("inventory", "app")) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute("CREATE TABLE own(n int)")
            with (
                psycopg.connect(servers.dsn("inventory", "ro")) as connection,
                pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
            ):
                connection.execute("INSERT INTO shelf VALUES (1)")
        finally:
            with psycopg.connect(servers.dsn("inventory", "owner")) as connection:
                connection.execute("DROP TABLE shelf")

    def test_a_killed_server_comes_back_with_what_was_committed(self, servers: Fleet):
        with psycopg.connect(servers.dsn("billing", "owner")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        old = servers.kill("postgres")
        wait_until(lambda: not exists(old))
        servers.wait_ready({"postgres"})
        with psycopg.connect(servers.dsn("billing", "owner")) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
            connection.execute("DROP TABLE kept")


class TestRabbitMQ:
    def test_a_service_may_write_only_its_own_exchange(self, servers: Fleet):
        with connect(servers.amqp_url("rentals")) as connection:
            channel = connection.channel()
            channel.basic_publish_confirm(amqp.Message("{}"), "rentals.events", "rental.started")
            with pytest.raises(amqp.AccessRefused):
                other = connection.channel()
                other.basic_publish_confirm(amqp.Message("{}"), "billing.events", "payment.captured")

    def test_a_service_listens_to_the_others_with_queues_of_its_own(self, servers: Fleet):
        with connect(servers.amqp_url("inventory")) as connection:
            channel = connection.channel()
            arguments = {"x-queue-type": "quorum"}
            channel.queue_declare("inventory.from.rentals", durable=True, auto_delete=False, arguments=arguments)
            channel.queue_bind("inventory.from.rentals", "rentals.events", "#")
            channel.queue_delete("inventory.from.rentals")
            with pytest.raises(amqp.AccessRefused):
                connection.channel().queue_declare("rentals.from.inventory", durable=True, auto_delete=False)

    def test_knows_no_default_account(self, servers: Fleet):
        with pytest.raises((amqp.AccessRefused, OSError)):
            connect(f"amqp://guest:guest@127.0.0.1:{servers.ports['rabbitmq']}/nanum")

    def test_a_wiped_node_has_its_users_and_exchanges_again_and_nothing_else(self, servers: Fleet):
        with connect(servers.amqp_url("rentals")) as connection:
            connection.channel().queue_declare("rentals.from.billing", durable=True, auto_delete=False)
        servers.broker_wipe()
        for service in SERVICES:
            servers.rabbitmq.check(service)
        with connect(servers.amqp_url("rentals")) as connection, pytest.raises(amqp.NotFound):
            connection.channel().queue_declare("rentals.from.billing", passive=True)


class TestLife:
    def test_a_second_up_changes_nothing(self, servers: Fleet):
        before = servers.supervisor.states()
        files = {file: file.stat().st_mtime_ns for file in servers.home.glob("*.*") if file.is_file()}
        began = time.monotonic()
        assert servers.up(only={"postgres", "rabbitmq"}) is False
        assert time.monotonic() - began < 3
        after = servers.supervisor.states()
        assert {name: state.pid for name, state in before.items()} == {name: state.pid for name, state in after.items()}
        assert files == {file: file.stat().st_mtime_ns for file in servers.home.glob("*.*") if file.is_file()}

    def test_a_killed_process_is_started_again(self, servers: Fleet):
        old = servers.kill("epmd")
        wait_until(lambda: servers.supervisor.states()["epmd"].pid not in (0, old))
        servers.wait_ready({"epmd"})

    def test_an_unknown_selection_is_refused(self, servers: Fleet):
        with pytest.raises(InstallationError, match="'postgresql'"):
            servers.up(only={"postgresql"})

    def test_down_leaves_nothing_behind(self):
        with installation(only={"epmd"}) as fleet:
            pids = [state.pid for state in fleet.supervisor.states().values() if state.pid]
            supervisor = fleet.supervisor.pid
            fleet.down()
            assert pids
            wait_until(lambda: not any(exists(pid) for pid in pids))
            assert not fleet.supervisor.running
            home = fleet.home
        assert not exists(supervisor)
        assert not home.exists()

    def test_up_heals_what_a_killed_supervisor_left_behind(self):
        with installation(only={"epmd"}) as fleet:
            orphan = fleet.supervisor.states()["epmd"].pid
            port = fleet.ports["epmd"]
            os.kill(fleet.supervisor.pid, 9)
            wait_until(lambda: not fleet.supervisor.running)
            assert exists(orphan)
            fleet.up(only={"epmd"})
            assert not exists(orphan)
            assert fleet.ports["epmd"] == port

    def test_servers_end_with_the_test_run_that_started_them(self, home):
        script = (
            "import os, sys; from pathlib import Path; from tests.support.installation import Fleet\n"
            "fleet = Fleet(Path(sys.argv[1])); fleet.up(only={'epmd'})\n"
            "print(fleet.supervisor.states()['epmd'].pid, flush=True); os.kill(os.getpid(), 9)"
        )
        run = subprocess.run([sys.executable, "-c", script, home], cwd=ROOT, capture_output=True, text=True)
        pid = int(run.stdout)
        wait_until(lambda: not exists(pid))
        wait_until(lambda: not Fleet(home).supervisor.running)

    def test_a_port_that_another_took_while_we_were_down_is_left_to_it(self):
        with installation(only={"epmd"}) as fleet:
            fleet.down()
            port = fleet.ports["epmd"]
            with socket.create_server(("127.0.0.1", port)):
                fleet.up(only={"epmd"})
                assert fleet.ports["epmd"] != port
            assert json.loads((fleet.home / "ports.json").read_text())["epmd"] == fleet.ports["epmd"]
