"""Keys and bearer tokens as the gateway verifies them, for people at a command line and for programs that read."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.contracts.tokens import ALGORITHM, AUDIENCE, ISSUER, LONGEST_LIFE, ROLES_OF_A_KEY

LIFETIME = 12 * 3600  # seconds, unless another is wished
JsonWebKey = Mapping[str, Any]


def new_key(use: str, roles: Sequence[str]) -> dict[str, Any]:
    """A private key whose tokens may name these roles alone, as a JSON Web Key; its ``kid`` begins with the use."""
    parameters: Any = {"kid": f"{use}-{secrets.token_hex(4)}", "use": "sig", "alg": ALGORITHM}
    return {**OKPKey.generate_key("Ed25519", parameters).as_dict(private=True), ROLES_OF_A_KEY: list(roles)}


def public(key: JsonWebKey) -> dict[str, Any]:
    """The part of a key that verifies and can't sign."""
    return {name: value for name, value in key.items() if name != "d"}


def mint(key: JsonWebKey, role: str, centre: str, subject: str | None = None, seconds: int = LIFETIME) -> str:
    """A token that lets its bearer act as ``role`` in ``centre``. Raises ValueError for what no gateway would take."""
    if role not in key[ROLES_OF_A_KEY]:
        raise ValueError(f"the key {key['kid']} signs for {', '.join(key[ROLES_OF_A_KEY])}, not for {role}")
    if not 0 < seconds <= LONGEST_LIFE:
        raise ValueError(f"a token lives at most {LONGEST_LIFE // 3600} hours")
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject or f"local-{role}",
        "role": role,
        "centre": centre,
        "iat": now,
        "exp": now + seconds,
        "jti": secrets.token_urlsafe(12),
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key["kid"]}, claims, OKPKey.import_key(dict(key)), [ALGORITHM])
