"""What every request passes: its id, its caller, the route's policy, its body; then the answer, the log, the metrics.

There is no middleware: one function per route, made once at the start, so that a request pays only for its own checks.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import falcon
import structlog
from falcon.asgi import Response

from gateway import reading
from gateway.answer import Answer
from gateway.ask import Ask, command_id
from gateway.auth import Caller, Tokens, unauthorized
from gateway.house import House
from gateway.problems import Problem
from gateway.reading import Incoming
from gateway.route import Route

Responder = Callable[..., Coroutine[Any, Any, None]]
NOWHERE = "none"  # the route's name in logs and metrics when no route matched: never the path that was asked for
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
NOTHING_RUNS = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
log = structlog.get_logger()


class RouteWithoutPolicy(Exception):
    """A route doesn't say who may use it; nobody guesses."""


class Door:
    """Makes responders for Falcon out of routes."""

    def __init__(self, house: House, tokens: Tokens, centre: str) -> None:
        self._house, self._tokens, self._metrics = house, tokens, house.metrics
        self._anonymous = Caller(None, "", centre)  # who has no token sees this centre's public things

    def responder(self, route: Route) -> Responder:
        """The responder that serves a route."""
        enter = self._entrance(route)

        async def respond(req: Incoming, resp: Response, **params: str) -> None:
            request_id = reading.request_id_of(req)
            began = time.perf_counter()
            self._metrics.in_flight.inc()
            role = code = None
            try:
                who = self._tokens.caller(req.get_header("Authorization")) or self._anonymous
                role = who.role
                answer = await enter(req, who, request_id, params)
            except Problem as problem:
                code, answer = problem.code, problem.answer(request_id, req.get_header("Accept-Language"))
            except falcon.HTTPError:  # a header that Falcon can't read
                code = "bad_request"
                answer = Problem(code).answer(request_id, req.get_header("Accept-Language"))
            except Exception:
                log.exception("unexpected", request_id=request_id, route=route.name)
                code = "internal_error"
                answer = Problem(code).answer(request_id, req.get_header("Accept-Language"))
            finally:
                self._metrics.in_flight.dec()
            status = answer.status or route.status
            _send(resp, answer, status, request_id, route.caching if status < 400 else "no-store")
            self._note(route.method, route.path, status, began, request_id, role, code)

        return respond

    def _entrance(self, route: Route) -> Callable[[Incoming, Caller, str, dict[str, str]], Awaitable[Answer]]:
        """The checks of a route and its handler, with everything that can be looked up beforehand."""
        if route.who is None:
            raise RouteWithoutPolicy(f"{route.name} names no policy: declare who=... above its handler")
        body = None if route.body is None else reading.Body(route.body)
        query = None if route.query is None else route.query()
        with_key, key_required = route.key != "none", route.key == "required"
        roles, public, handler, name = route.who.roles, route.who.public, route.handler, route.name

        async def enter(req: Incoming, who: Caller, request_id: str, params: dict[str, str]) -> Answer:
            if who.role not in roles and not (public and who.role is None):
                raise _refuse(who, roles)
            path = reading.path_of(params)
            asked = reading.query_of(req.params, query)
            key = reading.key_of(req.get_header("Idempotency-Key"), required=key_required) if with_key else None
            sent = await body.read(req) if body is not None else {}
            made_id = command_id(who, name, key)
            ask = Ask(who, path, asked, sent, req.get_header, made_id, request_id, self._house)
            return await handler(ask)

        return enter

    def stray(self, find: Callable[[Incoming], Problem]) -> Responder:
        """A responder for a request that no route takes."""

        async def respond(req: Incoming, resp: Response, *_: Any, **__: Any) -> None:
            began, request_id, problem = time.perf_counter(), reading.request_id_of(req), find(req)
            answer = problem.answer(request_id, req.get_header("Accept-Language"))
            _send(resp, answer, problem.status, request_id, "no-store")
            self._note(req.method, NOWHERE, problem.status, began, request_id, None, problem.code)

        return respond

    def _note(
        self, method: str, path: str, status: int, began: float, request_id: str, role: str | None, code: str | None
    ) -> None:
        seconds = time.perf_counter() - began
        if path == NOWHERE and method not in falcon.HTTP_METHODS:
            method = NOWHERE  # a label that a stranger can't multiply
        self._metrics.answered(method, path, status, seconds)
        log.info(
            "request",
            request_id=request_id,
            method=method,
            route=path,
            status=status,
            ms=round(seconds * 1000, 2),
            role=role,
            code=code,
        )


def _refuse(who: Caller, roles: frozenset[str]) -> Problem:
    if who.role is None:
        return unauthorized("token_missing")
    return Problem("role_not_allowed", facts={"role": who.role, "roles": ", ".join(sorted(roles))})


def _send(resp: Response, answer: Answer, status: int, request_id: str, caching: str) -> None:
    """Put the answer on the wire; a header that the answer brings itself wins over the usual one."""
    resp.status = status
    if status not in (204, 304):
        resp.data = answer.body
        resp.content_type = answer.media_type
    resp.set_headers([*ALWAYS, NOTHING_RUNS, ("Cache-Control", caching), ("X-Request-Id", request_id), *answer.headers])


def wrong_path(req: Incoming) -> Problem:
    """Nothing lives at this path."""
    return Problem("unknown_path")


def wrong_method(allowed: list[str]) -> Callable[[Incoming], Problem]:
    """The path is there, but takes other methods."""
    listed = ", ".join(allowed)
    return lambda req: Problem("method_not_allowed", facts={"allowed": listed}, headers=[("Allow", listed)])
