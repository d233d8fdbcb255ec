"""The examination of an installation: each finding is fine, or says what to do."""

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from deploy.local import postgres, rabbitmq
from deploy.local.installation import Installation
from deploy.local.ports import is_free
from deploy.local.problems import InstallationError, NotReady
from deploy.local.processes import PORTS, SERVICES

ENOUGH_DISK = 1.0  # GiB; the broker refuses messages below 0.25


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `text` of what is not fine ends with what to do."""

    fine: bool
    text: str


def examine(installation: Installation) -> Iterator[Finding]:
    """Look at packages, disk, ports, secrets, and at the running servers."""
    yield from _packages(installation)
    yield _disk(installation)
    if not installation.exists:
        yield Finding(False, "Nothing is installed here yet: run `./nanum up`.")
        return
    yield _secrets(installation)
    yield from _ports(installation)
    if not installation.supervisor.running:
        yield Finding(False, "Nanum is not running: run `./nanum up`.")
        return
    yield from _durability(installation)
    yield from _broker(installation)
    yield _schema(installation)


def _packages(installation: Installation) -> Iterator[Finding]:
    searches: list[tuple[str, object, Callable]] = [
        ("Postgres", installation.postgres.given_url, postgres.find_programs),
        ("RabbitMQ", installation.rabbitmq.given_url, rabbitmq.find_programs),
    ]
    for name, given, find in searches:
        if given:
            yield Finding(True, f"{name} is a given server")
            continue
        try:
            yield Finding(True, f"{name} is installed in {find()}")
        except InstallationError as error:
            yield Finding(False, str(error))


def _disk(installation: Installation) -> Finding:
    existing = next(place for place in (installation.home, *installation.home.parents) if place.exists())
    free = shutil.disk_usage(existing).free / 1024**3
    text = f"{free:.1f} GiB are free in {existing}"
    return (
        Finding(True, text) if free >= ENOUGH_DISK else Finding(False, f"Only {text}: make room for {ENOUGH_DISK} GiB.")
    )


def _secrets(installation: Installation) -> Finding:
    private = [installation.secrets.directory, *installation.secrets.directory.iterdir()]
    private.append(installation.home / "supervisor.conf")
    opened = [file for file in private if stat.S_IMODE(file.stat().st_mode) & 0o077]
    if opened:
        return Finding(False, f"Others can read {opened[0]}: run `chmod -R go= {' '.join(map(str, opened))}`.")
    return Finding(True, f"{len(private) - 2} secrets are closed to others")


def _ports(installation: Installation) -> Iterator[Finding]:
    states = installation.supervisor.states()
    down = {process.name for process in installation.processes} - {name for name, state in states.items() if state.pid}
    taken = [name for name in down if not is_free(installation.ports[name])]
    for name in taken:
        port = installation.ports[name]
        yield Finding(False, f"Port {port} of {name} is taken by another program: run `./nanum down` and `./nanum up`.")
    if not taken:
        numbers = [installation.ports[name] for name in PORTS]
        yield Finding(True, f"{len(numbers)} ports are ours ({min(numbers)} to {max(numbers)}, on 127.0.0.1)")


def _durability(installation: Installation) -> Iterator[Finding]:
    try:
        with psycopg.connect(installation.postgres.superuser_dsn(), connect_timeout=3) as connection:
            names = ("fsync", "synchronous_commit", "full_page_writes")
            off = [name for name in names if connection.execute(f"SHOW {name}").fetchone() == ("off",)]
            version = connection.execute("SHOW server_version").fetchone()
    except psycopg.Error as error:
        yield Finding(False, f"Postgres cannot be reached ({error}): see `./nanum logs postgres`.")
        return
    yield Finding(True, f"Postgres {version[0] if version else ''} answers")
    for name in off:
        yield Finding(False, f"Postgres runs with {name} = off and may lose commits: turn it on.")
    if not off:
        yield Finding(True, "What Postgres committed is on the disk (fsync, synchronous_commit, full_page_writes)")


def _broker(installation: Installation) -> Iterator[Finding]:
    for user in SERVICES:
        try:
            installation.rabbitmq.check(user)
        except NotReady as reason:
            yield Finding(False, f"{user} cannot reach the broker ({reason}): see `./nanum logs rabbitmq`.")
            return
    yield Finding(True, "The broker lets every service in, and has its exchange")


def _schema(installation: Installation) -> Finding:
    if installation.current:
        return Finding(True, "Schemas and programs are those of these sources")
    return Finding(False, "The sources changed since the last start: run `./nanum up`.")
