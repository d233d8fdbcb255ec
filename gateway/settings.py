"""What the gateway is told by its environment, read once and checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

SERVICES = ("inventory", "rentals", "billing", "notifications")
LOG_LEVELS = ("debug", "info", "warning", "error")
SHORTEST_SECRET = 32  # bytes: HMAC-SHA-256 is only as strong as its key


class SettingsError(Exception):
    """The environment is incomplete or wrong; the text names every variable and says what it has to be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The gateway's settings. ``sources`` maps each service to its base URL; secrets are the files' stripped text."""

    host: str
    port: int
    sources: Mapping[str, str]
    internal_secret: str
    token_secret: str
    pseudonym_secret: str
    centre: str
    log_level: str = "info"

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Settings:
        """Take the settings from ``env``. Raises SettingsError that names everything wrong at once."""
        wrong: list[str] = []
        host, port = _listen(env.get("NANUM_LISTEN", ""), wrong)
        settings = cls(
            host=host,
            port=port,
            sources=_sources(env.get("NANUM_SOURCES", ""), wrong),
            internal_secret=_secret("NANUM_INTERNAL_SECRET_FILE", env, wrong),
            token_secret=_secret("NANUM_TOKEN_SECRET_FILE", env, wrong),
            pseudonym_secret=_secret("NANUM_PSEUDONYM_SECRET_FILE", env, wrong),
            centre=env.get("NANUM_CENTRE", ""),
            log_level=env.get("NANUM_LOG_LEVEL", "info"),
        )
        if not settings.centre:
            wrong.append("NANUM_CENTRE: the id of the centre whose catalogue is public here, as gwangju-namgu")
        if settings.log_level not in LOG_LEVELS:
            wrong.append(f"NANUM_LOG_LEVEL: one of {', '.join(LOG_LEVELS)}")
        if wrong:
            raise SettingsError("The gateway can't start. Set in its environment:\n  " + "\n  ".join(wrong))
        return settings


def _listen(text: str, wrong: list[str]) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host and port.isdecimal() and int(port) <= 65535:
        return host, int(port)
    wrong.append("NANUM_LISTEN: address and port to listen on, as 127.0.0.1:8080")
    return "", 0


def _sources(text: str, wrong: list[str]) -> dict[str, str]:
    sources = dict(pair.split("=", 1) for pair in text.split() if "=" in pair)
    for name in SERVICES:
        url = urlsplit(sources.get(name, ""))
        if url.scheme != "http" or not url.netloc:
            wrong.append(f"NANUM_SOURCES: the base URL of {name}, as {name}=http://127.0.0.1:8001")
    return {name: sources.get(name, "").rstrip("/") for name in SERVICES}


def _secret(variable: str, env: Mapping[str, str], wrong: list[str]) -> str:
    path = env.get(variable, "")
    if not path:
        wrong.append(f"{variable}: the path of a file that holds the secret")
        return ""
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        wrong.append(f"{variable}: {path} can't be read ({failure.__class__.__name__})")
        return ""
    if len(secret.encode()) < SHORTEST_SECRET:
        wrong.append(f"{variable}: {path} holds less than {SHORTEST_SECRET} bytes; generate a longer secret")
    return secret
