"""The table of all processes of an installation. What runs, with which settings, is written here and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from deploy.local import readiness
from deploy.local.config import SERVERS, Config
from deploy.local.problems import InstallationError
from integrations.analysts.subscriptions import written
from services.contracts import SERVICES

NICE = 10  # of our programs: on a machine with too much to do, Postgres and RabbitMQ come first
VERIFY_AT = "03:30+09:00"  # when nobody borrows
MAIL_FROM = "Nanum <desk@nanum.localhost>"


@dataclass(frozen=True)
class Process:
    """How one process is started (argv, env, Unix user), stopped (signal), and known to be ready."""

    name: str
    port: int
    argv: tuple[str, ...]
    ready: Callable[[], None]  # raises NotReady
    env: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"
    requires: frozenset[str] = frozenset()  # processes that have to be ready before


def table(config: Config) -> list[Process]:
    """The processes of an installation with their whole environment, in the order in which they start."""
    rows = [*_servers(config), *_programs(config)]
    return [replace(row, env={**row.env, **config.extra_env.get(row.name, {})}) for row in rows]


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


def python(module: str, *args: str) -> tuple[str, ...]:
    """The command of a program of ours."""
    return ("nice", "-n", str(NICE), sys.executable, "-m", module, *args)


def _servers(config: Config) -> Iterator[Process]:
    ports, postgres, rabbitmq = config.ports, config.postgres, config.rabbitmq
    # INT is Postgres' fast stop: it ends the sessions instead of waiting for them.
    yield Process("postgres", ports["postgres"], postgres.argv, postgres.check, user=postgres.user, stop_signal="INT")
    names = partial(readiness.tcp, ports["epmd"], say=b"\0\1n", hear=ports["epmd"].to_bytes(4, "big"))
    argv = ("epmd", "-address", "127.0.0.1", "-port", str(ports["epmd"]))
    # epmd keeps nothing, and may take seconds to notice a TERM.
    yield Process("epmd", ports["epmd"], argv, names, stop_signal="KILL")
    requires = frozenset({"epmd"})
    yield Process("rabbitmq", ports["rabbitmq"], rabbitmq.argv, rabbitmq.check, env=rabbitmq.env, requires=requires)


def _programs(config: Config) -> Iterator[Process]:
    # Stand-ins on this machine for a mail server and for the card terminal of a desk.
    port = config.ports["mailbox"]
    mailbox = ("aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox", str(config.home / "mail"))
    argv = python(*mailbox, "-l", config.listen("mailbox"))
    yield Process("mailbox", port, argv, partial(readiness.tcp, port, hear=b"220"))
    state = str(config.home / "terminal.sqlite")
    yield _program(config, "terminal", "deploy.simulators.card_terminal", "livez", (), NANUM_TERMINAL_STATE=state)
    token, pseudonym, internal = (str(config.secrets.path(name)) for name in ("token", "pseudonym", "internal"))
    shared = {"NANUM_SOURCES": config.sources, "NANUM_INTERNAL_SECRET_FILE": internal}
    nightly = {"NANUM_VERIFY_AT": VERIFY_AT} if config.profile == "local" else {}
    own = {
        "billing": {"NANUM_TERMINAL_URL": config.address("terminal")},
        "notifications": {"NANUM_SMTP_URL": f"smtp://{config.listen('mailbox')}", "NANUM_MAIL_FROM": MAIL_FROM},
    }
    for service in SERVICES:
        urls = {"NANUM_DATABASE_URL": config.dsn(service), "NANUM_AMQP_URL": config.amqp_url(service)}
        env = {**shared, **urls, **nightly, **own.get(service, {})}
        yield _program(config, service, f"services.chassis.process.main {service}", "readyz", SERVERS, **env)
    reader = {"NANUM_TOKEN_SECRET_FILE": token, "NANUM_CENTRE": config.centres[0]}
    env = {**shared, **reader, "NANUM_PSEUDONYM_SECRET_FILE": pseudonym}
    yield _program(config, "gateway", "gateway", "readyz", SERVICES, **env)
    subscribed = written(config.subscriptions)
    if subscribed:  # fills the queues of those who subscribed
        urls = {"NANUM_GATEWAY_URL": config.url, "NANUM_AMQP_URL": config.amqp_url("analytics")}
        env = {**reader, **urls, "NANUM_SUBSCRIPTIONS": subscribed}
        yield _program(config, "analytics", "integrations.analysts", "metrics", ("gateway",), **env)


def _program(config: Config, name: str, command: str, path: str, requires: Collection[str], **env: str) -> Process:
    """A program of ours that listens where NANUM_LISTEN says, and is ready when it answers GET on the path."""
    ready = partial(readiness.http_ok, f"{config.address(name)}/{path}")
    env = {"NANUM_LISTEN": config.listen(name), **env}
    return Process(name, config.ports[name], python(*command.split()), ready, env, requires=frozenset(requires))
