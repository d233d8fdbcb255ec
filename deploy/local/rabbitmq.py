"""Our own RabbitMQ node, or a broker that the operator gave: its settings, users and exchanges.

The node loads users, permissions and exchanges from a file at every boot: a node that lost its data
comes back complete.
"""

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import amqp

from deploy.local import readiness
from deploy.local.problems import InstallationError
from deploy.local.secrets import Secrets, write_private

VHOST = "nanum"
ADMIN = "admin"
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
    """The broker, whoever runs it, with one vhost, one user and one topic exchange per service."""

    def __init__(
        self, home: Path, secrets: Secrets, ports: dict[str, int], services: tuple[str, ...], given_url: str | None
    ) -> None:
        self._directory = home.resolve() / "rabbitmq"
        self._secrets = secrets
        self._ports = ports
        self._services = services
        self.given_url = given_url

    def url(self, user: str) -> str:
        """AMQP URL of a service's user or of `admin`; on a given broker all of them are the URL's user."""
        if self.given_url:
            return self.given_url
        if user not in (*self._services, ADMIN):
            raise InstallationError(f"There is no broker user {user!r}: use {ADMIN}, {', '.join(self._services)}.")
        return f"amqp://{user}:{self._password(user)}@127.0.0.1:{self._ports['rabbitmq']}/{VHOST}"

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
        erlang = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2:2 +A 8"
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

    def definitions(self) -> dict[str, object]:
        """Users, vhost, permissions and exchanges, as the node imports them."""
        rules = {ADMIN: (".*", ".*", ".*")}
        for service in self._services:
            own = rf"^{service}\..*$"
            rules[service] = (own, own, rf"^({service}\..*|[a-z]+\.events)$")
        return {
            "vhosts": [{"name": VHOST}],
            "users": [
                {
                    "name": user,
                    "password_hash": hash_password(self._password(user), salt=user.encode()[:4].ljust(4)),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "administrator" if user == ADMIN else "",
                }
                for user in rules
            ],
            "permissions": [
                {"user": user, "vhost": VHOST, "configure": configure, "write": write, "read": read}
                for user, (configure, write, read) in rules.items()
            ],
            "exchanges": [
                {
                    "name": f"{service}.events",
                    "vhost": VHOST,
                    "type": "topic",
                    "durable": True,
                    "auto_delete": False,
                    "internal": False,
                    "arguments": {},
                }
                for service in self._services
            ],
        }

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


def hash_password(password: str, salt: bytes) -> str:
    """RabbitMQ's salted SHA-256. The salt is fixed per user, so that the definitions change only with the password."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


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
