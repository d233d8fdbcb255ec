"""The centre under fire: an installation of its own whose programs talk to everything through fault proxies."""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import amqp
import psycopg

from deploy.local import Installation, InstallationError
from deploy.local.config import CENTRE
from deploy.local.rabbitmq import address_of
from deploy.local.supervisor import State
from deploy.seed.documents import HOUSE_RULES, read
from drills.chaos.proxy import Proxies
from services.chassis.process.runtime import service_named
from services.contracts import SERVICES

CENTRES = (CENTRE, "gwangju-nam", "gwangju-namgu-2")  # names that look alike; all have the same barcodes and numbers
SOURCES = {name: service_named(name).sources for name in SERVICES}  # what each consumer subscribes to
PAIRS = [(consumer, source) for consumer, sources in SOURCES.items() for source in sources]
PROGRAMS = (*SERVICES, "gateway")
# Jobs that may wait longer than any drill: for a reminder, a closing time, the end of a suspension or a cleaning.
LATER = ["queue_notice", "mark_overdue", "end_suspension", "finish_cleaning"]
ANSWER_WITHIN = 12  # seconds until an unanswered payment releases the items: the two minutes of the centre are too long


class Centre:
    """A running centre, its links, and the few handles that faults need."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = home or Path(tempfile.mkdtemp(prefix="nanum-chaos-"))
        self.fleet = Installation(self.home, profile="test", centres=CENTRES)
        self.proxies = Proxies()
        self.began = time.monotonic()
        self.crash_lock = threading.Lock()
        self._clock_files = {service: self.home / f"clock-{service}" for service in SERVICES}

    def now(self) -> float:
        """Seconds since this drill began."""
        return time.monotonic() - self.began

    # -- life --

    def up(self) -> None:
        """Start everything behind proxies."""
        self.fleet.home.mkdir(parents=True, exist_ok=True)
        self.fleet.ports.settle()
        self.fleet.extra_env = {name: self._env(name) for name in PROGRAMS}
        self.fleet.extra_env["seed"] = {"NANUM_HOUSE_RULES": str(self._house_rules())}
        self.fleet.up()

    def close(self, keep: bool = False) -> None:
        """Stop everything; the home is removed unless it is to be looked at."""
        self.proxies.clear()
        try:
            self.fleet.down() if keep else self.fleet.remove()
        finally:
            self.proxies.close()

    def _env(self, name: str) -> dict[str, str]:
        env = {"NANUM_LOG_LEVEL": "warning", "NANUM_SOURCES": " ".join(self._sources(name))}
        if name == "gateway":
            return env
        env["NANUM_DATABASE_URL"] = self._through(f"{name}-postgres", self.fleet.dsn(name))
        env["NANUM_AMQP_URL"] = self._through(f"{name}-rabbitmq", self.fleet.amqp_url(name))
        env["NANUM_CLOCK_OFFSET_FILE"] = str(self._clock_files[name])
        if name == "billing":
            env["NANUM_TERMINAL_URL"] = self._through("billing-terminal", self.fleet.address("terminal"))
        if name == "notifications":
            env["NANUM_SMTP_URL"] = self._through("notifications-mailbox", f"smtp://{self.fleet.listen('mailbox')}")
        return env

    def _sources(self, name: str) -> list[str]:
        wanted = SERVICES if name == "gateway" else SOURCES[name]
        direct = {service: self.fleet.address(service) for service in SERVICES}
        proxied = {service: self._through(f"{name}-{service}", direct[service]) for service in wanted}
        return [f"{service}={url}" for service, url in (direct | proxied).items()]

    def _through(self, link: str, url: str) -> str:
        at = urlsplit(url)
        port = self.proxies.add(link, at.port or 0)
        return urlunsplit(at._replace(netloc=at.netloc.replace(f":{at.port}", f":{port}")))

    def _house_rules(self) -> Path:
        rules = read(HOUSE_RULES)
        rules["payments"]["answer_within_seconds"] = ANSWER_WITHIN
        path = self.home / "house-rules.yaml"
        path.write_text(json.dumps(rules, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
        return path

    # -- processes --

    def state(self, name: str) -> State | None:
        """What the supervisor knows of a process."""
        return self.fleet.supervisor.states().get(name)

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process that runs; its pid. Raises InstallationError when it doesn't run now."""
        state = self.state(name)
        if state is None or not state.pid or state.state != "RUNNING":
            raise InstallationError(f"{name} is not running now")
        os.kill(state.pid, number)
        return state.pid

    def rearm(self, name: str, failpoint: str | None) -> None:
        """Start a service anew with a failpoint armed, or with none."""
        with self.crash_lock:
            env = dict(self.fleet.extra_env[name])
            env.pop("NANUM_FAILPOINT", None)
            if failpoint:
                env["NANUM_FAILPOINT"] = failpoint
            self.fleet.extra_env = {**self.fleet.extra_env, name: env}
            self.fleet.supervisor.apply(self.fleet.processes, attached=True)
            self.fleet.supervisor.start([name])

    def jump(self, service: str, seconds: float) -> None:
        """Set a service's clock off by so many seconds; 0 sets it right."""
        path = self._clock_files[service]
        part = path.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(path)

    # -- servers, not through a proxy --

    def sql(self, service: str) -> psycopg.Connection:
        """A superuser's connection to a service's database."""
        dsn = self.fleet.postgres.superuser_dsn(f"nanum_{service}")
        return psycopg.connect(dsn, autocommit=True, connect_timeout=3)

    @contextmanager
    def amqp(self, read_timeout: float = 5) -> Iterator[amqp.Channel]:
        """A channel of the broker's administrator. Raises OSError or amqp.AMQPError."""
        address = address_of(self.fleet.amqp_url())
        user = {"userid": address["user"], "password": address["password"], "virtual_host": address["vhost"]}
        with amqp.Connection(address["host"], **user, read_timeout=read_timeout, write_timeout=5) as conn:
            yield conn.channel()

    # -- the end of all faults --

    def heal(self) -> None:
        """Take back whatever may still be wrong, and wait until every process is ready."""
        self.proxies.clear()
        for service in SERVICES:
            self.jump(service, 0)
        for name, state in self.fleet.supervisor.states().items():
            if state.pid:
                os.kill(state.pid, signal.SIGCONT)
            if not state.alive:
                self.fleet.supervisor.start([name])
        for name in SERVICES:
            if "NANUM_FAILPOINT" in self.fleet.extra_env[name]:
                self.rearm(name, None)
        self.fleet.wait_ready(["postgres", "epmd", "rabbitmq", "terminal", "mailbox", *PROGRAMS])
