"""One local installation: what an operator or a test does with it. How, is in the modules beside."""

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from deploy.local import backup as backups
from deploy.local import directories, processes, programs, tokens
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres
from deploy.local.problems import InstallationError, NotReady
from deploy.local.processes import CENTRE, SERVERS, SERVICES, Process
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.secrets import Secrets, write_private
from deploy.local.subscriptions import Subscription, Subscriptions
from deploy.local.supervisor import Supervisor

PATIENCE = 180.0  # seconds until a process has to be ready
TRIES = 3  # how often a process may end by itself before we give up waiting for it
GIVEN = {"postgres": "NANUM_POSTGRES_URL", "rabbitmq": "NANUM_AMQP_ADMIN_URL"}

Progress = Callable[[str], None]


def silent(_step: str) -> None:
    """The progress of nobody watching."""


class Installation:
    """Everything under one home: servers, programs, ports, secrets, data, logs.

    `profile` is "local", or "test" (smaller buffers; the servers end with the process that started them).
    `extra_env` adds environment to processes, by name: `{"billing": {"NANUM_LOG_LEVEL": "debug"}}`.
    """

    def __init__(
        self,
        home: Path,
        profile: str = "local",
        extra_env: Mapping[str, Mapping[str, str]] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.home = Path(home).resolve()
        self.profile = profile
        self.extra_env = dict(extra_env or {})
        self.secrets = Secrets(self.home / "secrets")
        self.ports = Ports(self.home / "ports.json", processes.PORTS, {} if profile == "test" else None)
        self._given = {server: self._given_url(environ, server) for server in GIVEN}
        self.subscriptions = Subscriptions(self.home / "subscriptions.json")
        self.supervisor = Supervisor(self.home)
        self._applied = self.home / "applied"

    @property
    def exists(self) -> bool:
        """Whether there ever was an `up`."""
        return (self.home / "supervisor.conf").exists()

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.home, self.secrets, self.ports["postgres"], self.profile, self._given["postgres"])

    @property
    def rabbitmq(self) -> RabbitMQ:
        ports = {name: self.ports[name] for name in ("rabbitmq", "epmd", "rabbitmq-nodes")}
        return RabbitMQ(self.home, self.secrets, ports, SERVICES, self._given["rabbitmq"])

    @property
    def processes(self) -> list[Process]:
        """The processes in the order in which they start, with the extra environment."""
        table = processes.table(self)
        return [replace(each, env={**each.env, **self.extra_env.get(each.name, {})}) for each in table]

    @property
    def current(self) -> bool:
        """Whether the databases have the schema of these sources, and the programs started from them."""
        return self._applied.exists() and self._applied.read_text() == programs.fingerprint()

    # Addresses, for programs, people and tests.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def dsn(self, service: str, role: str = "app") -> str:
        """URL of the service's database for the role `owner`, `app` or `ro`."""
        return self.postgres.dsn(service, role)

    def amqp_url(self, user: str = "admin") -> str:
        return self.rabbitmq.url(user)

    def token(self, role: str, subject: str | None = None) -> str:
        """A bearer token for `resident`, `desk`, `manager` or `analyst`, good for 12 hours."""
        return tokens.mint(self.secrets.value("token"), role, CENTRE, subject)

    def env(self, process: str) -> dict[str, str]:
        """The environment that the process is started with."""
        return dict(self._process(process).env)

    # Life.

    def up(self, only: Collection[str] | None = None, progress: Progress = silent) -> bool:
        """Start what is not running (all, or the named processes and what they need) and wait until it is ready.

        Returns whether anything had to be done. Raises InstallationError, with the reason, if it does not succeed.
        """
        with self._alone():
            names = self._prepare(only)
            wanted = [process for process in self.processes if process.name in names]
            stale = not self.current
            if not stale and names <= self._alive():
                self.wait_ready(names)
                return False
            if stale:
                self._stop_programs()
            self._start_in_order(wanted, progress)
            self._applied.write_text(programs.fingerprint())
            return True

    def down(self) -> None:
        """Stop everything, programs first; nothing of this installation runs afterwards."""
        if not self.exists:
            return
        with self._alone():
            if self.supervisor.running:
                self._stop_programs()
                self.supervisor.stop(name for name in SERVERS if name != "epmd" and name in self.supervisor.states())
            self.supervisor.shutdown()

    def remove(self) -> None:
        """Stop everything and delete the home with all data (and our databases on a given server)."""
        self.down()
        if self._given["postgres"]:
            self.postgres.drop_databases(SERVICES)
        for link in (self.home / "postgres", self.home / "run"):
            directories.remove(link)
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self, name: str, progress: Progress = silent) -> None:
        """Start one process and wait until it is ready."""
        self._process(name)
        self._need_supervisor()
        self.supervisor.start([name])
        self.wait_ready({name}, progress)

    def stop(self, name: str) -> None:
        """Stop one process in order; it stays down until `start` or `up`."""
        self._process(name)
        self._need_supervisor()
        self.supervisor.stop([name])

    def kill(self, name: str) -> int:
        """kill -9; the supervisor starts the process again. Returns the pid that is gone."""
        self._process(name)
        state = self.supervisor.states().get(name)
        if state is None or not state.pid:
            raise InstallationError(f"{name} is not running: there is nothing to kill.")
        os.kill(state.pid, signal.SIGKILL)
        return state.pid

    def broker_stop(self) -> None:
        self._own_broker()
        self.stop("rabbitmq")

    def broker_start(self) -> None:
        self._own_broker()
        self.start("rabbitmq")

    def broker_wipe(self) -> None:
        """Stop the broker, delete all its data (queues, messages, users) and start it again."""
        self.broker_stop()
        self.rabbitmq.wipe()
        self.broker_start()

    def backup(self, file: Path, progress: Progress = silent) -> None:
        """Write all data into one file; see `deploy.local.backup`."""
        self._need_supervisor()
        backups.backup(self, Path(file).resolve(), progress)

    def restore(self, file: Path, progress: Progress = silent) -> None:
        """Put a backup in the place of all data, empty the broker, and start everything again."""
        self._need_supervisor()
        with backups.opened(self, Path(file).resolve()) as dumps:  # before anything is stopped: it may be no backup
            with self._alone():
                self._stop_programs()
            backups.restore(self, dumps, progress)
        if not self._given["rabbitmq"]:
            self.broker_wipe()
        self.up(progress=progress)

    def subscribe(self, name: str, kind: str, services: Collection[str]) -> tuple[Subscription, str]:
        """Let an analyst read the services' events at the broker. Returns the subscription and the user's password."""
        self.subscriptions.check_new(name, kind)
        unknown = set(services) - set(SERVICES)
        if unknown or not services:
            raise InstallationError(f"There is no service {min(unknown, default='')!r}: use {', '.join(SERVICES)}.")
        return self._enter(name, kind, services)

    def renew(self, name: str) -> tuple[Subscription, str]:
        """Give a subscription a new password; the old one is good no more."""
        known = self.subscriptions.named(name)
        return self._enter(name, known.kind, known.services)

    def unsubscribe(self, name: str) -> None:
        """End a subscription: the user and the queues are deleted."""
        known = self.subscriptions.named(name)
        self._own_broker()
        self._need_supervisor()
        self.subscriptions.remove(name)
        self._refill()
        self.rabbitmq.learn()
        self.rabbitmq.forget(known)

    def wait_ready(self, names: Collection[str], progress: Progress = silent, patience: float = PATIENCE) -> None:
        """Wait until the processes answer; raises InstallationError with the reason and the end of the log."""
        waiting = {process.name: process for process in self.processes if process.name in names}
        pids: dict[str, set[int]] = {name: set() for name in waiting}
        deadline = time.monotonic() + patience
        while waiting:
            states = self.supervisor.states()
            for name, process in list(waiting.items()):
                state = states.get(name)
                pids[name].add(state.pid if state else 0)
                try:
                    if state is None or not state.alive:
                        raise NotReady(f"{state.state.lower()}: {state.detail}" if state else "not started")
                    process.ready()
                except NotReady as reason:
                    ended = (state is not None and state.state == "FATAL") or len(pids[name] - {0}) > TRIES
                    if ended or time.monotonic() > deadline:
                        raise self._not_ready(name, reason) from None
                else:
                    del waiting[name]
                    progress(f"{name} is ready")
            if waiting:
                time.sleep(0.1)

    # Inside.

    def _prepare(self, only: Collection[str] | None) -> set[str]:
        """Ports, secrets, the wanted servers' own files, the supervisor. Returns what has to run."""
        if not self.supervisor.running:
            self.supervisor.sweep()
        alive = self._alive()
        self.ports.settle(running=alive | ({"rabbitmq-nodes"} if "rabbitmq" in alive else set()))
        for server, url in self._given.items():
            if url:
                write_private(self.secrets.path(f"given-{server}-url"), url)
        wanted = {process.name for process in processes.with_needs(self.processes, self._known(only))}
        if "postgres" in wanted:
            self.postgres.prepare()
        if "rabbitmq" in wanted:
            self.rabbitmq.prepare(self.profile)
        self.supervisor.apply(self.processes, attached=self.profile == "test")
        return wanted

    def _enter(self, name: str, kind: str, services: Collection[str]) -> tuple[Subscription, str]:
        self._own_broker()
        self._need_supervisor()
        entered = self.subscriptions.add(name, kind, services)
        self.rabbitmq.learn()
        self._refill()
        return entered

    def _refill(self) -> None:
        """Have the analysts' queues filled as the subscriptions say now."""
        self.ports.settle(running=self._alive() | {"rabbitmq-nodes"})
        self.supervisor.apply(self.processes, attached=self.profile == "test")
        if any(process.name == "analytics" for process in self.processes):
            self.start("analytics")

    def _start_in_order(self, wanted: list[Process], progress: Progress) -> None:
        """Servers, databases, schemas, programs, seed: each stands on the one before."""
        servers = [process.name for process in wanted if process.name in SERVERS]
        others = [process.name for process in wanted if process.name not in SERVERS]
        services = [name for name in others if name in SERVICES]
        self.supervisor.start(servers)
        if "postgres" in servers or self._given["postgres"]:
            self.wait_ready({"postgres"} & set(servers), progress)
            self.postgres.create_databases(SERVICES)
            progress("databases and roles are there")
        if services:
            programs.migrate(self, services)
            progress("schemas are current")
        self.wait_ready(set(servers) - {"postgres"}, progress)
        if self._given["rabbitmq"]:
            self.rabbitmq.declare_exchanges()
        self.supervisor.start(others)
        self.wait_ready(others, progress)
        if len(services) == len(SERVICES):
            programs.seed(self)
            progress("catalogue and house rules are there")

    def _stop_programs(self) -> None:
        self.supervisor.stop(
            name for name, state in self.supervisor.states().items() if state.alive and name not in SERVERS
        )

    def _alive(self) -> set[str]:
        return {name for name, state in self.supervisor.states().items() if state.alive}

    def _known(self, only: Collection[str] | None) -> Collection[str]:
        names = [process.name for process in self.processes]
        unknown = set(only or ()) - set(names) - set(SERVERS)
        if unknown:
            raise InstallationError(f"There is no process {sorted(unknown)[0]!r}: use {', '.join(names)}.")
        return names if only is None else only

    def _process(self, name: str) -> Process:
        for process in self.processes:
            if process.name == name:
                return process
        raise InstallationError(f"There is no process {name!r}: use {', '.join(p.name for p in self.processes)}.")

    def _not_ready(self, name: str, reason: NotReady) -> InstallationError:
        log = self.home / "logs" / f"{name}.log"
        return InstallationError(
            f"{name} does not get ready ({reason}). The end of {log}:\n{self.supervisor.tail(name)}"
        )

    def _need_supervisor(self) -> None:
        if not self.supervisor.running:
            raise InstallationError("Nanum is not running here: start it with `./nanum up`.")

    def _own_broker(self) -> None:
        if self._given["rabbitmq"]:
            raise InstallationError(f"The broker was given by {GIVEN['rabbitmq']}: stop and start it where it runs.")

    def _given_url(self, environ: Mapping[str, str], server: str) -> str | None:
        """A server given once stays given, also for commands that are run without the variable."""
        remembered = self.secrets.directory / f"given-{server}-url"
        return environ.get(GIVEN[server]) or (remembered.read_text() if remembered.exists() else None)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `down` at a time; the home is there."""
        # Postgres runs as another user when we are root, and has to get through to its directory.
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o711 if os.geteuid() == 0 else 0o700)
        with open(self.home / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
