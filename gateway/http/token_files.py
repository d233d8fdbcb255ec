"""The two files that tokens are verified by: public keys, and what was revoked before its time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey

from services.contracts.tokens import ROLES, ROLES_OF_A_KEY


class WatchedFile:
    """A JSON file that is read again when it was replaced. The first reading raises OSError or ValueError."""

    def __init__(self, path: Path) -> None:
        self.path, self._seen = path, (0, 0, 0)
        self.changed()

    def changed(self) -> bool:
        """Read the file if it is another than before; whether it was. Raises OSError, ValueError."""
        now = os.stat(self.path)
        seen = (now.st_ino, now.st_mtime_ns, now.st_size)
        if seen == self._seen:
            return False
        try:
            self._take(json.loads(self.path.read_bytes()))
        except (KeyError, TypeError, AttributeError) as wrong:
            raise ValueError(f"{self.path} is malformed: {wrong!r}") from None
        self._seen = seen
        return True

    def _take(self, document: Any) -> None:
        raise NotImplementedError


class Keys(WatchedFile):
    """A JSON Web Key Set of public Ed25519 keys; each names the roles that its tokens may name."""

    def _take(self, document: Any) -> None:
        keys = {each["kid"]: OKPKey.import_key(each) for each in document["keys"]}
        roles = {each["kid"]: frozenset(each[ROLES_OF_A_KEY]) for each in document["keys"]}
        if not keys or any(key.is_private for key in keys.values()):
            raise ValueError(f"{self.path} must hold at least one key, and public keys alone")
        if unknown := frozenset().union(*roles.values()) - set(ROLES):
            raise ValueError(f"{self.path} has a key for roles that there are not: {', '.join(sorted(unknown))}")
        self._keys, self.roles = keys, roles

    def key_of(self, token: Any) -> OKPKey:
        """The key that the token's header names. Raises KeyError when there is none."""
        return self._keys[token.headers()["kid"]]


class Revocations(WatchedFile):
    """``{"tokens": {jti: ...}, "subjects": {subject: seconds since 1970}}``: what was made until then is revoked."""

    def _take(self, document: Any) -> None:
        tokens, subjects = frozenset(document["tokens"]), {k: float(v) for k, v in document["subjects"].items()}
        self.tokens, self.subjects = tokens, subjects
