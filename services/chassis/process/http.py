"""A service over HTTP: nameko's entrypoints and background threads around a :class:`Runtime`."""

from collections.abc import Callable
from typing import Any

import eventlet
import structlog
from nameko.extensions import DependencyProvider
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.wrappers import Request, Response

from services.chassis.domain import Refused
from services.chassis.foundation import database
from services.chassis.foundation.codec import encode
from services.chassis.foundation.settings import Settings
from services.chassis.process.runtime import Runtime
from services.chassis.process.web_server import http, probe
from services.chassis.service import Service
from services.contracts import refusals
from services.contracts.base import SchemaUnknown

log = structlog.get_logger()
END_IN_ORDER = 8.0  # seconds for the loops to finish what they have at hand; what is cut off then is done again later
STATUS = {refusals.NOT_FOUND: 404, refusals.UNAVAILABLE: 503, refusals.CONFLICT: 409, refusals.REFUSED: 422}


class Json(Response):
    """An answer in JSON."""

    default_mimetype = "application/json"


class RuntimeProvider(DependencyProvider):
    """Starts the runtime with the container, and stops its loops before the container ends."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.runtime: Runtime | None = None

    def setup(self) -> None:
        """Wire the service; a wrong setting ends the start here."""
        self.runtime = Runtime(self.service, Settings.from_env())

    def start(self) -> None:
        """Begin to relay, subscribe and work."""
        assert self.runtime is not None
        self._loops = [
            self.container.spawn_managed_thread(loop.run, identifier=loop.name) for loop in self.runtime.loops
        ]

    def stop(self) -> None:
        """Ask every loop to end after the batch at hand."""
        assert self.runtime is not None
        for loop in self.runtime.loops:
            loop.stop()
        with eventlet.Timeout(END_IN_ORDER, False):
            for thread in self._loops:
                thread.wait()

    def get_dependency(self, worker_ctx: Any) -> Runtime:
        """The runtime itself."""
        assert self.runtime is not None
        return self.runtime


def guarded(answer: Callable[..., bytes | Response]) -> Callable[..., Response]:
    """An entrypoint that answers every failure in a known way."""

    def respond(self: Any, request: Request, **path: str) -> Response:
        try:
            answered = answer(self, request, **path)
            return answered if isinstance(answered, Response) else Json(answered)
        except Refused as refused:
            return Json(encode({"refused": refused.document()}), STATUS.get(refused.kind, 400))
        except ValueError as wrong:
            return Json(encode({"error": str(wrong)}), 400)
        except database.UNAVAILABLE as error:
            log.warning("database_unavailable", error=str(error).strip())
            return Json(b'{"error": "the database is unavailable; nothing was done"}', 503)
        except SchemaUnknown as unknown:  # of the log, not of the request: a newer release knows it
            log.error("log_of_a_newer_release", error=str(unknown))
            return Json(encode({"error": str(unknown)}), 503)
        except Exception:
            log.exception("request_failed", path=request.path)
            return Json(b'{"error": "a fault of ours; it was logged"}', 500)

    respond.__name__, respond.__doc__ = answer.__name__, answer.__doc__
    return respond


class Entrypoints:
    """What every service answers; :func:`nameko_service` makes a service's class of it."""

    runtime: Any

    @http("POST", "/commands")
    @guarded
    def commands(self, request: Request) -> bytes:
        """Carry out a batch of commands."""
        carried_out: bytes = self.runtime.command(request.get_data())
        return carried_out

    @http("GET", "/queries/<string:query>")
    @guarded
    def queries(self, request: Request, query: str) -> Response:
        """Answer a named read."""
        result = self.runtime.query(query, request.args.to_dict())
        response = Json(result.document)
        if result.version is not None:
            response.headers["X-Version"] = str(result.version)
        return response

    @http("GET", "/events")
    @guarded
    def events(self, request: Request) -> bytes:
        """A page of the published events."""
        after, limit = int(request.args.get("after") or 0), int(request.args.get("limit") or 100)
        page: bytes = self.runtime.feed(after, max(1, limit), request.args.get("centre"))
        return page

    @http("GET", "/changes")
    @guarded
    def changes(self, request: Request) -> bytes:
        """The streams that have events behind ``after``; waits up to ``wait`` seconds for the first."""
        after, wait = request.args.get("after"), float(request.args.get("wait") or 0)
        found: bytes = self.runtime.changes(None if after is None else int(after), wait, request.args.get("centre"))
        return found

    @probe("GET", "/livez")
    def livez(self, request: Request) -> Response:
        """The process answers."""
        return Json(b'{"alive": true}')

    @probe("GET", "/readyz")
    def readyz(self, request: Request) -> Response:
        """Whether commands would be carried out, what is missing for it, and what else does not work."""
        readiness = self.runtime.readiness.now()
        return Json(encode(readiness), 200 if readiness.ready else 503)

    @probe("GET", "/metrics")
    def metrics(self, request: Request) -> Response:
        """The metrics of this process."""
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def nameko_service(service: Service) -> type:
    """The nameko class of a service."""
    return type(service.name.capitalize(), (Entrypoints,), {"name": service.name, "runtime": RuntimeProvider(service)})
