"""The doors: nameko's HTTP entrypoints and background threads around a :class:`Runtime`. Both end here."""

from __future__ import annotations

import hmac
from typing import Any, ClassVar

import eventlet
import structlog
from nameko.extensions import DependencyProvider
from nameko.web.handlers import http
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.wrappers import Request, Response

from services.chassis import database
from services.chassis.codec import encode
from services.chassis.definition import Service
from services.chassis.kernel import Refused
from services.chassis.runtime import Runtime
from services.chassis.settings import Settings
from services.contracts import refusals

log = structlog.get_logger()
END_IN_ORDER = 8.0  # seconds for the loops to finish what they have at hand; what is cut off then is done again later
STATUS = {refusals.NOT_FOUND: 404, refusals.UNAVAILABLE: 503, refusals.CONFLICT: 409, refusals.REFUSED: 422}


class Running(DependencyProvider):
    """Starts the runtime with the container, and stops its loops before the container ends."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None

    def setup(self) -> None:
        """Wire the service; a wrong setting ends the start here."""
        self.runtime = Runtime(self.container.service_cls.service, Settings.from_env())

    def start(self) -> None:
        """Begin to relay, follow and work."""
        assert self.runtime is not None
        self._loops = [
            self.container.spawn_managed_thread(loop.run, identifier=type(loop).__name__)
            for loop in self.runtime.loops()
        ]

    def stop(self) -> None:
        """Ask every loop to end after the batch at hand."""
        assert self.runtime is not None
        for loop in self.runtime.loops():
            loop.stop()
        with eventlet.Timeout(END_IN_ORDER, False):
            for thread in self._loops:
                thread.wait()

    def get_dependency(self, worker_ctx: Any) -> Runtime:
        """The runtime itself."""
        assert self.runtime is not None
        return self.runtime


class Door:
    """What every service answers. A service's class adds its name and its definition."""

    name: ClassVar[str]
    service: ClassVar[Service]
    running: Any = Running()

    @http("POST", "/commands")
    def commands(self, request: Request) -> Response:
        """Carry out a batch of commands."""
        return self._guarded(request, lambda: _json(self.running.command(request.get_data())))

    @http("GET", "/queries/<string:query>")
    def queries(self, request: Request, query: str) -> Response:
        """Answer a named read."""
        return self._guarded(request, lambda: self._answer(query, request.args.to_dict()))

    @http("GET", "/events")
    def events(self, request: Request) -> Response:
        """A page of the published facts."""
        return self._guarded(request, lambda: _json(self._feed(request)))

    @http("GET", "/livez")
    def livez(self, request: Request) -> Response:
        """The process turns."""
        return _json(b'{"alive": true}')

    @http("GET", "/readyz")
    def readyz(self, request: Request) -> Response:
        """Whether commands would be carried out, and what is missing for it."""
        missing = self.running.readiness()
        return _json(encode({"ready": not missing, "missing": missing}), 503 if missing else 200)

    @http("GET", "/metrics")
    def metrics(self, request: Request) -> Response:
        """The metrics of this process."""
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    def _feed(self, request: Request) -> bytes:
        after, limit = int(request.args.get("after") or 0), int(request.args.get("limit") or 100)
        feed: bytes = self.running.feed(after, max(1, limit))
        return feed

    def _answer(self, query: str, given: dict[str, str]) -> Response:
        answer = self.running.query(query, given)
        response = _json(answer.document)
        if answer.version is not None:
            response.headers["X-Version"] = str(answer.version)
        return response

    def _guarded(self, request: Request, answer: Any) -> Response:
        expected = f"Bearer {self.running.settings.secret}"
        if not hmac.compare_digest(request.headers.get("Authorization", ""), expected):
            return _json(b'{"error": "this door is for the gateway and for the services"}', 401)
        try:
            response: Response = answer()
            return response
        except Refused as refused:
            return _json(encode({"refused": refused.say()}), STATUS.get(refused.kind, 400))
        except ValueError as wrong:
            return _json(encode({"error": str(wrong)}), 400)
        except database.AWAY as error:
            log.warning("database_away", error=str(error).strip())
            return _json(b'{"error": "the database is away; nothing was done"}', 503)
        except Exception:
            log.exception("request_failed", path=request.path)
            return _json(b'{"error": "a fault of ours; it was logged"}', 500)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, content_type="application/json")
