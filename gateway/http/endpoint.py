"""What every request passes: its id, its caller, the route's policy, its body; then the answer, the log, the metrics.

There is no middleware: each route has one endpoint, made at the start, so that a request pays only for its own checks.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

import falcon
import falcon.asgi
import structlog

from gateway.http.auth import ANALYST, DESK, MANAGER, RESIDENT, Caller, Tokens, unauthorized
from gateway.http.preconditions import unless_known, wished_wait
from gateway.http.problems import Problem
from gateway.http.request import Dependencies, RequestContext, command_id
from gateway.http.request_parsing import Incoming, Nothing, Parser, read_body, read_path, read_query
from gateway.http.response import Response
from gateway.http.route import Route
from gateway.metrics import Metrics
from gateway.upstream.gate import Priority

Headers = tuple[tuple[str, str], ...]
Responder = Callable[..., Coroutine[Any, Any, None]]
UNMATCHED = "none"  # the route's name in logs and metrics when no route matched: never the path that was asked for
HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
PRIORITY = {
    DESK: Priority.STAFF,
    MANAGER: Priority.STAFF,
    RESIDENT: Priority.RESIDENTS,
    None: Priority.PUBLIC,
    ANALYST: Priority.BULK,
}
UNCACHED = (*HEADERS, ("Cache-Control", "no-store"))
log = structlog.get_logger()


class Endpoint:
    """Serves one route. Everything that can be looked up beforehand is; raises RouteWithoutPolicy."""

    def __init__(
        self, route: Route, dependencies: Dependencies, tokens: Tokens, rates: RateLimits, centre: str
    ) -> None:
        self._rates = rates
        self._route, self._policy, self._name = route, route.policy, route.name
        self._dependencies, self._metrics, self._tokens = dependencies, dependencies.metrics, tokens
        self._anonymous = Caller(None, "", centre)  # who has no token sees this centre's public things
        self._query = Parser(route.query or Nothing, route.fills, texts=True)
        self._body = None if route.body is None else Parser(route.body, route.fills, largest=route.largest_body)
        self._heeds_none_match, self._heeds_match = "If-None-Match" in route.headers, "If-Match" in route.headers
        self._heeds_prefer = "Prefer" in route.headers
        self._headers: Headers = UNCACHED
        if route.caching != "no-store":  # a centre's staff may see another centre's by token
            self._headers = (*HEADERS, ("Cache-Control", route.caching), ("Vary", "Authorization"))

    async def respond(self, req: Incoming, resp: falcon.asgi.Response, **params: str) -> None:
        """Answer a request of this route."""
        caller, problem, route = self._anonymous, None, self._route
        rate: Headers = ()
        self._metrics.in_flight += 1
        try:
            try:
                caller = self._tokens.caller(req.get_header("Authorization")) or caller
            finally:  # a bad token is a request of nobody
                rate = self._rates.take(caller, req) if route.limited else ()
            response = await self._guard(req, caller, params)
        except Problem as found:
            problem = found.with_traceback(None)  # which would hold this frame, and this frame the problem
        except falcon.HTTPError:  # a header that Falcon can't read
            problem = Problem("bad_request")
        except Exception:
            log.exception("unexpected", request_id=req.id, route=self._name)
            problem = Problem("internal_error")
        finally:
            self._metrics.in_flight -= 1
        if problem is None:
            status, code = response.status or route.status, None
            send(req, resp, response, status, (*self._headers, *rate))
        else:
            status, code = problem.status, problem.code
            send_problem(req, resp, problem, rate)
        record(self._metrics, req, route.method, route.path, status, caller.role, code)

    async def _guard(self, req: Incoming, caller: Caller, params: dict[str, str]) -> Response:
        """Let a request in that is allowed and well-formed, and have it handled. Raises Problem."""
        route, policy = self._route, self._policy
        if caller.role is None and not policy.public:
            raise unauthorized("token_missing")
        if caller.role is not None and caller.role not in policy.roles:
            raise Problem("role_not_allowed", details={"role": caller.role, "roles": ", ".join(sorted(policy.roles))})
        if params:
            read_path(params)
        query = {} if self._query.may_be_empty and not req.params else read_query(req.params, self._query)
        key = None if route.key == "none" else req.get_header("Idempotency-Key")
        id = command_id(caller, self._name, key, required=route.key == "required")
        body = {} if self._body is None else await read_body(req, self._body)
        etags = req.if_none_match if self._heeds_none_match else req.if_match if self._heeds_match else None
        prefer = req.get_header("Prefer") if self._heeds_prefer else None
        context = RequestContext(
            caller=caller,
            url=req.path,
            path=params,
            query=query,
            body=body,
            etags=etags,
            wait=None if prefer is None else wished_wait(prefer),
            id=id,
            request_id=req.id,
            dependencies=self._dependencies,
            priority=PRIORITY[caller.role] if route.priority is None else route.priority,
            gone=req.gone,
        )
        response = await route.handler(context)
        return unless_known(response, etags) if self._heeds_none_match else response


class RateLimits:
    """How many requests each caller may send: a bucket of tokens for each, filled again at a constant rate.

    ``quotas``: requests and seconds by role, ``anonymous`` for who has no token; a client's address stands for the
    caller there. A bucket is kept as the time at which it is full again; of full ones nothing is kept for long.
    """

    def __init__(self, quotas: Mapping[str, tuple[int, int]], *, remember: int = 20_000) -> None:
        self._quotas = {None if role == "anonymous" else role: quota for role, quota in quotas.items()}
        self._full_at: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._remember = remember

    def take(self, caller: Caller, req: Incoming) -> Headers:
        """Take one token; the headers that tell of the rest. Raises Problem (429) when there is none."""
        quota, window = self._quotas[caller.role]
        who = ("", req.remote_addr) if caller.role is None else (caller.centre, caller.subject)
        now = req.began
        full_at = max(self._full_at.pop(who, now), now)
        left = int((window - (full_at - now)) * quota / window)
        if left >= 1:
            full_at += window / quota
        self._full_at[who] = full_at
        if len(self._full_at) > self._remember:
            self._full_at.popitem(last=False)
        headers = (
            ("RateLimit-Policy", f'"{caller.role or "anonymous"}";q={quota};w={window}'),
            ("RateLimit", f'"{caller.role or "anonymous"}";r={max(left - 1, 0)};t={math.ceil(full_at - now)}'),
        )
        if left < 1:
            retry = ("Retry-After", str(math.ceil(window / quota)))
            raise Problem("too_many_requests", details={"limit": quota, "seconds": window}, headers=(*headers, retry))
        return headers


def fallback(dependencies: Dependencies, problem: Problem) -> Responder:
    """A responder for requests that no route takes."""

    async def respond(req: Incoming, resp: falcon.asgi.Response, *_: Any, **__: Any) -> None:
        send_problem(req, resp, problem)
        # A method of the client's own making would be a label that a stranger can multiply.
        method = req.method if req.method in falcon.HTTP_METHODS else UNMATCHED
        record(dependencies.metrics, req, method, UNMATCHED, problem.status, None, problem.code)

    return respond


def send_problem(req: Incoming, resp: falcon.asgi.Response, problem: Problem, rate: Headers = ()) -> None:
    """Answer with a problem document."""
    response = problem.response(req.id, req.get_header("Accept-Language"))
    send(req, resp, response, problem.status, (*UNCACHED, *rate))


def send(
    req: Incoming,
    resp: falcon.asgi.Response,
    response: Response,
    status: int,
    usual_headers: Iterable[tuple[str, str]],
) -> None:
    """Put a response on the wire. A header of its own replaces the usual one."""
    resp.status = status
    if status not in (204, 304):
        resp.data, resp.content_type = response.body, response.media_type
    headers = [*usual_headers, ("X-Request-Id", req.id), *response.headers]
    if response.etag is not None:
        headers.append(("ETag", f'"{response.etag}"'))
    if response.location is not None:
        headers.append(("Location", response.location))
    if response.waited is not None:
        headers.append(("Preference-Applied", f"wait={response.waited}"))
    resp.set_headers(headers)


def record(
    metrics: Metrics, req: Incoming, method: str, route: str, status: int, role: str | None, code: str | None
) -> None:
    """Count a request and log it."""
    seconds = time.perf_counter() - req.began
    answer = method, route, status
    counter, histogram = metrics.answered.get(answer) or metrics.labelled(*answer)
    counter.inc()
    histogram.observe(seconds)
    ms = round(seconds * 1000, 2)
    log.info("request", request_id=req.id, method=method, route=route, status=status, ms=ms, role=role, code=code)
