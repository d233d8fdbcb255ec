"""The examination of an installation: what runs, and findings that are fine or say what to do."""

from __future__ import annotations

import contextlib
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import psycopg

from deploy.local import postgres, programs, rabbitmq
from deploy.local.config import PORTS, Config
from deploy.local.installation import Installation
from deploy.local.ports import is_free
from deploy.local.problems import InstallationError, NotReady
from deploy.local.supervisor import open_files
from services.contracts import SERVICES

ENOUGH_FILES = 4096  # a connection of a client is one
ENOUGH_DISK = 1.0  # GiB; the broker refuses messages below 0.25


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `text` of what is not fine ends with what to do."""

    fine: bool
    text: str


def examine(installation: Installation) -> Iterator[Finding]:
    """Look at packages, disk, ports, secrets, and at the running servers."""
    yield from _packages()
    yield _disk(installation)
    yield _limits()
    if not installation.exists:
        yield Finding(False, "Nothing is installed here yet: run `./nanum up`.")
        return
    yield _secrets(installation)
    yield from _ports(installation)
    if not installation.supervisor.running:
        yield Finding(False, "Nanum is not running: run `./nanum up`.")
        return
    yield from _durability(installation)
    yield _broker(installation)
    current = programs.is_current(installation)
    changed = "The sources changed since the last start: run `./nanum up`."
    yield Finding(current, "Schemas and programs are those of these sources" if current else changed)


def _packages() -> Iterator[Finding]:
    for name, find in (("Postgres", postgres.find_programs), ("RabbitMQ", rabbitmq.find_programs)):
        try:
            yield Finding(True, f"{name} is installed in {find()}")
        except InstallationError as error:
            yield Finding(False, str(error))


def _disk(config: Config) -> Finding:
    existing = next(place for place in (config.home, *config.home.parents) if place.exists())
    free = shutil.disk_usage(existing).free / 1024**3
    more = "" if free >= ENOUGH_DISK else f": make room for {ENOUGH_DISK} GiB."
    return Finding(not more, f"{free:.1f} GiB are free in {existing}{more}")


def _secrets(config: Config) -> Finding:
    """Whether only their owners can read the files; what users of processes pass through shows nothing to them."""
    home, secrets = config.home, config.secrets.directory
    files = [*secrets.iterdir(), *(home / "private").glob("*/*"), home / "supervisor.conf"]
    places = [home / name for name in ("secrets", "logs", "mail", "terminal", "postgres", "rabbitmq")]
    private = [*files, *(place for place in places if place.exists())]
    opened = [file for file in private if stat.S_IMODE(file.stat().st_mode) & 0o077]
    if opened:
        return Finding(False, f"Others can read {opened[0]}: run `chmod go= {' '.join(map(str, opened))}`.")
    return Finding(True, f"{len(private)} secret files and directories are closed to others")


def _limits() -> Finding:
    files = open_files()
    more = "" if files >= ENOUGH_FILES else f": raise the limit to {ENOUGH_FILES} (`ulimit -Hn`), then start anew."
    return Finding(not more, f"A process may have {files} files and connections open{more}")


def _ports(installation: Installation) -> Iterator[Finding]:
    running = {name for name, state in installation.supervisor.states().items() if state.pid}
    down = {process.name: process.port for process in installation.processes if process.name not in running}
    taken = {name: port for name, port in down.items() if not is_free(port)}
    for name, port in taken.items():
        yield Finding(False, f"Port {port} of {name} is taken by another program: run `./nanum down` and `./nanum up`.")
    if not taken:
        numbers = [installation.ports[name] for name in PORTS]
        yield Finding(True, f"{len(numbers)} ports are ours ({min(numbers)} to {max(numbers)}, on 127.0.0.1)")


def _durability(config: Config) -> Iterator[Finding]:
    names = ("fsync", "synchronous_commit", "full_page_writes")
    try:
        with config.postgres.session() as connection:
            off = [name for name in names if connection.execute(f"SHOW {name}").fetchone() == ("off",)]
            version = connection.info.parameter_status("server_version")
    except psycopg.Error as error:
        yield Finding(False, f"Postgres cannot be reached ({error}): see `./nanum logs postgres`.")
        return
    yield Finding(True, f"Postgres {version} answers")
    for name in off:
        yield Finding(False, f"Postgres runs with {name} = off and may lose commits: turn it on.")
    if not off:
        yield Finding(True, f"What Postgres committed is on the disk ({', '.join(names)})")


def _broker(config: Config) -> Finding:
    for user in SERVICES:
        try:
            config.rabbitmq.check(user)
        except NotReady as reason:
            return Finding(False, f"{user} cannot reach the broker ({reason}): see `./nanum logs rabbitmq`.")
    return Finding(True, "The broker lets every service in, and has its exchange")


@dataclass(frozen=True)
class Row:
    """A process: `state` is "ready" or says what is wrong; pid and memory (MiB) are 0 if it does not run."""

    name: str
    state: str
    pid: int
    port: int
    memory: float

    @property
    def up(self) -> bool:
        return self.state == "ready"


def rows(installation: Installation) -> list[Row]:
    """A row for each process."""
    states, found = installation.supervisor.states(), []
    for process in installation.processes:
        state = states.get(process.name)
        answer, pid = (state.state.lower(), state.pid) if state else ("stopped", 0)
        if pid:
            try:
                process.ready()
                answer = "ready"
            except NotReady as reason:
                answer = f"not ready: {reason}"
        found.append(Row(process.name, answer, pid, process.port, _memory(pid) if pid else 0.0))
    return found


def _memory(pid: int) -> float:
    """MiB of a process and its children; pages that it shares with others (Postgres' buffers) count in part."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in (found := psutil.Process(pid), *found.children(recursive=True)):
            try:
                total += process.memory_full_info().pss
            except psutil.AccessDenied:  # of another user
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    return total / 1024**2
