"""The table of all processes of an installation. What runs, with which settings, is written here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from deploy.local import readiness
from deploy.local.config import SERVERS, Config
from deploy.local.problems import InstallationError
from deploy.local.runtime import ROOT
from integrations.analysts.subscriptions import written
from services.contracts import SERVICES

NICE = 10  # of our programs: on a machine with too much to do, Postgres and RabbitMQ come first
VERIFY_AT = "03:30+09:00"  # when nobody borrows
UNBRAKED = " ".join(f"{role}=100000000/60" for role in ("anonymous", "resident", "desk", "manager", "analyst"))
MAIL_FROM = "Nanum <desk@nanum.localhost>"


@dataclass(frozen=True)
class Process:
    """How one process is started, stopped (signal), and known to be ready.

    ``secrets`` are variables whose values only the process's own user (``uid``; None: ours) may see: it is given each
    as a file that ``<variable>_FILE`` in its environment names. ``directories`` are its own to write.
    """

    name: str
    port: int
    argv: tuple[str, ...]
    ready: Callable[[], None]  # raises NotReady
    env: dict[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    directories: tuple[Path, ...] = ()
    uid: int | None = None
    directory: Path = ROOT  # where it runs
    stop_signal: str = "TERM"
    requires: frozenset[str] = frozenset()  # processes that have to be ready before


def table(config: Config) -> list[Process]:
    """The processes of an installation with their whole environment, in the order in which they start."""
    return [_settled(config, row) for row in (*_servers(config), *_programs(config))]


def _settled(config: Config, row: Process) -> Process:
    extra = config.extra_env.get(row.name, {})
    secrets = {name: value for name, value in row.secrets.items() if name not in extra}
    env = {**row.env, **extra, **config.private.paths(row.name, secrets)}
    return replace(row, env=env, secrets=secrets, uid=config.users[row.name], directory=config.runtime.root)


def process_named(config: Config, name: str) -> Process:
    """One row of the table. Raises InstallationError, with the names that there are."""
    rows = {row.name: row for row in table(config)}
    if name not in rows:
        raise InstallationError(f"There is no process {name!r}: use {', '.join(rows)}.")
    return rows[name]


def with_required(config: Config, only: Collection[str] | None) -> list[Process]:
    """The named processes (None: all) and whatever they require, in the order in which they start."""
    processes = table(config)
    wanted = {process_named(config, name).name for name in only} if only is not None else {p.name for p in processes}
    for process in reversed(processes):
        if process.name in wanted:
            wanted |= process.requires
    return [process for process in processes if process.name in wanted]


def python(interpreter: str, module: str, *args: str) -> tuple[str, ...]:
    """The command of a program of ours."""
    return ("nice", "-n", str(NICE), interpreter, "-m", module, *args)


def _servers(config: Config) -> Iterator[Process]:
    ports, postgres, rabbitmq = config.ports, config.postgres, config.rabbitmq
    # INT is Postgres' fast stop: it ends the sessions instead of waiting for them.
    yield Process("postgres", ports["postgres"], postgres.argv, postgres.check, stop_signal="INT")
    names = partial(readiness.tcp, ports["epmd"], say=b"\0\1n", hear=ports["epmd"].to_bytes(4, "big"))
    argv = ("epmd", "-address", "127.0.0.1", "-port", str(ports["epmd"]))
    # epmd keeps nothing, and may take seconds to notice a TERM.
    yield Process("epmd", ports["epmd"], argv, names, stop_signal="KILL")
    requires = frozenset({"epmd"})
    yield Process("rabbitmq", ports["rabbitmq"], rabbitmq.argv, rabbitmq.check, env=rabbitmq.env, requires=requires)


def _programs(config: Config) -> Iterator[Process]:
    yield from _stand_ins(config)
    shared, internal = {"NANUM_SOURCES": config.sources}, {"NANUM_INTERNAL_SECRET": config.secrets.value("internal")}
    nightly = {"NANUM_VERIFY_AT": VERIFY_AT} if config.profile == "local" else {}
    own = {
        "billing": {"NANUM_TERMINAL_URL": config.address("terminal")},
        "notifications": {"NANUM_MAIL_FROM": MAIL_FROM},
    }
    for service in SERVICES:
        module = f"services.chassis.process.main {service}"
        env, secrets = {**shared, **nightly, **own.get(service, {})}, {**internal, **_secrets_of(config, service)}
        yield _program(config, service, module, "readyz", SERVERS, env=env, secrets=secrets)
    centre = {"NANUM_CENTRE": config.centres[0]}
    rates = {"NANUM_RATE_LIMITS": UNBRAKED} if config.profile != "local" else {}
    tokens = {"NANUM_TOKEN_KEYS": config.token_keys.jwks(), "NANUM_REVOKED": config.revoked.text()}
    secrets = {**internal, **tokens, "NANUM_PSEUDONYM_SECRET": config.secrets.value("pseudonym")}
    yield _program(config, "gateway", "gateway", "readyz", SERVICES, env={**shared, **centre, **rates}, secrets=secrets)
    subscribed = written(config.subscriptions)
    if subscribed:  # fills the queues of those who subscribed
        env = {**centre, "NANUM_GATEWAY_URL": config.url, "NANUM_SUBSCRIPTIONS": subscribed}
        key = json.dumps(config.token_keys.signing("analytics"))
        secrets = {"NANUM_TOKEN_KEY": key, "NANUM_AMQP_URL": config.amqp_url("analytics")}
        yield _program(config, "analytics", "integrations.analysts", "metrics", ("gateway",), env=env, secrets=secrets)


def _stand_ins(config: Config) -> Iterator[Process]:
    """What stands on this machine for a mail server and for the card terminal of a desk."""
    letters, payments = config.home / "mail", config.home / "terminal"
    env, login = {"NANUM_MAILBOX_DIRECTORY": str(letters)}, {"NANUM_MAILBOX_PASSWORD": config.secrets.value("mailbox")}
    mailbox = _program(config, "mailbox", "deploy.simulators.mailbox", "", env=env, secrets=login)
    answers = partial(readiness.tcp, config.ports["mailbox"], hear=b"220")
    yield replace(mailbox, ready=answers, directories=(letters,))
    env, secret = {"NANUM_TERMINAL_STATE": str(payments / "payments.sqlite")}, config.secrets.value("terminal")
    secrets = {"NANUM_TERMINAL_SECRET": secret}
    terminal = _program(config, "terminal", "deploy.simulators.card_terminal", "livez", env=env, secrets=secrets)
    yield replace(terminal, directories=(payments,))


def _secrets_of(config: Config, service: str) -> dict[str, str]:
    """What one service alone may know."""
    secrets = {
        "NANUM_DATABASE_URL": config.dsn(service),
        "NANUM_AMQP_URL": config.amqp_url(service),
        "NANUM_FINGERPRINT_KEY": config.secrets.value(f"fingerprint-{service}"),
    }
    if service == "billing":
        secrets["NANUM_TERMINAL_SECRET"] = config.secrets.value("terminal")
    if service == "notifications":
        secrets["NANUM_SMTP_URL"] = config.smtp_url
    return secrets


def _program(
    config: Config,
    name: str,
    command: str,
    path: str,
    requires: Collection[str] = (),
    *,
    env: Mapping[str, str],
    secrets: Mapping[str, str],
) -> Process:
    """A program of ours that listens where NANUM_LISTEN says, and is ready when it answers GET on the path."""
    ready = partial(readiness.http_ok, f"{config.address(name)}/{path}")
    env = {"NANUM_LISTEN": config.listen(name), **config.runtime.env, **env}
    argv = python(config.runtime.python, *command.split())
    return Process(name, config.ports[name], argv, ready, env, requires=frozenset(requires), secrets=secrets)
