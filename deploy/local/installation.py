"""One local installation, as the command line and the tests use it: its life, its data, its analysts."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from deploy.local import archive, directories, programs
from deploy.local import backup as backups
from deploy.local.config import SERVERS, Config, Progress, silent
from deploy.local.problems import InstallationError, NotReady, end_of
from deploy.local.processes import Process, process_named, table, with_required
from deploy.local.supervisor import Supervisor
from deploy.local.tokens import USES
from deploy.local.users import own_directory
from integrations.analysts.subscriptions import Subscription
from services.contracts import SERVICES

PATIENCE = 180.0  # seconds until a process has to be ready
TRIES = 3  # how often a process may end by itself before we give up waiting for it


class Installation(Config):
    """A config whose processes run under a supervisor: servers and programs, data, backups, subscriptions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.supervisor = Supervisor(self.home)

    @property
    def processes(self) -> list[Process]:
        """The processes in the order in which they start."""
        return table(self)

    def env(self, process: str) -> dict[str, str]:
        """The environment that the process is started with."""
        return process_named(self, process).env

    def up(self, only: Collection[str] | None = None, progress: Progress = silent) -> bool:
        """Start what is not running (all, or the named processes and what they need) and wait until it is ready.

        Returns whether anything had to be done. Raises InstallationError, with the reason, if it does not succeed.
        """
        with self._locked():
            wanted = self._prepare(only)
            names = {process.name for process in wanted}
            stale = not programs.is_current(self)
            if not stale and names <= self._alive():
                self.wait_ready(names)
                return False
            if stale:
                self._stop_programs()
                self.runtime.prepare()
            self._start_in_order(wanted, progress)
            programs.mark_current(self)
            return True

    def down(self) -> None:
        """Stop everything, programs first; nothing of this installation runs afterwards."""
        if self.exists:
            with self._locked():
                if self.supervisor.running:
                    self._stop_programs()
                    # The name server has to outlive the broker, which tells it that it goes.
                    self.supervisor.stop({"postgres", "rabbitmq"} & self.supervisor.states().keys())
                self.supervisor.shutdown()

    def remove(self) -> None:
        """Stop everything and delete the home with all data."""
        self.down()
        shutil.rmtree((self.home / "run").resolve(), ignore_errors=True)  # it may lie elsewhere
        shutil.rmtree(self.home, ignore_errors=True)
        if self.wanted_home.is_symlink():
            self.wanted_home.unlink()

    def start(self, name: str, progress: Progress = silent) -> None:
        """Start one process and wait until it is ready."""
        process_named(self, name)
        self.require_running()
        self.supervisor.start([name])
        self.wait_ready({name}, progress)

    def stop(self, name: str) -> None:
        """Stop one process in order; it stays down until ``start`` or ``up``."""
        process_named(self, name)
        self.require_running()
        self.supervisor.stop([name])

    def kill(self, name: str) -> int:
        """kill -9; the supervisor starts the process again. Returns the pid that is gone."""
        process_named(self, name)
        state = self.supervisor.states().get(name)
        if state is None or not state.pid:
            raise InstallationError(f"{name} is not running: there is nothing to kill.")
        os.kill(state.pid, signal.SIGKILL)
        return state.pid

    def require_running(self) -> None:
        """Raises InstallationError when nothing was started."""
        if not self.supervisor.running:
            raise InstallationError("Nanum is not running here: start it with `./nanum up`.")

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
                        end = end_of(self.home / "logs" / f"{name}.log")
                        raise InstallationError(f"{name} does not get ready ({reason}). {end}") from None
                else:
                    del waiting[name]
                    progress(f"{name} is ready")
            if waiting:
                time.sleep(0.1)

    def broker_stop(self) -> None:
        """Stop the broker."""
        self.stop("rabbitmq")

    def broker_start(self) -> None:
        """Start the broker and wait until it is ready."""
        self.start("rabbitmq")

    def broker_wipe(self) -> None:
        """Stop the broker, delete all its data (queues, messages, users) and start it again."""
        self.broker_stop()
        self.rabbitmq.wipe()
        self.broker_start()

    def backup(self, to: Path, progress: Progress = silent, keep: int | None = None, days: float | None = None) -> Path:
        """Write all data into a file, or a new one in a directory, which may be pruned; see ``deploy.local.backup``.

        Returns the file.
        """
        self.require_running()
        to = Path(to).absolute()
        if not to.is_dir() and (keep, days) != (None, None):
            raise InstallationError(f"{to} is no directory: only a directory of backups can be pruned.")
        file = to / archive.name_now() if to.is_dir() else to
        backups.backup(self, file, progress)
        for old in archive.prune(to, keep, days) if to.is_dir() else []:
            progress(f"{old.name} is deleted")
        return file

    def restore(self, file: Path, progress: Progress = silent) -> datetime:
        """Put a backup in the place of all data, empty the broker, start everything again. Returns when it was made."""
        self.require_running()
        with archive.opened(Path(file).absolute(), self.home) as (_, manifest):
            pass  # before anything is stopped: it may be no backup
        with self._locked():
            self._stop_programs()
        backups.restore(self, Path(file).absolute(), progress)
        self.broker_wipe()
        self.up(progress=progress)
        return datetime.fromisoformat(manifest["made_at"])

    def rotate_key(self, use: str) -> str:
        """Sign with a new key from now on; older tokens stay good. Returns its ``kid``."""
        if use not in USES:
            raise InstallationError(f"There are no keys for {use!r}: use {' or '.join(USES)}.")
        kid = self.token_keys.rotate(use)["kid"]
        self._hand_out()
        return str(kid)

    def retire_key(self, kid: str) -> None:
        """End a key that signs no more, with every token of it."""
        self.token_keys.retire(kid)
        self._hand_out()

    def revoke(self, token: str | None = None, subject: str | None = None) -> str:
        """End one token (whole, or its ``jti``), or all that a subject was given until now. Returns which."""
        revoked = self.revoked.token(token) if token else self.revoked.subject(str(subject))
        self._hand_out()
        return revoked

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
        self.require_running()
        self.subscriptions.remove(name)
        self._refresh_analytics()
        self.rabbitmq.delete_subscription(known)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One ``up`` or ``down`` at a time; the home is there."""
        directories.make_home(self.wanted_home, self.home)
        with open(self.home / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prepare(self, only: Collection[str] | None) -> list[Process]:
        """Ports, secrets, the wanted servers' own files, the supervisor. Returns what has to run, in order."""
        if not self.supervisor.running:
            self.supervisor.sweep()
        self._settle_ports()
        wanted = with_required(self, only)
        names = {process.name for process in wanted}
        if "postgres" in names:
            self.postgres.prepare()
        if "rabbitmq" in names:
            self.rabbitmq.prepare(self.profile)
        self._apply()
        return wanted

    def _start_in_order(self, wanted: list[Process], progress: Progress) -> None:
        """Servers, databases, schemas, programs, seed: each needs the one before."""
        servers = [process.name for process in wanted if process.name in SERVERS]
        others = [process.name for process in wanted if process.name not in SERVERS]
        services = [name for name in others if name in SERVICES]
        self.supervisor.start(servers)
        if "postgres" in servers:
            self.wait_ready({"postgres"}, progress)
            self.postgres.create_databases(SERVICES)
            progress("databases and roles are there")
        if services:
            programs.migrate(self, services)
            progress("schemas are current")
        self.wait_ready(set(servers) - {"postgres"}, progress)
        self.supervisor.start(others)
        self.wait_ready(others, progress)
        if len(services) == len(SERVICES):
            programs.seed(self)
            progress("catalogue and house rules are there")

    def _enter(self, name: str, kind: str, services: Collection[str]) -> tuple[Subscription, str]:
        self.require_running()
        entered = self.subscriptions.add(name, kind, services)
        self._refresh_analytics()
        return entered

    def _refresh_analytics(self) -> None:
        """Have the analysts' users let in, and their queues filled, as the subscriptions say now."""
        self.rabbitmq.import_definitions()
        self._settle_ports()
        self._apply()
        if any(process.name == "analytics" for process in self.processes):
            self.start("analytics")

    def _alive(self) -> set[str]:
        return {name for name, state in self.supervisor.states().items() if state.alive}

    def _stop_programs(self) -> None:
        self.supervisor.stop(self._alive() - set(SERVERS))

    def _settle_ports(self) -> None:
        alive = self._alive()
        self.ports.settle(running=alive | ({"rabbitmq-nodes"} if "rabbitmq" in alive else set()))

    def _hand_out(self) -> None:
        """Give each process its secrets and directories as they are now."""
        for process in self.processes:
            self.private.write(process.name, process.secrets, process.uid)
            for directory in process.directories:
                own_directory(directory, process.uid)

    def _apply(self) -> None:
        self._hand_out()
        self.supervisor.apply(self.processes, attached=self.profile == "test")
