"""Who subscribed to the events of an installation, kept in a file that its owner alone can read."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

from deploy.local.problems import InstallationError
from deploy.local.secrets import write_private
from integrations.analysts.subscriptions import KINDS, Subscription, hash_password

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")


class Subscriptions:
    """All subscriptions of an installation."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Subscription]:
        known = json.loads(self._file.read_text()) if self._file.exists() else []
        return (Subscription(**{**each, "services": tuple(each["services"])}) for each in known)

    def named(self, name: str) -> Subscription:
        """Raises InstallationError when there is no such subscription."""
        known = {each.name: each for each in self}
        if name not in known:
            raise InstallationError(
                f"There is no subscription {name!r}: known are {', '.join(known) or 'there is none'}."
            )
        return known[name]

    def check_new(self, name: str, kind: str) -> None:
        """Raises InstallationError when the name is taken, or either is not well-formed."""
        if not NAME.match(name):
            raise InstallationError(f"{name!r} cannot name a subscription: use small letters, digits and hyphens.")
        if kind not in KINDS:
            raise InstallationError(f"There is no kind {kind!r} of subscription: use {' or '.join(KINDS)}.")
        if any(each.name == name for each in self):
            raise InstallationError(
                f"There is a subscription {name!r} already: `./nanum subscribe --remove {name}` ends it; "
                f"`./nanum subscribe --renew {name}` gives it a new password."
            )

    def add(self, name: str, kind: str, services: Collection[str]) -> tuple[Subscription, str]:
        """Enter a subscription, or enter it anew. Returns it with its password, which is not kept."""
        password = secrets.token_urlsafe(24)
        made = Subscription(name, kind, tuple(services), hash_password(password, os.urandom(4)))
        self._write([*(each for each in self if each.name != name), made])
        return made, password

    def remove(self, name: str) -> None:
        """Strike a subscription out."""
        self._write([each for each in self if each.name != name])

    def _write(self, subscriptions: list[Subscription]) -> None:
        write_private(self._file, json.dumps([asdict(each) for each in subscriptions], indent=1) + "\n")
