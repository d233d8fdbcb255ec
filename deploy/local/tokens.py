"""Bearer tokens of a local installation, signed with its own secret."""

import time

from joserfc import jwt
from joserfc.jwk import OctKey

from deploy.local.problems import InstallationError

ROLES = ("resident", "desk", "manager", "analyst")
LIFETIME = 12 * 3600  # seconds


def mint(secret: str, role: str, centre: str, subject: str | None = None) -> str:
    """A JWT (HS256) that lets its bearer act as `role` in `centre` for 12 hours."""
    if role not in ROLES:
        raise InstallationError(f"There is no role {role!r}: use {', '.join(ROLES)}.")
    now = int(time.time())
    claims = {
        "iss": "nanum",
        "sub": subject or f"local-{role}",
        "role": role,
        "centre": centre,
        "iat": now,
        "exp": now + LIFETIME,
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
