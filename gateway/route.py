"""What a route is. The table of routes is the single source for the app, its policies and its OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import Schema

from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import Policy

Handler = Callable[[Ask], Awaitable[Answer]]
Key = Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    ``who``: its policy; the app doesn't start without one. ``body``, ``query``: schemas of what is sent.
    ``answer``: the schema of what comes back, or a sentence that describes it. ``many``: a page of those.
    ``key``: whether an Idempotency-Key is required. ``headers``: the request headers that it heeds beyond that.
    ``caching``: ``no-store`` unless what it shows is public.
    """

    method: str
    path: str
    handler: Handler
    who: Policy | None
    tag: str
    answer: type[Schema] | str
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    many: bool = False
    key: Key = "none"
    status: int = 200
    headers: tuple[str, ...] = ()
    caching: str = "no-store"

    @property
    def name(self) -> str:
        """``GET /v1/rentals/{id}``"""
        return f"{self.method} {self.path}"


class Routes:
    """The routes of one resource, declared above their handlers."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def get(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        """Declare a GET."""
        return self._declare("GET", path, declared)

    def post(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        """Declare a POST; an Idempotency-Key is optional unless declared otherwise."""
        return self._declare("POST", path, {"key": "optional", **declared})

    def delete(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        """Declare a DELETE; an Idempotency-Key is optional unless declared otherwise."""
        return self._declare("DELETE", path, {"key": "optional", **declared})

    def _declare(self, method: str, path: str, declared: dict[str, Any]) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            # No default for the policy: a route that forgets it has None, and the app refuses to start.
            named = {"who": None, **declared}
            self._routes.append(Route(method=method, path=path, handler=handler, tag=self._tag, **named))
            return handler

        return declare
