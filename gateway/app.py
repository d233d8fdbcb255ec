"""Puts the gateway together: the table of routes behind one door, as a Falcon ASGI app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import falcon
import structlog
from falcon.asgi import App, Request, Response

from gateway.auth import Tokens
from gateway.clients import Services
from gateway.docs import documents
from gateway.door import Door, Responder, wrong_method, wrong_path
from gateway.house import House
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.route import Route
from gateway.routes import ROUTES
from gateway.settings import Settings

log = structlog.get_logger()


class RouteWithoutPolicy(Exception):
    """A route says nobody may use it or everybody may; the app does not guess."""


def build(settings: Settings, routes: Iterable[Route] = ROUTES, **bounds: Any) -> App:
    """The app. ``bounds`` go to the services' clients. Raises RouteWithoutPolicy."""
    routes = tuple(routes)
    open_to_all = [route.name for route in routes if route.who is None]
    if open_to_all:
        raise RouteWithoutPolicy(f"no policy (who=...) declared for {', '.join(open_to_all)}")
    metrics = Metrics()
    services = Services.at(settings.sources, settings.internal_secret, metrics, **bounds)
    door = Door(House(services, metrics, documents(routes)), Tokens(settings.token_secret), settings.centre)
    app = App(middleware=[Life(services)])
    for path, resource in _resources(routes, door).items():
        app.add_route(path, resource)
    _catch_strays(app, door)
    return app


def _resources(routes: Iterable[Route], door: Door) -> dict[str, object]:
    """One object per path with a responder for every method: ours, or one that names the methods it takes."""
    by_path: dict[str, dict[str, Responder]] = defaultdict(dict)
    for route in routes:
        by_path[route.path][route.method] = door.responder(route)
    resources = {}
    for path, responders in by_path.items():
        if "GET" in responders:
            responders["HEAD"] = responders["GET"]
        refuse = door.stray(wrong_method(sorted(responders)))
        everything = {method: responders.get(method, refuse) for method in falcon.HTTP_METHODS}
        resources[path] = _resource(everything)
    return resources


def _resource(responders: Mapping[str, Responder]) -> object:
    named = {f"on_{method.lower()}": staticmethod(respond) for method, respond in responders.items()}
    return type("Resource", (), named)()


def _catch_strays(app: App, door: Door) -> None:
    """Whatever no route takes, and whatever Falcon itself refuses, is a problem document too."""
    app.add_sink(door.stray(wrong_path), prefix="/")
    unreadable = door.stray(lambda req: Problem("bad_request"))
    broken = door.stray(lambda req: Problem("internal_error"))

    async def on_http_error(req: Request, resp: Response, failure: Exception, params: object) -> None:
        await unreadable(req, resp)

    async def on_anything(req: Request, resp: Response, failure: Exception, params: object) -> None:
        log.error("unexpected", exc_info=failure)
        await broken(req, resp)

    app.add_error_handler(Exception, on_anything)
    app.add_error_handler(falcon.HTTPError, on_http_error)


class Life:
    """Opens and closes the services' clients with the server. It costs a request nothing: it has no request hooks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def process_startup(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """The server is about to listen."""
        await self._services.open()

    async def process_shutdown(self, scope: dict[str, Any], event: dict[str, Any]) -> None:
        """The last request is answered."""
        await self._services.close()
