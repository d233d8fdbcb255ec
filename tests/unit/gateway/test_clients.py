"""How commands travel: batches that set their own pace, deadlines, a service that is away, slow or broken."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from gateway.http.problems import Problem
from gateway.metrics import Metrics
from gateway.upstream.batcher import Batcher
from gateway.upstream.client import Service
from gateway.upstream.gate import Priority, QueueFull
from tests.unit.gateway.conftest import DEADLINE, RENTAL_ID, Client, Gateway, lending, token
from tests.unit.gateway.services import SECRET, Stage, accepted, refused

KEY = {"Idempotency-Key": "k"}


async def post_many(gateway: Gateway, count: int) -> list[tuple[int, dict]]:
    async def one(session: aiohttp.ClientSession, number: int) -> tuple[int, dict]:
        body, headers = lending(nights=number + 1), {"Idempotency-Key": f"k{number}"}
        async with session.post(f"{gateway.url}/v1/rentals", json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {token()}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        return await asyncio.gather(*(one(session, number) for number in range(count)))


def test_a_hundred_at_once_travel_in_few_requests(gateway: Gateway, stage: Stage) -> None:
    def odd_ones_fail(command: dict) -> dict:
        return (refused("conflict", "item_out") if command["data"]["nights"] % 2 else accepted)(command)

    stage.decide["request_rental"] = odd_ones_fail
    answers = gateway.run(post_many(gateway, 100))
    for number, (status, answer) in enumerate(answers):
        if (number + 1) % 2:
            assert (status, answer["code"]) == (409, "item_out")
        else:
            assert (status, answer["nights"]) == (201, number + 1)  # everybody got their own outcome
    assert len(stage.commands("rentals")) == 100
    assert len(stage.batches["rentals"]) < 50
    assert max(map(len, stage.batches["rentals"])) <= 64
    assert stage.most_at_once <= 2


def test_a_lone_command_waits_for_nobody(desk: Client, stage: Stage) -> None:
    desk.post("/v1/rentals", json=lending(), headers=KEY)
    assert [len(batch) for batch in stage.batches["rentals"]] == [1]


def test_a_service_that_does_not_answer(desk: Client, gateway: Gateway, stage: Stage) -> None:
    stage.gate = asyncio.Event()
    began = time.monotonic()
    answer = desk.post("/v1/rentals", json=lending(), headers=KEY)
    waited = time.monotonic() - began
    gateway.loop.call_soon_threadsafe(stage.gate.set)
    assert DEADLINE * 0.9 < waited < DEADLINE + 2
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert "same Idempotency-Key" in answer.json()["detail_en"]
    assert answer.json()["details"] == {"service": "rentals"}


def test_commands_whose_time_is_up_are_not_sent_any_more(gateway: Gateway, stage: Stage) -> None:
    stage.gate = asyncio.Event()

    async def overload() -> list[tuple[int, dict]]:
        try:
            return await post_many(gateway, 200)
        finally:
            stage.gate.set()

    answers = gateway.run(overload())
    assert {status for status, _ in answers} == {503}
    assert len(stage.commands("rentals")) <= 192  # two batches were under way, one more may follow; the rest never left


def test_a_full_queue_says_so_at_once(gateway: Gateway, stage: Stage) -> None:
    async def overload() -> Problem:
        stage.gate = asyncio.Event()
        service = Service("rentals", gateway.sources["rentals"], SECRET, Metrics(), capacity=1)
        await service.open()
        try:
            sent = []
            for number in range(2):  # two requests are under way ...
                sent.append(
                    asyncio.create_task(service.send({"id": str(number), "name": "x", "data": {}}, Priority.LENDS))
                )
                while len(stage.batches["rentals"]) <= number:
                    await asyncio.sleep(0.001)
            sent.append(
                asyncio.create_task(service.send({"id": "2", "name": "x", "data": {}}, Priority.LENDS))
            )  # ... one waits
            await asyncio.sleep(0)
            with pytest.raises(Problem) as busy:
                await service.send({"id": "3", "name": "x", "data": {}}, Priority.LENDS)
            stage.gate.set()
            assert len(await asyncio.gather(*sent)) == 3
            return busy.value
        finally:
            await service.close()

    problem = gateway.run(overload())
    assert (problem.code, problem.status) == ("service_busy", 503)
    assert ("Retry-After", "1") in problem.headers


def test_a_service_that_is_away(desk: Client, stage: Stage) -> None:
    stage.down.add("rentals")
    for answer in (desk.post("/v1/rentals", json=lending(), headers=KEY), desk.get(f"/v1/rentals/{RENTAL_ID}")):
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert answer.headers["Retry-After"] == "1"
    stage.rows["inventory", "items"] = (None, {"data": [], "next": None})
    assert desk.get("/v1/items").status_code == 200  # the rest goes on


def test_a_garbled_answer_is_no_outcome(desk: Client, stage: Stage) -> None:
    stage.garbled.add("rentals")
    answer = desk.post("/v1/rentals", json=lending(), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


def test_outcomes_of_other_commands_are_no_outcome(desk: Client, stage: Stage) -> None:
    stage.decide["request_rental"] = lambda command: {**accepted(command), "id": "another"}
    answer = desk.post("/v1/rentals", json=lending(), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


def test_a_kept_connection_that_broke_is_tried_once_more(gateway: Gateway) -> None:
    """A service that restarts closes its connections; the next command must not pay for it."""
    seen: list[bytes] = []

    async def play() -> int | None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            seen.append(body)
            if len(seen) != 2:  # the second request finds its connection closed
                answer = b'{"outcomes":[{"id":"c","pos":1,"version":3,"result":{}}]}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
                await writer.drain()
            if len(seen) == 1:
                await reader.readuntil(b"\r\n\r\n")
                seen.append(b"")
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        service = Service("rentals", url, "s", Metrics())
        await service.open()
        try:
            await service.send({"id": "c"}, Priority.LENDS)
            return (await service.send({"id": "c"}, Priority.LENDS)).version
        finally:
            await service.close()
            server.close()

    assert gateway.run(play()) == 3
    assert len(seen) == 3


def test_batches_keep_order_and_bounds() -> None:
    sent: list[list[dict]] = []

    async def send(batch: list[dict]) -> list[int]:
        sent.append(batch)
        await asyncio.sleep(0)
        return [command["n"] for command in batch]

    async def play() -> list[int]:
        batches = Batcher(send, largest=4, in_flight=1, capacity=10)
        futures = [batches.submit({"n": number}, Priority.RETURNS) for number in range(10)]
        with pytest.raises(QueueFull):
            batches.submit({"n": 10}, Priority.RETURNS)
        futures[5].cancel()
        return [await future for future in futures if not future.cancelled()]

    assert asyncio.run(play()) == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert [[command["n"] for command in batch] for batch in sent] == [[0, 1, 2, 3], [4, 6, 7, 8], [9]]


def test_a_failed_batch_fails_its_own_commands_only() -> None:
    async def send(batch: list[dict]) -> list[int]:
        if batch[0]["n"] == 0:
            raise ConnectionError
        return [command["n"] for command in batch]

    async def play() -> list[object]:
        batches = Batcher(send, largest=2, in_flight=1)
        return await asyncio.gather(
            *(batches.submit({"n": n}, Priority.LENDS) for n in range(4)), return_exceptions=True
        )

    first, second, third, fourth = asyncio.run(play())
    assert isinstance(first, ConnectionError) and isinstance(second, ConnectionError)
    assert (third, fourth) == (2, 3)
