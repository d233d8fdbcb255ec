"""The keys that sign the tokens of an installation, and what was revoked: made, replaced and ended here alone.

A key is for one use: ``people`` signs for every role, ``analytics`` for analysts alone. The newest of a use signs;
those before it are good until the last token that they signed is over.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from deploy.local.problems import InstallationError
from deploy.local.secrets import write_private
from integrations.tokens import new_key, public
from services.contracts.tokens import ANALYST, LONGEST_LIFE, ROLES

USES = {"people": ROLES, "analytics": (ANALYST,)}
PUT_ASIDE = "nanum_replaced_at"  # seconds since 1970


class TokenKeys:
    """The private keys, in a file that only we can read; what the gateway is given holds the public parts."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Any:
        return iter(self._read())

    def signing(self, use: str) -> dict[str, Any]:
        """The newest key of a use; made at the first need."""
        found = [key for key in self._read() if key["kid"].startswith(f"{use}-")]
        return found[-1] if found else self.rotate(use)

    def rotate(self, use: str) -> dict[str, Any]:
        """Sign with a new key from now on. Keys whose last token is over are dropped."""
        now, made = time.time(), new_key(use, USES[use])
        kept = [key for key in self._read() if key.get(PUT_ASIDE, now) > now - LONGEST_LIFE]
        for key in kept:
            if key["kid"].startswith(f"{use}-"):
                key.setdefault(PUT_ASIDE, now)
        self._write([*kept, made])
        return made

    def retire(self, kid: str) -> None:
        """End a key and every token that it signed. Raises InstallationError for one that signs or isn't known."""
        keys = self._read()
        if kid not in {key["kid"] for key in keys}:
            raise InstallationError(f"There is no key {kid!r}: `./nanum keys list` shows them.")
        if kid in {self.signing(use)["kid"] for use in USES}:
            use = kid.partition("-")[0]
            raise InstallationError(f"{kid} signs at present: run `./nanum keys rotate {use}` first.")
        self._write([key for key in keys if key["kid"] != kid])

    def jwks(self) -> str:
        """The public parts, as a JSON Web Key Set."""
        for use in USES:
            self.signing(use)
        keys = [{name: value for name, value in public(key).items() if name != PUT_ASIDE} for key in self._read()]
        return json.dumps({"keys": keys})

    def _read(self) -> list[dict[str, Any]]:
        return json.loads(self._file.read_text()) if self._file.exists() else []

    def _write(self, keys: list[dict[str, Any]]) -> None:
        self._file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        write_private(self._file, json.dumps(keys, indent=1) + "\n")


class Revoked:
    """What the gateway must no longer take, though it has not expired; kept until it would have."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def token(self, given: str) -> str:
        """Revoke one token, given whole or by its ``jti``; returns the ``jti``. Raises InstallationError."""
        jti = _jti(given) if "." in given else given
        self._enter("tokens", jti)
        return jti

    def subject(self, subject: str) -> str:
        """Revoke every token that was made for a subject until now; returns the subject."""
        self._enter("subjects", subject)
        return subject

    def text(self) -> str:
        """What the gateway reads: ``{"tokens": {jti: at}, "subjects": {subject: at}}``, in seconds since 1970."""
        if not self._file.exists():
            return json.dumps({"tokens": {}, "subjects": {}})
        return self._file.read_text()

    def _enter(self, what: str, name: str) -> None:
        now = int(time.time())
        known = json.loads(self.text())
        known[what][name] = now
        over = now - LONGEST_LIFE
        kept = {kind: {name: at for name, at in of.items() if at > over} for kind, of in known.items()}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._file, json.dumps(kept, indent=1) + "\n")


def _jti(token: str) -> str:
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])
    except (IndexError, ValueError, KeyError, TypeError):
        raise InstallationError("That is no token of ours: give one whole, or its jti.") from None
