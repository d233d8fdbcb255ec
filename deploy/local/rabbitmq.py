"""Our own RabbitMQ node, or a broker that the operator gave: its settings, users and exchanges.

The node loads users, permissions and exchanges from a file at every boot: a node that lost its data
comes back complete.
"""

import json
import os
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from urllib.parse import unquote, urlsplit

import amqp

from deploy.local import readiness
from deploy.local.problems import InstallationError
from deploy.local.secrets import Secrets, write_private
from deploy.local.subscriptions import Subscription, Subscriptions, hash_password, kept, user
from services.chassis.broker import exchange_of, stream_of

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
    """The broker, whoever runs it: one vhost; a user, a topic exchange and a stream per service; who subscribed."""

    def __init__(
        self, home: Path, secrets: Secrets, ports: dict[str, int], services: tuple[str, ...], given_url: str | None
    ) -> None:
        self._directory = home.resolve() / "rabbitmq"
        self._secrets = secrets
        self._ports = ports
        self._services = services
        self._subscriptions = Subscriptions(home.resolve() / "subscriptions.json")
        self.given_url = given_url

    def url(self, user: str) -> str:
        """AMQP URL of a service's user or of `admin`; on a given broker all of them are the URL's user."""
        if self.given_url:
            return self.given_url
        users = (ADMIN, ANALYTICS, *self._services)
        if user not in users:
            raise InstallationError(f"There is no broker user {user!r}: use {', '.join(users)}.")
        return f"amqp://{user}:{self._password(user)}@127.0.0.1:{self._ports['rabbitmq']}/{VHOST}"

    def analyst_url(self, subscription: Subscription, password: str) -> str:
        """AMQP URL of an analyst's user."""
        return f"amqp://{subscription.user}:{password}@127.0.0.1:{self._ports['rabbitmq']}/{VHOST}"

    def check(self, user: str = ADMIN) -> None:
        """The broker lets the user in and has every exchange that the user may read."""
        readiness.broker(**address_of(self.url(user)), exchanges=[f"{service}.events" for service in self._services])

    def _password(self, user: str) -> str:
        return self._secrets.value(f"rabbitmq-{user}")

    # The node: only when the broker is our own.

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

    @property
    def epmd_argv(self) -> tuple[str, ...]:
        return ("epmd", "-address", "127.0.0.1", "-port", str(self._ports["epmd"]))

    def prepare(self, profile: str) -> None:
        """Write the node's files; the data is its own."""
        own = self._directory
        for directory in (own, own / "data", own / "log"):
            directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        settings = SETTINGS.format(
            port=self._ports["rabbitmq"],
            definitions=own / "definitions.json",
            wal=64 * 1024**2 if profile == "local" else 16 * 1024**2,
        )
        write_private(own / "rabbitmq.conf", settings)
        write_private(own / "rabbitmq-env.conf", "")
        write_private(own / "enabled_plugins", "[].\n")
        write_private(own / "definitions.json", json.dumps(self.definitions(), indent=1) + "\n")
        if write_private(own / ".erlang.cookie", self._secrets.value("erlang-cookie")):
            (own / ".erlang.cookie").chmod(0o400)

    def definitions(self) -> dict[str, list[dict[str, object]]]:
        """Users, vhost, permissions, exchanges and queues, as the node imports them."""
        sections: dict[str, list[dict[str, object]]] = defaultdict(list, vhosts=[{"name": VHOST}])
        for name, (configure, write, read) in self._rights().items():
            # The salt is fixed per user, so that the definitions change only with the password.
            hashed = hash_password(self._password(name), salt=name.encode()[:4].ljust(4))
            sections["users"].append(user(name, hashed, tags="administrator" if name == ADMIN else ""))
            rights = {"configure": configure, "write": write, "read": read}
            sections["permissions"].append({"user": name, "vhost": VHOST, **rights})
        shelves = [entry for service in self._services for entry in kept(service, stream_of(service), VHOST)]
        subscribed = [entry for each in self._subscriptions for entry in each.definitions(VHOST)]
        for section, entry in [*shelves, *subscribed]:
            sections[section].append(entry)
        return dict(sections)

    def _rights(self) -> dict[str, tuple[str, str, str]]:
        """What each of our users may configure, write and read."""
        rights = {ADMIN: (".*", ".*", ".*")}
        for service in self._services:
            own = rf"^{service}\..*$"
            rights[service] = (own, own, rf"^({service}\..*|[a-z]+\.events)$")
        own = rf"^{ANALYTICS}\..*$"
        rights[ANALYTICS] = (own, own, rf"^({ANALYTICS}\..*|[a-z]+\.stream)$")
        return rights

    def learn(self) -> None:
        """Have the running node import the definitions as they are now."""
        file = self._directory / "definitions.json"
        write_private(file, json.dumps(self.definitions(), indent=1) + "\n")
        self._control("import_definitions", str(file))

    def forget(self, subscription: Subscription) -> None:
        """Have the running node delete an analyst's user, which ends the user's connections, and what was kept."""
        self._control("delete_user", subscription.user)
        address = address_of(self.url(ADMIN))
        with amqp.Connection(
            address["host"], address["user"], address["password"], virtual_host=address["vhost"]
        ) as connection:
            channel = connection.channel()
            for service in subscription.services:
                source = subscription.source(service)
                channel.queue_delete(subscription.stash(service).name)
                channel.queue_delete(f"{source}.last")
                channel.exchange_delete(exchange_of(source))

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
        (self._directory / "data").mkdir(parents=True, mode=0o700)

    # A given broker: the services use the URL's user, only the exchanges are ours to make.

    def declare_exchanges(self) -> None:
        address = address_of(self.url(ADMIN))
        with amqp.Connection(
            address["host"], address["user"], address["password"], virtual_host=address["vhost"], ssl=address["ssl"]
        ) as connection:
            for service in self._services:
                connection.channel().exchange_declare(f"{service}.events", "topic", durable=True, auto_delete=False)


def find_programs() -> Path:
    """The directory of the node's own scripts: the wrappers in /usr/sbin insist on the machine's user and paths."""
    given = os.environ.get("NANUM_RABBITMQ_BIN")
    directory = Path(given or "/usr/lib/rabbitmq/bin")
    if not (directory / "rabbitmq-server").exists():
        if given:
            raise InstallationError(
                f"There is no rabbitmq-server in NANUM_RABBITMQ_BIN={given}: correct it, or unset it."
            )
        raise InstallationError("RabbitMQ is not installed: run `apt-get install rabbitmq-server` as root.")
    return directory


def address_of(url: str) -> dict:
    """Host with port, user, password, vhost and whether TLS is meant, of an AMQP URL."""
    parts = urlsplit(url)
    port = parts.port or (5671 if parts.scheme == "amqps" else 5672)
    return {
        "host": f"{parts.hostname}:{port}",
        "user": unquote(parts.username or "guest"),
        "password": unquote(parts.password or "guest"),
        "vhost": unquote(parts.path[1:]) or "/",
        "ssl": parts.scheme == "amqps",
    }
