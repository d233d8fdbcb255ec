"""Too much at once: each caller has a rate, and a busy service does the most urgent first."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from gateway.http.auth import Caller
from gateway.http.endpoint import RateLimits
from gateway.http.problems import Problem
from gateway.upstream.batcher import Batcher
from gateway.upstream.gate import Gate, Priority, QueueFull
from tests.unit.gateway.conftest import CENTRE, Client, Gateway, token
from tests.unit.gateway.services import Stage
from tests.unit.gateway.test_problems import check

QUOTAS = {"anonymous": (2, 60), "resident": (5, 10), "desk": (100, 1)}
KIM, LEE = Caller("resident", "kim", CENTRE), Caller("resident", "lee", CENTRE)


class Asking:
    """A request as a rate limit sees it."""

    def __init__(self, began: float, address: str = "192.0.2.1") -> None:
        self.began, self.remote_addr = began, address


def take(rates: RateLimits, caller: Caller, at: float, address: str = "192.0.2.1") -> dict[str, str]:
    return dict(rates.take(caller, Asking(at, address)))  # type: ignore[arg-type]


class TestRates:
    def test_a_burst_then_a_constant_rate(self) -> None:
        rates = RateLimits(QUOTAS)
        told = [take(rates, KIM, 100.0)["RateLimit"] for _ in range(5)]
        assert told == [f'"resident";r={left};t={full}' for left, full in ((4, 2), (3, 4), (2, 6), (1, 8), (0, 10))]
        with pytest.raises(Problem) as refused:
            take(rates, KIM, 100.0)
        assert (refused.value.status, refused.value.code) == (429, "too_many_requests")
        assert dict(refused.value.headers)["Retry-After"] == "2"
        assert take(rates, KIM, 102.1)["RateLimit"].startswith('"resident";r=0;')  # one token came back
        with pytest.raises(Problem):
            take(rates, KIM, 102.1)
        assert take(rates, KIM, 200.0)["RateLimit"] == '"resident";r=4;t=2'
        assert take(rates, KIM, 200.0)["RateLimit-Policy"] == '"resident";q=5;w=10'

    def test_each_caller_has_their_own(self) -> None:
        rates, nobody = RateLimits(QUOTAS), Caller(None, "", CENTRE)
        for _ in range(5):
            take(rates, KIM, 1.0)
        take(rates, LEE, 1.0)
        take(rates, Caller("resident", "kim", "busan-suyeong"), 1.0)
        for address in ("192.0.2.1", "192.0.2.2"):
            for _ in range(2):
                take(rates, nobody, 1.0, address)
            with pytest.raises(Problem):
                take(rates, nobody, 1.0, address)

    def test_what_is_remembered_is_bounded(self) -> None:
        rates = RateLimits(QUOTAS, remember=3)
        for n in range(100):
            take(rates, Caller("resident", f"r{n}", CENTRE), 1.0)
        assert len(rates._full_at) == 3

    def test_who_is_refused_gets_no_longer_wait_for_asking(self) -> None:
        rates = RateLimits(QUOTAS)
        for _ in range(5):
            take(rates, KIM, 1.0)
        for _ in range(100):
            with pytest.raises(Problem):
                take(rates, KIM, 1.0)
        take(rates, KIM, 3.1)

    def test_an_answer_tells_of_them(self, desk: Client, resident: Client, stranger: Client, stage: Stage) -> None:
        stage.rows["inventory", "categories"] = (None, {"data": [], "next": None})
        for client, role in ((desk, "desk"), (resident, "resident"), (stranger, "anonymous")):
            headers = client.get("/v1/categories").headers
            assert re.fullmatch(rf'"{role}";q=\d+;w=\d+', headers["RateLimit-Policy"])
            assert re.fullmatch(rf'"{role}";r=\d+;t=\d+', headers["RateLimit"])
        assert "RateLimit" not in stranger.get("/livez").headers

    def test_a_resident_who_asks_on_and_on_is_told_to_wait(self, gateway: Gateway, stage: Stage) -> None:
        eager, calm = (Client(gateway.url, token("resident", f"{CENTRE}.{who * 32}")) for who in "ef")
        answers = [eager.get("/v1/items") for _ in range(720)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused and len(stage.asked) < 720
        check(refused[0], 429, "too_many_requests")
        assert int(refused[0].headers["Retry-After"]) >= 1
        assert calm.get("/v1/items").status_code != 429

    def test_bad_tokens_are_requests_of_nobody(self, gateway: Gateway) -> None:
        forger, nobody = Client(gateway.url, "e30.e30.e30"), Client(gateway.url, None)
        before = _left(nobody.get("/v1/announcements"))
        assert {forger.get("/v1/items").status_code for _ in range(40)} == {401}
        assert 35 < before - _left(nobody.get("/v1/announcements")) <= 41


def _left(answer: Any) -> int:
    return int(re.findall(r"r=(\d+)", answer.headers["RateLimit"])[0])


class TestUrgency:
    @pytest.mark.parametrize("most", [Priority.STAFF, Priority.RESIDENTS, Priority.PUBLIC, Priority.BULK])
    def test_less_urgent_reads_leave_places_for_the_others(self, most: Priority) -> None:
        async def play() -> int:
            gate = Gate(places=20, queue=0)
            async with AsyncExitStack() as inside:
                try:
                    while True:
                        await inside.enter_async_context(gate.entered(most))
                except QueueFull:
                    return len(gate)

        shares = {Priority.STAFF: 20, Priority.RESIDENTS: 16, Priority.PUBLIC: 12, Priority.BULK: 5}
        assert asyncio.run(play()) == shares[most]

    def test_the_least_urgent_make_room(self) -> None:
        async def play() -> tuple[list[str], list[str]]:
            gate, served, sent_away = Gate(places=5, queue=2, longest=5), [], []

            async def go(name: str, priority: Priority) -> None:
                try:
                    async with gate.entered(priority):
                        served.append(name)
                except QueueFull:
                    sent_away.append(name)

            async with AsyncExitStack() as inside, asyncio.TaskGroup() as group:
                for _ in range(5):
                    await inside.enter_async_context(gate.entered(Priority.STAFF))
                for name, priority in (
                    ("p1", Priority.PUBLIC),
                    ("p2", Priority.PUBLIC),
                    ("r", Priority.RESIDENTS),
                    ("p3", Priority.PUBLIC),
                ):
                    group.create_task(go(name, priority))
                    await asyncio.sleep(0)
                await inside.aclose()
            return served, sent_away

        assert asyncio.run(play()) == (["r", "p1"], ["p2", "p3"])

    def test_who_gives_up_waiting_leaves_no_place_taken(self) -> None:
        async def play() -> int:
            gate = Gate(places=2, queue=5, longest=0.02)
            async with gate.entered(Priority.STAFF), gate.entered(Priority.STAFF):
                with pytest.raises(QueueFull):
                    async with gate.entered(Priority.STAFF):
                        pass
                waiting = asyncio.create_task(gate.entered(Priority.STAFF).__aenter__())
                await asyncio.sleep(0)
                waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            async with gate.entered(Priority.STAFF), gate.entered(Priority.STAFF):
                return len(gate)

        assert asyncio.run(play()) == 2

    def test_returns_leave_before_lends_and_lends_before_the_rest(self) -> None:
        sent: list[list[str]] = []

        async def post(batch: list[dict[str, Any]]) -> list[str]:
            sent.append([command["n"] for command in batch])
            await asyncio.sleep(0)
            return [command["n"] for command in batch]

        async def play() -> None:
            batches = Batcher(post, largest=2, in_flight=1, capacity=8)
            names = {"staff": Priority.STAFF, "lend": Priority.LENDS, "return": Priority.RETURNS}
            futures = [batches.submit({"n": f"{name}{n}"}, names[name]) for n in (1, 2) for name in names]
            with pytest.raises(QueueFull):  # a quarter of the queue is for lends and returns alone
                batches.submit({"n": "staff3"}, Priority.STAFF)
            futures.append(batches.submit({"n": "return3"}, Priority.RETURNS))
            await asyncio.gather(*futures)

        asyncio.run(play())
        assert sent == [["return1", "return2"], ["return3", "lend1"], ["lend2", "staff1"], ["staff2"]]

    def test_a_flood_of_public_reads_does_not_hold_up_the_desk(
        self, gateway: Gateway, stage: Stage, desk: Client
    ) -> None:
        stage.rows["inventory", "item"] = (1, {"barcode": "NG-C10-001"})
        stage.gate = asyncio.Event()
        stage.gated = {"categories"}

        async def flood() -> list[int]:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

                async def one() -> int:
                    async with session.get(f"{gateway.url}/v1/categories") as answer:
                        return answer.status

                return await asyncio.gather(*(one() for _ in range(200)))

        flooding = asyncio.run_coroutine_threadsafe(flood(), gateway.loop)
        while not stage.asked:
            time.sleep(0.005)
        assert desk.get("/v1/items/NG-C10-001").status_code == 200
        gateway.loop.call_soon_threadsafe(stage.gate.set)
        assert set(flooding.result(20)) <= {404, 503}

    def test_liveness_and_readiness_cost_the_services_little(self, gateway: Gateway, stranger: Client) -> None:
        before = gateway.stage.ready_asked
        for _ in range(50):
            assert stranger.get("/livez").status_code == 200
        assert gateway.stage.ready_asked == before
        for _ in range(50):
            assert stranger.get("/readyz").json()["services"]["rentals"] == "ready"
        assert gateway.stage.ready_asked - before <= 3 * 4
