"""A service's settings, from the environment alone, checked at start. A wrong one stops the start with a sentence."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import time
from typing import Any

import marshmallow
from environs import EnvError, FileAwareEnv

NOWHERE = "; ./nanum up sets it, docs/operations.md lists all"
SHORTEST_SECRET = 32  # characters


class SettingMissing(Exception):
    """A setting that the process can't run without is missing or malformed."""


@dataclass(frozen=True)
class Settings:
    """The settings of a running service. ``sources`` maps every service to its address; ``secret`` is the inner one.

    ``fingerprint_key`` keys the fingerprints of known commands: it is kept as long as the database is.
    """

    database_url: str
    amqp_url: str
    host: str
    port: int
    sources: dict[str, str]
    secret: str
    fingerprint_key: str
    log_level: str
    verify_at: time | None

    @property
    def worker(self) -> str:
        """This worker, over its restarts: no two processes of a machine listen on one address."""
        return f"{socket.gethostname()} {self.host}:{self.port}"

    @classmethod
    def from_env(cls) -> Settings:
        """Read the environment. Raises :class:`SettingMissing` with what to do."""
        env = FileAwareEnv(eager=True, strip_whitespace=True)
        try:
            host, _, port = env.str("NANUM_LISTEN", validate=_listen).rpartition(":")
            return cls(
                database_url=env.str("NANUM_DATABASE_URL"),
                amqp_url=env.str("NANUM_AMQP_URL"),
                host=host,
                port=int(port),
                sources=dict(pair.split("=", 1) for pair in env.str("NANUM_SOURCES").split()),
                secret=env.str("NANUM_INTERNAL_SECRET", validate=_long_enough),
                fingerprint_key=env.str("NANUM_FINGERPRINT_KEY", validate=_long_enough),
                log_level=env.str("NANUM_LOG_LEVEL", "info"),
                verify_at=env.time("NANUM_VERIFY_AT", None, validate=_has_offset),
            )
        except (EnvError, OSError, ValueError) as wrong:
            raise SettingMissing(f"{wrong}{NOWHERE}") from None


def required(name: str) -> str:
    """One setting that must be there, for an adapter. Raises :class:`SettingMissing`."""
    try:
        return FileAwareEnv(strip_whitespace=True).str(name)
    except (EnvError, OSError, ValueError) as wrong:
        raise SettingMissing(f"{wrong}{NOWHERE}") from None


def owner_database_url() -> str:
    """The database as its owner reaches it, for migrations and rebuilds."""
    return required("NANUM_OWNER_DATABASE_URL")


def _listen(text: str) -> None:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise marshmallow.ValidationError("NANUM_LISTEN must be host:port, as 127.0.0.1:8001")


def _long_enough(secret: str) -> None:
    if len(secret) < SHORTEST_SECRET:
        raise marshmallow.ValidationError(f"a secret has at least {SHORTEST_SECRET} characters; make a new one")


def _has_offset(at: Any) -> None:
    if at is not None and at.tzinfo is None:
        raise marshmallow.ValidationError("it is a time of the day with its offset, as 03:30+09:00")
