"""The process supervisor: its configuration, its life, and what it is asked to do."""

from __future__ import annotations

import contextlib
import os
import resource
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local import directories
from deploy.local.problems import InstallationError, end_of
from deploy.local.processes import Process
from deploy.local.runtime import ROOT
from deploy.local.secrets import write_private
from deploy.local.users import command_as

MARK = "NANUM_PROCESS_OF"  # in the environment of everything that runs: whose it is
KEPT_ENV = ("PATH", "LANG", "TMPDIR")
WANTED_FILES = 65_536  # open files; each connection of a client is one

HEAD = """\
[supervisord]
logfile={logs}/supervisor.log
logfile_maxbytes=1MB
logfile_backups=2
pidfile={run}/supervisor.pid
minfds={files}
umask=077
identifier=nanum

[unix_http_server]
file={run}/supervisor.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command={command}
environment={environment}
directory={directory}
autostart=false
autorestart=true
startsecs=1
startretries=10
stopsignal={stop_signal}
stopwaitsecs=20
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


@dataclass(frozen=True)
class State:
    """What the supervisor knows of a process: its word (RUNNING, BACKOFF, ...) and the pid, 0 if none."""

    state: str
    pid: int
    detail: str

    @property
    def alive(self) -> bool:
        return self.state in ("RUNNING", "STARTING")


class Supervisor:
    """One supervisord of our own, spoken to over its unix socket."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._config = home / "supervisor.conf"
        self._logs = home / "logs"
        self._link = home / "run"

    @property
    def running(self) -> bool:
        try:
            return bool(self._rpc.getState()["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    @property
    def pid(self) -> int:
        return int(self._rpc.getPID())

    def apply(self, processes: list[Process], *, attached: bool = False) -> None:
        """Have a supervisor that knows these processes; those whose settings changed are stopped.

        An attached supervisor ends with the process that started it; otherwise it stays.
        """
        self._logs.mkdir(parents=True, mode=0o700, exist_ok=True)
        changed = write_private(self._config, self._render(processes))
        if not self.running:
            self._launch(attached)
        elif changed:
            [[added, other, removed]] = self._rpc.reloadConfig()
            for name in [*other, *removed]:
                self.stop([name])
                self._rpc.removeProcessGroup(name)
            for name in [*added, *other]:
                self._rpc.addProcessGroup(name)

    def states(self) -> dict[str, State]:
        if not self.running:
            return {}
        known = self._rpc.getAllProcessInfo()
        return {info["name"]: State(info["statename"], info["pid"], info["description"]) for info in known}

    def start(self, names: Iterable[str]) -> None:
        for name in names:
            self._ask("startProcess", name, Faults.ALREADY_STARTED)

    def stop(self, names: Iterable[str], patience: float = 30.0) -> None:
        """Stop the processes together, and wait until they are gone (after 20 s the supervisor kills)."""
        names = list(names)
        for name in names:
            self._ask("stopProcess", name, Faults.NOT_RUNNING)
        if not _until(lambda: not any(s.pid for name, s in self.states().items() if name in names), patience):
            raise InstallationError(f"These did not stop within {patience:.0f} s: {', '.join(names)}.")

    def shutdown(self) -> None:
        """End the supervisor and everything that still runs under it, also what an earlier one left behind."""
        if self.running:
            pid, names = self.pid, list(self.states())
            self.stop(names)
            for name in names:
                self._rpc.removeProcessGroup(name)  # it would take a second for each that it still knows
            self._rpc.shutdown()
            _until(lambda: not exists(pid), 40.0)
        self.sweep()

    def sweep(self) -> None:
        """End processes of this installation that no supervisor minds (its own was killed)."""
        for end, patience in ((psutil.Process.terminate, 10.0), (psutil.Process.kill, 5.0)):
            for process in self._marked():
                with contextlib.suppress(psutil.NoSuchProcess):
                    end(process)
            if _until(lambda: next(self._marked(), None) is None, patience):
                return

    def _ask(self, method: str, name: str, ignored: int) -> None:
        try:
            getattr(self._rpc, method)(name, False)
        except xmlrpc.client.Fault as error:
            if error.faultCode == Faults.BAD_NAME:
                raise InstallationError(f"There is no process {name!r} here: see `./nanum status`.") from None
            if error.faultCode != ignored:
                raise InstallationError(f"{name} cannot be started or stopped: {error.faultString}") from None

    @property
    def _rpc(self) -> Any:
        socket = self._link.resolve() / "supervisor.sock"
        transport = SupervisorTransport(None, None, serverurl=f"unix://{socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def _render(self, processes: list[Process]) -> str:
        run = directories.place(self._link, longest_socket="supervisor.sock.4194304")
        places = {"logs": _escape(str(self._logs)), "run": _escape(str(run))}
        sections = [HEAD.format(files=open_files(), **places)]
        for process in processes:
            text = PROGRAM.format(
                name=process.name,
                command=_escape(shlex.join(command_as(process.uid, process.argv))),
                environment=_environment({**process.env, MARK: str(self._home)}),
                stop_signal=process.stop_signal,
                directory=_escape(str(process.directory)),
                **places,
            )
            sections.append(text)
        return "".join(sections)

    def _launch(self, attached: bool) -> None:
        self.sweep()
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        if attached:
            # The kernel tells it when its parent is gone, even if that one was killed.
            command = ["setpriv", "--pdeathsig", "TERM", *command, "--nodaemon"]
        env = {name: os.environ[name] for name in KEPT_ENV if name in os.environ}
        env |= {"HOME": str(self._home), "PYTHONUNBUFFERED": "1"}
        # Not marked, so that a sweep never ends the supervisor itself.
        log = self._logs / "supervisor-start.log"
        with log.open("wb") as output:
            started = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C is for the one who started it
            )
        if not _until(lambda: bool(self.running or started.poll()), 20.0) or started.poll():
            raise InstallationError(f"The process supervisor does not start. {end_of(log)}")

    def _marked(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.environ().get(MARK) == str(self._home):
                    yield process


def open_files() -> int:
    """How many files each process may have open: what the machine allows, within reason."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED_FILES if most == resource.RLIM_INFINITY else min(most, WANTED_FILES)


def _until(done: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def exists(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected by its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment(env: dict[str, str]) -> str:
    pairs = []
    for name, value in sorted(env.items()):
        quote = "'" if '"' in value else '"'
        if quote in value or "\n" in value:
            raise InstallationError(f"The value of {name} has both kinds of quotes or a line break: leave one out.")
        pairs.append(f"{name}={quote}{_escape(value)}{quote}")
    return ",".join(pairs)


def _escape(text: str) -> str:
    return text.replace("%", "%%")
