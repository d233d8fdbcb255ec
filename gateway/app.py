"""Puts the gateway together: the table of routes behind one door, as a Falcon ASGI app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import falcon
import structlog
from falcon.asgi import App, Response

from gateway.auth import Tokens
from gateway.clients import Services
from gateway.docs import documents
from gateway.door import Door, Responder, wrong_method, wrong_path
from gateway.house import House
from gateway.metrics import Metrics
from gateway.problems import Problem
from gateway.reading import Incoming
from gateway.route import Route
from gateway.routes import ROUTES
from gateway.settings import Settings

log = structlog.get_logger()


def build(settings: Settings, routes: Iterable[Route] = ROUTES, **bounds: Any) -> App[Incoming, Response]:
    """The app. ``bounds`` go to the services' clients. Raises RouteWithoutPolicy."""
    routes = tuple(routes)
    metrics = Metrics()
    services = Services.at(settings.sources, settings.internal_secret, metrics, **bounds)
    house = House(services, metrics, settings.pseudonym_secret)
    door = Door(house, Tokens(settings.token_secret), settings.centre)
    app: App[Incoming, Response] = App(middleware=[Life(services)], request_type=Incoming)
    for path, resource in _resources(routes, door).items():
        app.add_route(path, resource)
    house.documents.update(documents(routes))
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


def _catch_strays(app: App[Incoming, Response], door: Door) -> None:
    """Whatever no route takes, and whatever Falcon itself refuses, is a problem document too."""
    app.add_sink(door.stray(wrong_path), prefix="/")
    unreadable = door.stray(lambda req: Problem("bad_request"))
    broken = door.stray(lambda req: Problem("internal_error"))

    async def on_http_error(req: Incoming, resp: Response, failure: Exception, params: object) -> None:
        await unreadable(req, resp)

    async def on_anything(req: Incoming, resp: Response, failure: Exception, params: object) -> None:
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
