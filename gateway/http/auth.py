"""Who asks: bearer tokens (JWT, HS256 and nothing else) and the roles that a policy may name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from gateway.http.problems import Problem

ISSUER = "nanum"
ALGORITHMS = ["HS256"]  # named, so that a token can't choose "none" or a weaker one
RESIDENT, DESK, MANAGER, ANALYST = ROLES = ("resident", "desk", "manager", "analyst")
LONGEST_TOKEN = 4096  # characters


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``role`` is None for somebody without a token; for a resident ``subject`` is the resident_id."""

    role: str | None
    subject: str
    centre: str
    expires: float = float("inf")


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

    def __init__(self, secret: str, *, remember: int = 4096) -> None:
        self._key = OctKey.import_key(secret)
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            sub={"essential": True},
            role={"essential": True, "values": list(ROLES)},
            centre={"essential": True},
            exp={"essential": True},
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
        caller = self._caller(token)
        if caller.expires <= time.time():
            raise unauthorized("token_expired")
        return caller

    def _verify(self, token: str) -> Caller:
        if len(token) > LONGEST_TOKEN:
            raise unauthorized("token_invalid")
        try:
            claims = jwt.decode(token, self._key, algorithms=ALGORITHMS).claims
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise unauthorized("token_expired") from None
        except (JoseError, ValueError, TypeError):
            raise unauthorized("token_invalid") from None
        role, subject, centre = claims["role"], claims["sub"], claims["centre"]
        if not (isinstance(role, str) and isinstance(subject, str) and isinstance(centre, str)):
            raise unauthorized("token_invalid")
        return Caller(role, subject, centre, float(claims["exp"]))


def unauthorized(code: str) -> Problem:
    """A 401 with the challenge that RFC 6750 asks for."""
    challenge = 'Bearer realm="nanum"' + ("" if code == "token_missing" else ', error="invalid_token"')
    return Problem(code, headers=[("WWW-Authenticate", challenge)])
