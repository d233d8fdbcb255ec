"""Who asks: bearer tokens (JWT, Ed25519 and nothing else) and the roles that a policy may name."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError

from gateway.http.problems import Problem
from gateway.http.token_files import Keys, Revocations
from services.contracts.tokens import ALGORITHM, ANALYST, AUDIENCE, DESK, ISSUER, LONGEST_LIFE, MANAGER, RESIDENT, ROLES

__all__ = ["ANALYST", "ANYBODY", "DESK", "MANAGER", "PUBLIC", "RESIDENT", "ROLES", "STAFF", "Caller", "Policy"]

LEEWAY = 5  # seconds by which the clock of who makes tokens may differ
LONGEST_TOKEN = 4096  # characters
LOOK_EVERY = 2.0  # seconds between two looks at the files of keys and revocations
CENTRE = re.compile(r"[a-z0-9-]{1,40}\Z")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``role`` is None for somebody without a token; for a resident ``subject`` is the resident_id.

    ``issued`` and ``expires`` are seconds since 1970.
    """

    role: str | None
    subject: str
    centre: str
    expires: float = float("inf")
    issued: float = float("inf")
    token_id: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may use a route: these roles, and everybody when ``public``."""

    roles: frozenset[str]
    public: bool = False


def only(*roles: str) -> Policy:
    """A policy for these roles."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"a policy names roles out of {', '.join(ROLES)}; not {unknown or 'nothing'}")
    return Policy(frozenset(roles))


PUBLIC = Policy(frozenset(ROLES), public=True)
ANYBODY = only(*ROLES)
STAFF = only(DESK, MANAGER)


class Tokens:
    """Verifies bearer tokens. Remembers those verified last, so that the hot path costs one look-up."""

    def __init__(self, keys: Keys, revocations: Revocations, *, remember: int = 4096) -> None:
        self._keys, self._revocations = keys, revocations
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            role={"essential": True},
            centre={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
        )
        self._caller = lru_cache(remember)(self._verify)

    def caller(self, authorization: str | None) -> Caller | None:
        """Who sent this Authorization header; None without one. Raises Problem (401)."""
        if not authorization:
            return None
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("token_missing")
        caller, revoked = self._caller(token), self._revocations
        if caller.expires <= time.time():
            raise unauthorized("token_expired")
        if caller.token_id in revoked.tokens or caller.issued <= revoked.subjects.get(caller.subject, 0):
            raise unauthorized("token_revoked")
        return caller

    async def watch(self) -> None:
        """Take in the files of keys and revocations whenever they change."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Take in what changed. A file that can't be read is logged, and what it said before stays in force."""
        for file in (self._keys, self._revocations):
            try:
                if file.changed():
                    self._caller.cache_clear()  # a key may be gone
            except (OSError, ValueError) as wrong:
                log.error("token_file_unreadable", file=str(file.path), error=str(wrong))

    def _verify(self, token: str) -> Caller:
        if len(token) > LONGEST_TOKEN:
            raise unauthorized("token_invalid")
        try:
            decoded = jwt.decode(token, self._keys.key_of, algorithms=[ALGORITHM])
            self._claims.validate(decoded.claims)
            return self._caller_of(decoded.header, decoded.claims)
        except ExpiredTokenError:
            raise unauthorized("token_expired") from None
        except (JoseError, ValueError, TypeError, KeyError):
            raise unauthorized("token_invalid") from None

    def _caller_of(self, header: dict[str, Any], claims: dict[str, Any]) -> Caller:
        """Raises ValueError, TypeError or KeyError for what this key may not say, and for a life that is too long."""
        role, centre, issued, expires = claims["role"], claims["centre"], float(claims["iat"]), float(claims["exp"])
        if role not in self._keys.roles[header["kid"]] or not CENTRE.match(centre):
            raise ValueError
        if not 0 < expires - issued <= LONGEST_LIFE:
            raise ValueError
        return Caller(role, claims["sub"], centre, expires, issued, claims["jti"])


def unauthorized(code: str) -> Problem:
    """A 401 with the challenge that RFC 6750 asks for."""
    challenge = 'Bearer realm="nanum"' + ("" if code == "token_missing" else ', error="invalid_token"')
    return Problem(code, headers=[("WWW-Authenticate", challenge)])
