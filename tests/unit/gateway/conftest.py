"""The real gateway under its real web server, between a real HTTP client and stand-ins for the services."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
import uvicorn
import uvloop
from joserfc import jwt
from joserfc.jwk import OKPKey

from gateway.__main__ import server
from gateway.app import build
from gateway.http.connections import Connections
from gateway.metrics import Metrics
from gateway.settings import RATES as USUAL_RATES
from gateway.settings import Settings
from integrations.tokens import new_key, public
from services.contracts.tokens import ROLES
from tests.unit.gateway.services import SECRET, Stage

TOKEN_KEY = new_key("people", ROLES)
TOKEN_FILES = Path(tempfile.mkdtemp(prefix="nanum-test-tokens-"))  # of the public keys, and of what is revoked
atexit.register(shutil.rmtree, TOKEN_FILES)
PSEUDONYM_SECRET = "pseudonym-secret-of-the-gateway-tests-0123456789"
CENTRE = "gwangju-namgu"
RATES = {**USUAL_RATES, "anonymous": (100_000, 86_400)}  # hardly refilled while a test looks
MOST, MOST_OF_ONE = 330, 300  # connections
DEADLINE = 0.5  # seconds; short, because some tests wait for it to pass


def token(role: str = "desk", subject: str = "desk-1", centre: str = CENTRE, **more: Any) -> str:
    """A bearer token as the local installation makes it; ``more`` claims, or others in their place."""
    now = int(time.time())
    who = {"iss": "nanum", "aud": "nanum", "sub": subject, "role": role, "centre": centre}
    claims = {**who, "iat": now, "exp": now + 600, "jti": uuid.uuid4().hex, **more}
    return signed({name: value for name, value in claims.items() if value is not None})


def signed(claims: dict[str, Any], key: dict[str, Any] = TOKEN_KEY, kid: str | None = TOKEN_KEY["kid"]) -> str:
    """A token with these claims, by a key, that says to be of the key ``kid``."""
    header = {"alg": "Ed25519"} if kid is None else {"alg": "Ed25519", "kid": kid}
    return jwt.encode(header, claims, OKPKey.import_key(key), ["Ed25519"])


def allow(*keys: dict[str, Any], revoked: dict[str, Any] | None = None) -> tuple[Path, Path]:
    """Write the files that a gateway verifies tokens by; their paths."""
    files = TOKEN_FILES / "keys.json", TOKEN_FILES / "revoked.json"
    documents = {"keys": [public(key) for key in keys]}, revoked or {"tokens": {}, "subjects": {}}
    for file, document in zip(files, documents, strict=True):
        part = file.with_suffix(".part")
        part.write_text(json.dumps(document))
        part.replace(file)
    return files


def settings(sources: dict[str, str]) -> Settings:
    """The settings of a gateway under test."""
    secrets = (SECRET, *allow(TOKEN_KEY), PSEUDONYM_SECRET)
    return Settings("127.0.0.1", 0, sources, *secrets, CENTRE, "error", proxies=("127.0.0.9",), rates=RATES)


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
        self.connections = Connections(metrics, most=MOST, most_of_one=MOST_OF_ONE, proxies=configured.proxies)
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
