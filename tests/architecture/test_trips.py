"""How far a reader has to go to follow a request, and an event: the files and functions of ours that they pass.

Counted by a profile hook on the real path: Postgres, RabbitMQ, HTTP between gateway and service. Every function counts
once, however often it runs; what has no name, comprehension or lambda, is a line of the function around it.
"""

import asyncio
import contextlib
import functools
import json
import re
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import pytest
from aiohttp import web
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from gateway.app import build
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation import database
from services.chassis.foundation.settings import Settings
from services.chassis.foundation.signals import Signal
from services.chassis.messaging.consumer_loop import ConsumerLoop
from services.chassis.messaging.parked import ParkedEvents, Retrier
from services.chassis.messaging.rabbitmq import Consumer, Publisher
from services.chassis.messaging.relay import PostgresOutbox, Relay
from services.chassis.messaging.subscriber import Subscriber
from services.chassis.process.http import nameko_service
from services.chassis.process.runtime import Runtime
from services.inventory.service import SERVICE as INVENTORY
from services.rentals.service import SERVICE as RENTALS
from tests.architecture.tree import ROOT
from tests.support.broker import empty
from tests.support.centre import MONDAY, Desk, lend
from tests.support.waiting import wait_for
from tests.unit.gateway.conftest import lending, settings, token
from tests.unit.gateway.test_trip import Line

OURS = tuple(str(ROOT / top) for top in ("services", "gateway"))
NAMELESS = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"}
REQUEST, EVENT = (20, 80), (12, 50)  # files, functions


class Trip:
    """The functions of ours that ran."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()

    def _watch(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS) and code.co_name not in NAMELESS:
            self._codes.add(code)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Count what runs meanwhile."""
        sys.setprofile(self._watch)
        try:
            yield
        finally:
            sys.setprofile(None)

    @property
    def names(self) -> list[str]:
        """Every function with its file."""
        return sorted(f"{code.co_filename.removeprefix(str(ROOT))}:{code.co_qualname}" for code in self._codes)

    @property
    def size(self) -> tuple[int, int]:
        """(files, functions)"""
        return len({code.co_filename for code in self._codes}), len(self._codes)


