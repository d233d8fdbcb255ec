"""The real gateway under its real web server, between a real HTTP client and stand-ins for the services."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
import requests
import structlog
import uvicorn
import uvloop
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.__main__ import server
from gateway.app import build
from gateway.http.connections import Connections
from gateway.metrics import Metrics
from gateway.settings import Settings
from tests.unit.gateway.services import SECRET, Stage

TOKEN_SECRET = "token-secret-of-the-gateway-tests-0123456789"
PSEUDONYM_SECRET = "pseudonym-secret-of-the-gateway-tests-0123456789"
CENTRE = "gwangju-namgu"
MOST, MOST_OF_ONE = 330, 300  # connections
DEADLINE = 0.5  # seconds; short, because some tests wait for it to pass


def token(role: str = "desk", subject: str = "desk-1", centre: str = CENTRE, **more: Any) -> str:
    """A bearer token as the local installation makes it; ``more`` claims, or others in their place."""
    claims = {"iss": "nanum", "sub": subject, "role": role, "centre": centre, "exp": int(time.time()) + 600, **more}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(TOKEN_SECRET))


def settings(sources: dict[str, str]) -> Settings:
    """The settings of a gateway under test."""
    return Settings("127.0.0.1", 0, sources, SECRET, TOKEN_SECRET, PSEUDONYM_SECRET, CENTRE, "error")


class Gateway:
    """A running gateway, with the loop that it and the stand-ins live in."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.stage = Stage()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.sources = self.run(self.stage.start())
        self.run(self._serve())

    async def _serve(self) -> None:
        metrics, configured = Metrics(), settings(self.sources)
        self.connections = Connections(metrics, most=MOST, most_of_one=MOST_OF_ONE, proxies=["127.0.0.9"])
        app = build(configured, metrics=metrics, deadline=DEADLINE)
        config = uvicorn.Config(app, port=0, **{**server(configured, self.connections), "loop": "none"})
        self.server = uvicorn.Server(config)
        self._serving = self.loop.create_task(self.server.serve())
        while not self.server.started:
            await asyncio.sleep(0.005)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def run(self, work: Coroutine[Any, Any, Any], timeout: float = 20) -> Any:
        """Run a coroutine in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def stop(self) -> None:
        """Stop everything in order."""
        self.server.should_exit = True
        self.run(asyncio.wait_for(self._serving, 15))
        self.run(self.stage.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)


@pytest.fixture(scope="session")
def running() -> Iterator[Gateway]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False)
    gateway = Gateway()
    yield gateway
    gateway.stop()


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.stage.clear()
    return running


@pytest.fixture
def stage(gateway: Gateway) -> Stage:
    return gateway.stage


class Client(requests.Session):
    """A client of the gateway that speaks in paths."""

    def __init__(self, url: str, bearer: str | None) -> None:
        super().__init__()
        self._url = url
        if bearer is not None:
            self.headers["Authorization"] = f"Bearer {bearer}"

    def request(self, method: str, path: str, *args: Any, **more: Any) -> requests.Response:  # type: ignore[override]
        return super().request(method, self._url + path, *args, **{"timeout": 20, **more})


@pytest.fixture
def desk(gateway: Gateway) -> Client:
    return Client(gateway.url, token())


@pytest.fixture
def manager(gateway: Gateway) -> Client:
    return Client(gateway.url, token("manager", "boss"))


@pytest.fixture
def analyst(gateway: Gateway) -> Client:
    return Client(gateway.url, token("analyst", "ana"))


@pytest.fixture
def resident(gateway: Gateway) -> Client:
    return Client(gateway.url, token("resident", RESIDENT_ID))


@pytest.fixture
def stranger(gateway: Gateway) -> Client:
    return Client(gateway.url, None)


RESIDENT_ID = f"{CENTRE}.{'a' * 32}"
RENTAL_ID = f"{CENTRE}.{'b' * 32}"


def lending(**changes: Any) -> dict[str, Any]:
    """A body for POST /v1/rentals."""
    body = {
        "resident_id": RESIDENT_ID,
        "barcodes": ["NG-C10-001"],
        "nights": 2,
        "payment": {"method": "card_terminal"},
        "manual_acknowledged": True,
    }
    return {**body, **changes}
