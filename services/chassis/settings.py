"""A service's settings, from the environment alone, checked at start. A wrong one stops the start with a sentence."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path


class SettingMissing(Exception):
    """A setting that the process can't run without is missing or malformed."""


@dataclass(frozen=True)
class Settings:
    """What a service process needs to know."""

    database_url: str
    amqp_url: str
    host: str
    port: int
    sources: Mapping[str, str]
    secret: str
    log_level: str
    verify_at: time | None

    @property
    def who(self) -> str:
        """Names this process over its restarts: only one at a time can listen here."""
        return f"{socket.gethostname()} {self.host}:{self.port}"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment. Raises :class:`SettingMissing` with what to do."""
        host, _, port = required(env, "NANUM_LISTEN").rpartition(":")
        if not port.isdigit():
            raise SettingMissing("NANUM_LISTEN must be host:port, as 127.0.0.1:8001")
        return cls(
            database_url=required(env, "NANUM_DATABASE_URL"),
            amqp_url=required(env, "NANUM_AMQP_URL"),
            host=host,
            port=int(port),
            sources=dict(pair.split("=", 1) for pair in required(env, "NANUM_SOURCES").split()),
            secret=secret(env, "NANUM_INTERNAL_SECRET_FILE"),
            log_level=env.get("NANUM_LOG_LEVEL", "info"),
            verify_at=_daily(env, "NANUM_VERIFY_AT"),
        )


def _daily(env: Mapping[str, str], name: str) -> time | None:
    """A time of the day with its offset; None when it is not set."""
    if not env.get(name):
        return None
    try:
        at = time.fromisoformat(env[name])
    except ValueError:
        at = time.min
    if at.tzinfo is None:
        raise SettingMissing(f"{name} must be a time of the day with its offset, as 03:30+09:00")
    return at


def required(env: Mapping[str, str], name: str) -> str:
    """A setting that must be there."""
    try:
        return env[name]
    except KeyError:
        raise SettingMissing(
            f"the environment lacks {name}; ./nanum up sets it, docs/operations.md lists all"
        ) from None


def secret(env: Mapping[str, str], name: str) -> str:
    """The content of a secret's file: at least 32 characters."""
    path = Path(required(env, name))
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise SettingMissing(f"{name} can't be read: {error}") from None
    if len(value) < 32:
        raise SettingMissing(f"the secret in {path} is shorter than 32 characters; make a new one")
    return value
