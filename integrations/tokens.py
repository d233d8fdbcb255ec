"""Bearer tokens as the gateway verifies them, for people at a command line and for programs that read for somebody."""

from __future__ import annotations

import time

from joserfc import jwt
from joserfc.jwk import OctKey

ROLES = ("resident", "desk", "manager", "analyst")
LIFETIME = 12 * 3600  # seconds


def mint(secret: str, role: str, centre: str, subject: str | None = None) -> str:
    """A JWT (HS256) that lets its bearer act as ``role`` in ``centre`` for 12 hours."""
    now = int(time.time())
    claims = {"iss": "nanum", "sub": subject or f"local-{role}", "role": role, "centre": centre}
    return jwt.encode({"alg": "HS256"}, {**claims, "iat": now, "exp": now + LIFETIME}, OctKey.import_key(secret))
