"""Our own RabbitMQ node: its settings, users and exchanges.

The node loads users, permissions and exchanges from a file at every boot: a node that lost its data
comes back complete.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import amqp
from kombu.utils.url import parse_url

from deploy.local import directories
from deploy.local.ports import Ports
from deploy.local.problems import InstallationError, NotReady
from deploy.local.secrets import Secrets, write_private
from deploy.local.users import Users, own_directory
from integrations.analysts import subscriptions
from integrations.analysts.subscriptions import Subscription
from services.chassis.messaging.queues import exchange_of, stream_of
from services.contracts import SERVICES

VHOST = "nanum"
ADMIN = "admin"
ANALYTICS = "analytics"  # fills the queues of those who subscribed
NODE = "nanum@localhost"

SETTINGS = """\
# Written by every start of Nanum.
listeners.tcp.1 = 127.0.0.1:{port}
load_definitions = {definitions}
log.console = true
log.console.level = warning
log.console.use_colors = off
log.file = false
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 256MB
# The quorum queues' log is kept in memory until it rolls over.
raft.wal_max_size_bytes = {wal}
"""


class RabbitMQ:
    """The broker: one vhost; a user, a topic exchange and a stream per service; who subscribed."""

    def __init__(
        self, home: Path, secrets: Secrets, ports: Ports, subscribed: Iterable[Subscription], users: Users
    ) -> None:
        self._directory = home / "rabbitmq"
        self._users = users
        self._secrets = secrets
        self._ports = ports
        self._subscribed = subscribed

    def url(self, user: str) -> str:
        """AMQP URL of a service's user, of `analytics` or of `admin`."""
        users = (ADMIN, ANALYTICS, *SERVICES)
        if user not in users:
            raise InstallationError(f"There is no broker user {user!r}: use {', '.join(users)}.")
        return self._url(user, self._password(user))

    def analyst_url(self, subscription: Subscription, password: str) -> str:
        """AMQP URL of an analyst's user."""
        return self._url(subscription.user, password)

    def _url(self, user: str, password: str) -> str:
        return f"amqp://{user}:{password}@127.0.0.1:{self._ports['rabbitmq']}/{VHOST}"

    def check(self, user: str = ADMIN) -> None:
        """The broker lets the user in and has every exchange that the user may read. Raises NotReady."""
        try:
            with _connection(self.url(user), connect_timeout=2, read_timeout=2) as connection:
                for service in SERVICES:
                    connection.channel().exchange_declare(exchange_of(service), "topic", passive=True)
        except (OSError, amqp.AMQPError) as error:
            raise NotReady(str(error)) from None

    def _password(self, user: str) -> str:
        return self._secrets.value(f"rabbitmq-{user}")

    @property
    def argv(self) -> tuple[str, ...]:
        return (str(find_programs() / "rabbitmq-server"),)

    @property
    def env(self) -> dict[str, str]:
        """Everything that would otherwise be looked up in the machine's own RabbitMQ."""
        own = self._directory
        # Two schedulers that sleep when they have nothing to do: by default they spin for a while, at the others' cost.
        calm = "+S 2:2 +A 8 +sbwt none +sbwtdcpu none +sbwtdio none"
        erlang = f"-kernel inet_dist_use_interface {{127,0,0,1}} -start_epmd false {calm}"
        return {
            "ERL_CRASH_DUMP": str(own / "log" / "crash.dump"),
            "HOME": str(own),  # where Erlang looks for the cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self._ports["rabbitmq-nodes"]),
            "RABBITMQ_CONF_ENV_FILE": str(own / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(own / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(own / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(own / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(own / "data"),
            "RABBITMQ_LOG_BASE": str(own / "log"),
            "RABBITMQ_MAX_NUMBER_OF_PROCESSES": "65536",
            "RABBITMQ_MAX_NUMBER_OF_ATOMS": "1048576",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erlang,
            # The script then becomes the node instead of minding it: the supervisor signals and kills the node itself.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def prepare(self, profile: str) -> None:
        """Write the node's files; the data is its own."""
        own, uid = self._directory, self._users["rabbitmq"]
        for directory in (own, own / "data", own / "log"):
            own_directory(directory, uid)
        settings = SETTINGS.format(
            port=self._ports["rabbitmq"],
            definitions=own / "definitions.json",
            wal=64 * 1024**2 if profile == "local" else 16 * 1024**2,
        )
        write_private(own / "rabbitmq.conf", settings, uid)
        write_private(own / "rabbitmq-env.conf", "", uid)
        write_private(own / "enabled_plugins", "[].\n", uid)
        self._write_definitions()
        write_private(own / ".erlang.cookie", self._secrets.value("erlang-cookie"), uid)
        (own / ".erlang.cookie").chmod(0o400)

    def _write_definitions(self) -> Path:
        """Users, vhost, permissions, exchanges and queues, as the node imports them."""
        sections: dict[str, list[dict[str, object]]] = defaultdict(list, vhosts=[{"name": VHOST}])
        for section, entry in self._definitions():
            sections[section].append(entry)
        file = self._directory / "definitions.json"
        write_private(file, json.dumps(sections, indent=1) + "\n", self._users["rabbitmq"])
        return file

    def _definitions(self) -> subscriptions.Entries:
        rights = {ADMIN: (".*", ".*", ".*")}  # configure, write, read
        for name, kind in (*((service, "events") for service in SERVICES), (ANALYTICS, "stream")):
            rights[name] = (rf"^{name}\..*$", rf"^{name}\..*$", rf"^({name}\..*|[a-z]+\.{kind})$")
        for name, may in rights.items():
            # The salt is fixed per user, so that the definitions change only with the password.
            hashed = subscriptions.hash_password(self._password(name), salt=name.encode()[:4].ljust(4))
            tags = "administrator" if name == ADMIN else ""
            yield from subscriptions.user_with_rights(name, hashed, VHOST, may, tags=tags)
        for service in SERVICES:
            yield from subscriptions.exchange_with_queue(service, stream_of(service), VHOST)
        for each in self._subscribed:
            yield from each.definitions(VHOST)

    def import_definitions(self) -> None:
        """Have the running node import the definitions as they are now."""
        self._control("import_definitions", str(self._write_definitions()))

    def delete_subscription(self, subscription: Subscription) -> None:
        """Have the running node delete an analyst's user, which ends the user's connections, and what was kept."""
        self._control("delete_user", subscription.user)
        with _connection(self.url(ADMIN)) as connection:
            channel = connection.channel()
            for service in subscription.services:
                channel.queue_delete(subscription.queue(service).name)
                channel.queue_delete(subscription.last(service))
                channel.exchange_delete(exchange_of(subscription.source(service)))

    def _control(self, *command: str) -> None:
        env = {**os.environ, **self.env}
        done = subprocess.run(
            [find_programs() / "rabbitmqctl", "-n", NODE, *command], env=env, capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise InstallationError(f"The broker refused to {command[0]}: {(done.stderr or done.stdout).strip()}")

    def wipe(self) -> None:
        """Delete all data of the (stopped) node: queues, messages, users."""
        shutil.rmtree(self._directory / "data", ignore_errors=True)
        own_directory(self._directory / "data", self._users["rabbitmq"])


def find_programs() -> Path:
    """The directory of the node's own scripts: the wrappers in /usr/sbin insist on the machine's user and paths."""
    usual = [Path("/usr/lib/rabbitmq/bin")]
    return directories.of_program("rabbitmq-server", "NANUM_RABBITMQ_BIN", usual, "rabbitmq-server")


def _connection(url: str, **limits: float) -> amqp.Connection:
    at = address_of(url)
    return amqp.Connection(at["host"], at["user"], at["password"], virtual_host=at["vhost"], **limits)


def address_of(url: str) -> dict[str, str]:
    """Host with port, user, password and vhost of an AMQP URL."""
    at = parse_url(url)
    place = {"host": f"{at['hostname']}:{at['port'] or 5672}", "vhost": at["virtual_host"] or "/"}
    return {**place, "user": at["userid"] or "guest", "password": at["password"] or "guest"}
