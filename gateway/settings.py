"""What the gateway is told by its environment, read once and checked before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from environs import EnvValidationError, FileAwareEnv, ValidationError, validate

from gateway.http.token_files import Keys, Revocations, WatchedFile
from services.contracts import SERVICES

SHORTEST_SECRET = 32  # bytes: HMAC-SHA-256 is only as strong as its key
VARIABLES = {
    "NANUM_LISTEN": "address and port to listen on, as 127.0.0.1:8080",
    "NANUM_SOURCES": "the base URL of each service, as rentals=http://127.0.0.1:8001",
    "NANUM_INTERNAL_SECRET": "NANUM_INTERNAL_SECRET_FILE is the path of a file that holds the secret of the services",
    "NANUM_TOKEN_KEYS_FILE": "the path of a JSON Web Key Set with the public keys of the tokens",
    "NANUM_REVOKED_FILE": "the path of a JSON file that says which tokens were revoked",
    "NANUM_PSEUDONYM_SECRET": "NANUM_PSEUDONYM_SECRET_FILE is the path of a file that holds the pseudonyms' secret",
    "NANUM_CENTRE": "the id of the centre whose catalogue is public here, as gwangju-namgu",
    "NANUM_LOG_LEVEL": "how much is logged",
    "NANUM_RATE_LIMITS": "requests and seconds of a caller by role, with spaces, as resident=600/60 anonymous=1200/60",
    "NANUM_TRUSTED_PROXIES": "addresses or networks of the proxies in front, with spaces, as 10.0.0.7 10.1.0.0/24",
}


# A resident's app and a house behind one address stay far below these; a desk is braked only when a program runs wild.
RATES = {
    "anonymous": (1200, 60),
    "resident": (600, 60),
    "desk": (300_000, 60),
    "manager": (300_000, 60),
    "analyst": (6000, 60),
}


class SettingsError(Exception):
    """The environment is incomplete or wrong; the text names every variable and says what it has to be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The gateway's settings. ``sources`` maps each service to its base URL; secrets are the files' stripped text.

    ``rates`` are requests and seconds by role. Who connects from one of the ``proxies`` is the client that its
    ``X-Forwarded-For`` names.
    """

    host: str
    port: int
    sources: Mapping[str, str]
    internal_secret: str
    token_keys: Path
    revoked: Path
    pseudonym_secret: str
    centre: str
    log_level: str = "info"
    proxies: tuple[str, ...] = ()
    rates: Mapping[str, tuple[int, int]] = field(default_factory=lambda: RATES)

    @classmethod
    def read(cls) -> Settings:
        """Take the settings from the environment. Raises SettingsError that names everything wrong at once."""
        env = FileAwareEnv(eager=False, strip_whitespace=True)
        try:
            listen = env.str("NANUM_LISTEN", validate=validate.Regexp(r"[^:]+:\d{1,5}\Z"))
            sources = env.str("NANUM_SOURCES", validate=_all_services)
            internal_secret = env.str("NANUM_INTERNAL_SECRET", validate=_long_enough)
            token_keys = env.path("NANUM_TOKEN_KEYS_FILE", validate=partial(_readable, Keys))
            revoked = env.path("NANUM_REVOKED_FILE", validate=partial(_readable, Revocations))
            pseudonym_secret = env.str("NANUM_PSEUDONYM_SECRET", validate=_long_enough)
            centre = env.str("NANUM_CENTRE", validate=validate.Regexp(r"[a-z0-9-]{1,40}\Z"))
            levels = ("debug", "info", "warning", "error")
            log_level = env.str("NANUM_LOG_LEVEL", "info", validate=validate.OneOf(levels))
            proxies = env.str("NANUM_TRUSTED_PROXIES", "", validate=_networks)
            rates = env.str("NANUM_RATE_LIMITS", "", validate=_quotas)
            env.seal()
        except EnvValidationError as wrong:
            messages = cast(Mapping[str, list[str]], wrong.error_messages)
            lines = [f"{name}: {VARIABLES[name]} ({'; '.join(reasons)})" for name, reasons in messages.items()]
            raise SettingsError("The gateway can't start. Set in its environment:\n  " + "\n  ".join(lines)) from None
        except ValueError as wrong:  # a file of a secret that can't be read
            raise SettingsError(f"The gateway can't start. {wrong}") from None
        host, _, port = listen.rpartition(":")
        return cls(
            host,
            int(port),
            _sources(sources),
            internal_secret,
            token_keys,
            revoked,
            pseudonym_secret,
            centre,
            log_level,
            tuple(proxies.split()),
            {**RATES, **_rates(rates)},
        )


def _sources(text: str) -> dict[str, str]:
    return {name: url.rstrip("/") for name, _, url in (pair.partition("=") for pair in text.split())}


def _all_services(text: str) -> None:
    sources = _sources(text)
    urls = {name: urlsplit(sources.get(name, "")) for name in SERVICES}
    if wrong := [name for name, url in urls.items() if url.scheme != "http" or not url.netloc]:
        raise ValidationError([f"the base URL of {name} is missing" for name in wrong])


def _readable(kind: type[WatchedFile], path: Path) -> None:
    try:
        kind(path)
    except (OSError, ValueError) as wrong:
        raise ValidationError([str(wrong)]) from None


def _rates(text: str) -> dict[str, tuple[int, int]]:
    found = (re.fullmatch(r"([a-z]+)=([1-9]\d{0,8})/([1-9]\d{0,4})", pair) for pair in text.split())
    return {pair[1] if pair else "": (int(pair[2]), int(pair[3])) if pair else (0, 0) for pair in found}


def _quotas(text: str) -> None:
    if _rates(text).keys() - RATES.keys():
        raise ValidationError(["each is a role, requests and seconds, as resident=600/60; roles: " + ", ".join(RATES)])


def _networks(text: str) -> None:
    for network in text.split():
        try:
            ip_network(network)
        except ValueError as wrong:
            raise ValidationError([str(wrong)]) from None


def _long_enough(secret: str) -> None:
    if len(secret.encode()) < SHORTEST_SECRET:
        raise ValidationError(f"it holds less than {SHORTEST_SECRET} bytes; generate a longer secret")
