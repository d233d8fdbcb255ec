"""The table of all processes of an installation. What runs, with which settings, is written here and nowhere else."""

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import readiness

if TYPE_CHECKING:
    from deploy.local.installation import Installation

SERVICES = ("inventory", "rentals", "billing", "notifications")
SERVERS = ("postgres", "epmd", "rabbitmq")
PORTS = ("gateway", *SERVICES, "analytics", "terminal", "mailbox", "postgres", "rabbitmq", "epmd", "rabbitmq-nodes")
CENTRE = "gwangju-namgu"
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
    needs: frozenset[str] = frozenset()  # processes that have to be ready before


def table(installation: "Installation") -> list[Process]:
    """The processes of an installation, in the order in which they start."""
    return [
        *_servers(installation),
        *_helpers(installation),
        *_services(installation),
        _gateway(installation),
        *_analytics(installation),
    ]


def with_needs(processes: list[Process], only: Collection[str]) -> list[Process]:
    """The named processes and whatever they need, in the order in which they start."""
    wanted = set(only)
    for process in reversed(processes):
        if process.name in wanted:
            wanted |= process.needs
    return [process for process in processes if process.name in wanted]


def _servers(installation: "Installation") -> list[Process]:
    ports, postgres, rabbitmq = installation.ports, installation.postgres, installation.rabbitmq
    servers = []
    if not postgres.given_url:
        # INT is Postgres' fast stop: it ends the sessions instead of waiting for them.
        servers.append(
            Process(
                "postgres",
                ports["postgres"],
                postgres.argv,
                postgres.check,
                user=postgres.user,
                stop_signal="INT",
            )
        )
    if not rabbitmq.given_url:
        names = partial(readiness.tcp, ports["epmd"], say=b"\0\1n", hear=ports["epmd"].to_bytes(4, "big"))
        # epmd keeps nothing, and may take seconds to notice a TERM.
        servers.append(Process("epmd", ports["epmd"], rabbitmq.epmd_argv, names, stop_signal="KILL"))
        servers.append(
            Process(
                "rabbitmq",
                ports["rabbitmq"],
                rabbitmq.argv,
                rabbitmq.check,
                env=rabbitmq.env,
                needs=frozenset({"epmd"}),
            )
        )
    return servers


def _helpers(installation: "Installation") -> list[Process]:
    """What stands in on this machine for the card terminal of a desk, and for a mail server."""
    ports, home = installation.ports, installation.home
    mailbox = ("aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox", str(home / "mail"))
    listen = f"127.0.0.1:{ports['mailbox']}"
    terminal = {
        "NANUM_LISTEN": f"127.0.0.1:{ports['terminal']}",
        "NANUM_TERMINAL_STATE": str(home / "terminal.sqlite"),
    }
    return [
        Process(
            "mailbox",
            ports["mailbox"],
            python(*mailbox, "-l", listen),
            partial(readiness.tcp, ports["mailbox"], hear=b"220"),
        ),
        Process(
            "terminal",
            ports["terminal"],
            python("deploy.terminal"),
            _answers(installation, "terminal", "livez"),
            env=terminal,
        ),
    ]


def _services(installation: "Installation") -> list[Process]:
    extra = {
        "billing": {"NANUM_TERMINAL_URL": f"http://127.0.0.1:{installation.ports['terminal']}"},
        "notifications": {
            "NANUM_SMTP_URL": f"smtp://127.0.0.1:{installation.ports['mailbox']}",
            "NANUM_MAIL_FROM": MAIL_FROM,
        },
    }
    return [
        Process(
            service,
            installation.ports[service],
            python("services.chassis.run", service),
            _answers(installation, service, "readyz"),
            env={
                **shared_env(installation, service),
                "NANUM_DATABASE_URL": installation.dsn(service, "app"),
                "NANUM_AMQP_URL": installation.amqp_url(service),
                "NANUM_VERIFY_AT": VERIFY_AT if installation.profile == "local" else "",
                **extra.get(service, {}),
            },
            needs=_needs(installation, "postgres", "epmd", "rabbitmq"),
        )
        for service in SERVICES
    ]


def _gateway(installation: "Installation") -> Process:
    return Process(
        "gateway",
        installation.ports["gateway"],
        python("gateway"),
        _answers(installation, "gateway", "readyz"),
        env={
            **shared_env(installation, "gateway"),
            "NANUM_TOKEN_SECRET_FILE": str(installation.secrets.path("token")),
            "NANUM_PSEUDONYM_SECRET_FILE": str(installation.secrets.path("pseudonym")),
            "NANUM_CENTRE": CENTRE,
        },
        needs=frozenset(SERVICES) | _needs(installation, "postgres", "epmd", "rabbitmq"),
    )


def _analytics(installation: "Installation") -> list[Process]:
    """Fills the queues of those who subscribed, if anybody did."""
    subscriptions = " ".join(f"{s.name}:{s.kind}:{','.join(s.services)}" for s in installation.subscriptions)
    if not subscriptions:
        return []
    return [
        Process(
            "analytics",
            installation.ports["analytics"],
            python("deploy.analytics"),
            _answers(installation, "analytics", "metrics"),
            env={
                "NANUM_LISTEN": f"127.0.0.1:{installation.ports['analytics']}",
                "NANUM_SUBSCRIPTIONS": subscriptions,
                "NANUM_GATEWAY_URL": installation.url,
                "NANUM_AMQP_URL": installation.amqp_url("analytics"),
                "NANUM_TOKEN_SECRET_FILE": str(installation.secrets.path("token")),
                "NANUM_CENTRE": CENTRE,
            },
            needs=frozenset({"gateway"}),
        )
    ]


def shared_env(installation: "Installation", process: str) -> dict[str, str]:
    """What services and gateway have in common: where they listen, where the services are, how they know each other."""
    return {
        "NANUM_LISTEN": f"127.0.0.1:{installation.ports[process]}",
        "NANUM_SOURCES": sources(installation),
        "NANUM_INTERNAL_SECRET_FILE": str(installation.secrets.path("internal")),
    }


def sources(installation: "Installation") -> str:
    """`name=base URL` of every service, separated by spaces."""
    return " ".join(f"{service}=http://127.0.0.1:{installation.ports[service]}" for service in SERVICES)


def python(module: str, *args: str) -> tuple[str, ...]:
    """A program of ours."""
    return ("nice", "-n", str(NICE), sys.executable, "-m", module, *args)


def _answers(installation: "Installation", process: str, path: str) -> Callable[[], None]:
    return partial(readiness.http_ok, f"http://127.0.0.1:{installation.ports[process]}/{path}")


def _needs(installation: "Installation", *names: str) -> frozenset[str]:
    """The needed processes that are our own; a given server is there without us."""
    given = set()
    if installation.postgres.given_url:
        given.add("postgres")
    if installation.rabbitmq.given_url:
        given |= {"epmd", "rabbitmq"}
    return frozenset(names) - given


ROOT = Path(__file__).resolve().parents[2]  # of the sources: where the programs are found