def told(page: str) -> tuple[int, int]:
    """The size that ARCHITECTURE.md tells of a trip."""
    text = " ".join((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split())
    found = re.search(rf"{page} passes (\d+) files and (\d+) functions", text)
    assert found, f"ARCHITECTURE.md does not say what {page} passes"
    return int(found[1]), int(found[2])


def holds(trip: Trip, page: str, bound: tuple[int, int]) -> None:
    """The trip is what the page says, and within its bound."""
    measured, written = trip.size, told(page)
    assert all(n > 10 for n in measured[1:]) and measured[0] > 5, "hardly anything was watched"
    assert all(n <= most for n, most in zip(measured, bound, strict=True)), (measured, trip.names)
    assert measured == written or sys.version_info[:2] != (3, 11), (measured, written)


def test_one_rental_from_its_request_to_its_answer(fresh: Any) -> None:
    desk = Desk(fresh("rentals").app).opened("NG-C10-001", "NG-C10-002")
    url = desk.store.pool.url
    runtime = Runtime(
        RENTALS,
        Settings(
            url, "amqp://nowhere", "127.0.0.1", 1, dict.fromkeys(RENTALS.sources, ""), SECRET, SECRET, "error", None
        ),
    )
    resident, trip = desk.resident(), Trip()

    async def play() -> None:
        async with serving(runtime) as source:
            sources = dict.fromkeys(("inventory", "rentals", "billing", "notifications"), source)
            app, lifespan = build(settings(sources)), Line({"type": "lifespan.startup"})
            life = asyncio.create_task(
                app({"type": "lifespan", "asgi": {"version": "3.0"}}, lifespan.get, lifespan.send)
            )
            await post(app, "first", resident, "NG-C10-001")  # what is looked up once is looked up now
            with trip.watched():
                await post(app, "second", resident, "NG-C10-002")
                await asyncio.sleep(0)
            await lifespan.put({"type": "lifespan.shutdown"})
            await life

    asyncio.run(play())
    holds(trip, "One `POST /v1/rentals`", REQUEST)


SECRET = "internal-secret-of-the-gateway-tests-0123456789"


@contextlib.asynccontextmanager
async def serving(runtime: Runtime) -> Any:
    """The service behind a plain HTTP server: the entrypoint is the very one that nameko calls."""
    service: Any = nameko_service(RENTALS)
    instance = service()
    instance.runtime = runtime

    async def commands(request: web.Request) -> web.Response:
        environ = EnvironBuilder("/commands", method="POST", data=await request.read(), headers=dict(request.headers))
        response = service.commands(instance, Request(environ.get_environ()))
        return web.Response(body=response.get_data(), status=response.status_code, content_type="application/json")

    app = web.Application()
    app.router.add_post("/commands", commands)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@functools.cache
def bearer() -> str:
    """One token for both requests, as a client has it."""
    return token()


async def post(app: Any, key: str, resident: str, barcode: str) -> None:
    """Ask for a rental; it is made."""
    headers = {"authorization": f"Bearer {bearer()}", "idempotency-key": key, "content-type": "application/json"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "path": "/v1/rentals",
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    body = json.dumps(lending(resident_id=resident, barcodes=[barcode])).encode()
    line = Line({"type": "http.request", "body": body, "more_body": False})
    await app(scope, line.get, line.send)
    assert line.sent[0]["status"] == 201, line.sent


@pytest.fixture
def inventory(fresh: Any, servers: Any) -> Iterator[tuple[PostgresStore, ConsumerLoop, Consumer]]:
    store = PostgresStore(INVENTORY, fresh("inventory").app)
    consumer = Consumer(servers.amqp_url("inventory"), "inventory", "rentals")
    subscriber = Subscriber(
        INVENTORY, "rentals", store, lambda after: pytest.fail("nothing is missing"), lambda: MONDAY
    )
    consumer.open()
    empty(consumer)
    yield store, ConsumerLoop(subscriber, consumer, Retrier(subscriber, ParkedEvents(store.pool))), consumer
    consumer.close()


def test_one_event_from_its_log_to_a_row_of_another_service(fresh: Any, servers: Any, inventory: Any) -> None:
    store, loop, consumer = inventory
    desk = Desk(fresh("rentals").app).opened("NG-C10-001", "NG-C10-002")
    resident, bus = desk.resident(), Publisher(servers.amqp_url("rentals"), "rentals")
    relay = Relay(RENTALS, desk.store.pool.url, bus, Signal())

    def rented_out() -> int:
        with store.pool.connection() as conn:
            row = conn.execute("SELECT count(*) FROM rented_out WHERE item_id LIKE 'gwangju-namgu.%'").fetchone()
        return int(row[0]) if row else 0

    with database.connect(desk.store.pool.url) as conn:
        outbox, trip = PostgresOutbox(RENTALS, conn), Trip()
        desk.do(lend(resident, "NG-C10-001"))
        relay.step(outbox)
        taken_in(consumer, loop, lambda: rented_out() == 1)
        desk.do(lend(resident, "NG-C10-002"))
        with trip.watched():
            relay.step(outbox)
        with trip.watched():
            taken_in(consumer, loop, None)
        assert rented_out() == 2
    bus.close()
    holds(trip, "One event", EVENT)


def taken_in(consumer: Consumer, loop: ConsumerLoop, done: Callable[[], bool] | None) -> None:
    """Take in what comes: once, or until it is done."""

    def one() -> bool:
        deliveries = consumer.take(2.0)
        if deliveries:
            loop.receive(deliveries)
        return bool(deliveries) if done is None else done()

    wait_for(one)
