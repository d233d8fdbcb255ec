"""Posting commands to a service, in batches, and counting what was new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests

MOST = 64  # commands in one request
TIMEOUT = 30.0  # seconds
BEYOND = 2**62  # further than any log reaches
NAMES = ("barcode", "code", "centre")  # what a command is about


class SeedRefused(Exception):
    """A service did not take a command; the message says which and why."""


class Service:
    """One service over its internal HTTP."""

    def __init__(self, name: str, url: str, secret: str) -> None:
        self._name, self._url = name, url.rstrip("/")
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {secret}"

    def carry_out(self, commands: Sequence[dict[str, Any]]) -> Counter[str]:
        """Have commands done in order; how many of each name changed something. Raises :class:`SeedRefused`."""
        head = self._exchange("GET", f"/events?after={BEYOND}&limit=1")["head"]
        new: Counter[str] = Counter()
        for start in range(0, len(commands), MOST):
            batch = commands[start : start + MOST]
            outcomes = self._exchange("POST", "/commands", {"commands": batch})["outcomes"]
            for command, outcome in zip(batch, outcomes, strict=True):
                if refused := outcome.get("refused"):
                    about = next((command["data"][key] for key in NAMES if command["data"].get(key)), None)
                    raise SeedRefused(f"{self._name} refused {command['name']} of {about}: {refused['en']}")
                new[command["name"]] += (outcome["position"] or 0) > head
        return new

    def _exchange(self, method: str, path: str, body: Any = None) -> Any:
        try:
            reply = self._session.request(method, self._url + path, json=body, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise SeedRefused(f"{self._name} at {self._url} does not answer ({type(error).__name__})") from None
        if reply.status_code != 200:
            raise SeedRefused(f"{self._name} answered {reply.status_code} to {path}: {reply.text[:200]}")
        return reply.json()
