"""Puts the gateway together: an endpoint for each route of the table, as a Falcon ASGI app."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import falcon
import structlog
from falcon.asgi import App, Response

from gateway.api import ROUTES
from gateway.docs.pages import documents
from gateway.http.auth import Tokens
from gateway.http.endpoint import Endpoint, RateLimits, Responder, fallback
from gateway.http.problems import Problem
from gateway.http.request import Dependencies
from gateway.http.request_parsing import Incoming
from gateway.http.route import Route
from gateway.http.token_files import Keys, Revocations
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.upstream.client import Service, Services
from gateway.upstream.watcher import Waits

log = structlog.get_logger()


def build(
    settings: Settings, routes: Iterable[Route] = ROUTES, metrics: Metrics | None = None, **bounds: Any
) -> App[Incoming, Response]:
    """The app. ``bounds`` of the services' clients: ``deadline`` in seconds, ``capacity`` in waiting commands.

    Raises RouteWithoutPolicy.
    """
    routes = tuple(routes)
    metrics = metrics or Metrics()
    secret = settings.internal_secret
    services = {name: Service(name, url, secret, metrics, **bounds) for name, url in settings.sources.items()}
    dependencies = Dependencies(services, metrics, settings.pseudonym_secret, documents(routes), Waits())
    metrics.waits.set_function(lambda: dependencies.waits.count)
    tokens = Tokens(Keys(settings.token_keys), Revocations(settings.revoked))
    rates = RateLimits(settings.rates)
    by_path: dict[str, dict[str, Responder]] = defaultdict(dict)
    for route in routes:
        by_path[route.path][route.method] = Endpoint(route, dependencies, tokens, rates, settings.centre).respond
    app: App[Incoming, Response] = App(middleware=[Lifespan(services, tokens)], request_type=Incoming)
    wrong_method = {path: _wrong_method(responders, dependencies) for path, responders in by_path.items()}
    for path, responders in by_path.items():
        methods = {f"on_{method.lower()}": responders.get(method, wrong_method[path]) for method in falcon.HTTP_METHODS}
        app.add_route(path, SimpleNamespace(**methods))
    # Whatever no route takes, and whatever Falcon itself refuses, is a problem document too.
    app.add_sink(fallback(dependencies, Problem("unknown_path")), prefix="/")
    broken = fallback(dependencies, Problem("internal_error"))

    async def on_anything(req: Incoming, resp: Response, failure: Exception, params: object) -> None:
        log.error("unexpected", exc_info=failure)
        await broken(req, resp)

    app.add_error_handler(Exception, on_anything)
    unknown_method, unreadable = (fallback(dependencies, Problem(code)) for code in ("unknown_method", "bad_request"))

    async def on_refused(req: Incoming, resp: Response, failure: falcon.HTTPError, params: object) -> None:
        unknown = wrong_method.get(req.uri_template or "", unknown_method)  # to Falcon, not to the parser: QUERY, MKCOL
        await (unreadable if req.method in falcon.HTTP_METHODS else unknown)(req, resp)

    app.add_error_handler(falcon.HTTPError, on_refused)
    return app


def _wrong_method(responders: dict[str, Responder], dependencies: Dependencies) -> Responder:
    """What answers methods that a path does not take, and names those that it takes; HEAD is added to them."""
    if "GET" in responders:
        responders["HEAD"] = responders["GET"]
    allowed = ", ".join(sorted(responders))
    return fallback(
        dependencies, Problem("method_not_allowed", details={"allowed": allowed}, headers=[("Allow", allowed)])
    )


class Lifespan:
    """Opens and closes the services' clients with the server. It has no request hooks, so a request pays nothing."""

    def __init__(self, services: Services, tokens: Tokens) -> None:
        self._services, self._tokens = services, tokens

    async def process_startup(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """The server is about to listen."""
        for service in self._services.values():
            await service.open()
        self._watching = asyncio.create_task(self._tokens.watch())

    async def process_shutdown(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """The last request is answered."""
        self._watching.cancel()
        for service in self._services.values():
            await service.close()
