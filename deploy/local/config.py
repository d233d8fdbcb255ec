"""What an installation consists of, as a plain value: everything else in this package is given it and adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import directories
from deploy.local.ports import PREFERRED, Ports
from deploy.local.postgres import Postgres
from deploy.local.private import Private
from deploy.local.problems import InstallationError
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.runtime import ROOT, Runtime
from deploy.local.secrets import Secrets
from deploy.local.subscriptions import Subscriptions
from deploy.local.tokens import Revoked, TokenKeys
from deploy.local.users import Users
from integrations.tokens import LIFETIME, mint
from services.contracts import SERVICES
from services.contracts.tokens import ROLES

__all__ = ["CENTRE", "PORTS", "ROOT", "SERVERS", "Config", "Progress", "silent"]
CENTRE = "gwangju-namgu"
SERVERS = ("postgres", "epmd", "rabbitmq")
PORTS = ("gateway", *SERVICES, "analytics", "terminal", "mailbox", *SERVERS, "rabbitmq-nodes")

Progress = Callable[[str], None]


def silent(_step: str) -> None:
    """The progress of nobody watching."""


@dataclass(eq=False)
class Config:
    """Places, ports, secrets and addresses of everything under one home.

    ``profile`` is "local", or "test" (smaller buffers; the servers end with the process that started them).
    ``extra_env`` adds environment to processes, by name: ``{"billing": {"NANUM_LOG_LEVEL": "debug"}}``.
    ``centres`` are seeded; the first one's catalogue is public.
    """

    home: Path
    profile: str = "local"
    extra_env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    centres: Sequence[str] = (CENTRE,)

    def __post_init__(self) -> None:
        self.wanted_home = Path(self.home).absolute()
        self.home = directories.home_of(self.wanted_home)
        self.secrets = Secrets(self.home / "secrets")
        self.token_keys = TokenKeys(self.secrets.directory / "token-keys.json")
        self.revoked = Revoked(self.home / "revoked.json")
        self.private = Private(self.home / "private")
        self.users = Users(self.home / "users.json")
        self.runtime = Runtime(self.home)
        self.ports = Ports(self.home / "ports.json", PORTS, {} if self.profile == "test" else PREFERRED)
        self.subscriptions = Subscriptions(self.home / "subscriptions.json")
        self.postgres = Postgres(self.home, self.secrets, self.ports, self.profile, self.users)
        self.rabbitmq = RabbitMQ(self.home, self.secrets, self.ports, self.subscriptions, self.users)

    @property
    def exists(self) -> bool:
        """Whether there ever was an ``up``."""
        return (self.home / "supervisor.conf").exists()

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return self.address("gateway")

    @property
    def sources(self) -> str:
        """``name=base URL`` of every service, separated by spaces."""
        return " ".join(f"{service}={self.address(service)}" for service in SERVICES)

    def address(self, process: str) -> str:
        """The base URL of a process that answers HTTP."""
        return f"http://{self.listen(process)}"

    def listen(self, process: str) -> str:
        """``host:port`` of a process."""
        return f"127.0.0.1:{self.ports[process]}"

    def dsn(self, service: str, role: str = "app") -> str:
        """URL of the service's database for the role ``owner``, ``app`` or ``ro``."""
        return self.postgres.dsn(service, role)

    def amqp_url(self, user: str = "admin") -> str:
        """URL of the broker for a service's user, ``analytics`` or ``admin``."""
        return self.rabbitmq.url(user)

    @property
    def smtp_url(self) -> str:
        """URL of the mailbox, with its user and password."""
        return f"smtp://nanum:{self.secrets.value('mailbox')}@{self.listen('mailbox')}"

    def token(self, role: str, subject: str | None = None, centre: str | None = None, seconds: int = LIFETIME) -> str:
        """A bearer token for ``resident``, ``desk``, ``manager`` or ``analyst`` of a centre, for at most 24 hours."""
        if role not in ROLES:
            raise InstallationError(f"There is no role {role!r}: use {', '.join(ROLES)}.")
        try:
            return mint(self.token_keys.signing("people"), role, centre or self.centres[0], subject, seconds)
        except ValueError as wrong:
            raise InstallationError(f"There can be no such token: {wrong}.") from None
