"""What a route is. The table of routes is the single source for the app, its policies and its OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from gateway.http.auth import Policy
from gateway.http.paging import page
from gateway.http.request import RequestContext
from gateway.http.request_parsing import LARGEST_BODY
from gateway.http.response import Response
from gateway.upstream.gate import Priority
from services.contracts.base import snake

Handler = Callable[[RequestContext], Awaitable[Response]]
Key = Literal["required", "optional", "none"]
LONG_TEXTS = 256 * 1024  # bytes: the body of a whole document, as the house rules or a manual
BRIEFLY = "public, max-age=2"  # seconds: what is free changes with every loan


class RouteWithoutPolicy(Exception):
    """A route doesn't say who may use it; nobody guesses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    ``who``: its policy; the app doesn't start without one. ``body``, ``query``: contracts of what is sent, but for the
    fields that the gateway ``fills`` in: the centre and what the path names always. ``answer``: the view that comes
    back, or a sentence that describes it; a query's own unless it is given. ``paged``: a page of those. ``key``:
    whether an Idempotency-Key is required. ``headers``: the request headers that it heeds beyond that. ``caching``:
    ``no-store`` unless what it shows is public; what may be cached may be asked for anew with If-None-Match.
    ``largest_body``: the bytes that its body may have. ``priority``: who is let in first by a busy service, that of the
    caller's role unless it is given. ``limited``: whether its requests count towards the caller's rate. ``refusals``:
    statuses of its service's refusals that the rest of the declaration doesn't imply.
    """

    method: str
    path: str
    handler: Handler
    who: Policy | None
    tag: str
    answer: Any
    body: type | None = None
    query: type | None = None
    fills: frozenset[str] = frozenset()
    paged: bool = False
    key: Key = "none"
    status: int = 200
    headers: tuple[str, ...] = ()
    caching: str = "no-store"
    largest_body: int = LARGEST_BODY
    priority: Priority | None = None
    limited: bool = True
    refusals: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """``GET /v1/rentals/{id}``"""
        return f"{self.method} {self.path}"

    @property
    def policy(self) -> Policy:
        """Who may use it. Raises RouteWithoutPolicy."""
        if self.who is None:
            raise RouteWithoutPolicy(f"{self.name} names no policy: declare who=...")
        return self.who


class Routes:
    """The routes of one resource, declared above their handlers, or by one call where a contract says it all.

    ``thing``: what an ``{id}`` in their paths names. Of a ``repair`` it is the contract's ``repair_id``; ``{barcode}``
    and ``{code}`` have the same name there. What the path names, the gateway fills in.
    """

    def __init__(self, tag: str, thing: str = "") -> None:
        self._tag, self._thing = tag, thing
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def list(self, path: str, query: type, summary: str, **declared: Any) -> None:
        """Declare a GET of what a query lists; the operation ``list_items`` asks ``Items``.

        A resident who may ask a query that has a ``resident_id`` gets only their own.
        """
        of_residents = "resident_id" in get_type_hints(query)

        async def handler(context: RequestContext) -> Response:
            """Ask for the page."""
            if of_residents:
                context.own_only()
            return await page(context, query)

        self.get(path, query=query, **declared)(described(f"list_{snake(query.__name__)}", summary, handler))

    def show(self, path: str, query: type, summary: str, **declared: Any) -> None:
        """Declare a GET of one document, for whoever may see every such; the operation ``show_item`` asks ``Item``.

        What the path doesn't name is the only one of its kind, and the operation is ``ledger``.
        """
        name = snake(query.__name__)

        async def handler(context: RequestContext) -> Response:
            """Ask for the document."""
            document = await context.ask(query, **context.named(self._thing), **context.query)
            # What has an id is one aggregate; anything else may change though the version of its row stays.
            return Response(document.body, etag=document.version if "id" in context.path else None)

        operation = f"show_{name}" if "{" in path else name
        self.get(path, query=query, **declared)(described(operation, summary, handler))

    def command(self, path: str, command: type, summary: str, *, method: str = "POST", **declared: Any) -> None:
        """Declare what does a command: the operation ``send_repair`` does ``SendRepair``.

        What the path does not name is in the body, or in the query of a DELETE.

        One that heeds If-Match answers with the new version as ETag.
        """
        versioned = "If-Match" in declared.get("headers", ())

        async def handler(context: RequestContext) -> Response:
            """Have the command done."""
            row = await context.send(command, **context.named(self._thing), **context.body, **context.query)
            return Response(row.body, etag=row.version if versioned else None)

        sent = {"body" if method == "POST" else "query": command}
        declare = self._declare(method, path, **{"key": "optional", **sent, **declared})
        declare(described(snake(command.__name__), summary, handler))

    def get(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        """Declare a GET."""
        query: Any = declared.get("query")
        usual = {} if query is None else {"answer": query.ANSWER, "paged": query.PAGED}
        if "caching" in declared:
            usual["headers"] = ("If-None-Match",)
        return self._declare("GET", path, **{**usual, **declared})

    def post(self, path: str, **declared: Any) -> Callable[[Handler], Handler]:
        """Declare a POST; an Idempotency-Key is optional unless declared otherwise."""
        return self._declare("POST", path, **{"key": "optional", **declared})

    def _declare(
        self, method: str, path: str, *, who: Policy | None = None, fills: Collection[str] = (), **declared: Any
    ) -> Callable[[Handler], Handler]:
        # No default for the policy: a route that forgets it has None, and the app refuses to start.
        named = (f"{self._thing}_id" if name == "id" else name for name in re.findall(r"{(\w+)}", path))
        filled = frozenset({"centre", "whose", *named, *fills})

        def declare(handler: Handler) -> Handler:
            self._routes.append(
                Route(method=method, path=path, handler=handler, tag=self._tag, who=who, fills=filled, **declared)
            )
            return handler

        return declare


def described(name: str, summary: str, handler: Handler) -> Handler:
    """The handler, which is documented as an operation of this name."""
    handler.__name__, handler.__doc__ = name, summary
    return handler
