"""Clients that wait: many cost a service one request, one caller has few places, and who is gone waits no more."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.http.problems import Problem
from gateway.upstream.watcher import MOST_OF_ONE, ChangedStreams, Waits, Watcher
from tests.unit.gateway.conftest import CENTRE, RENTAL_ID, RESIDENT_ID, Gateway, token
from tests.unit.gateway.services import Stage

STREAM = f"rental-{RENTAL_ID}"
POLL = {"If-None-Match": '"1"', "Prefer": "wait=20"}


def rental(version: int = 1, owner: str = RESIDENT_ID) -> dict[str, Any]:
    return {"rental_id": RENTAL_ID, "resident_id": owner, "state": "out", "version": version}


async def polls(gateway: Gateway, bearers: list[str]) -> list[asyncio.Task[int]]:
    """Long polls of one rental, sent; each ends in its status."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def poll(bearer: str) -> int:
        headers = {**POLL, "Authorization": f"Bearer {bearer}"}
        async with session.get(f"{gateway.url}/v1/rentals/{RENTAL_ID}", headers=headers) as answer:
            return answer.status

    tasks = [asyncio.create_task(poll(bearer)) for bearer in bearers]
    finished = asyncio.gather(*tasks, return_exceptions=True)
    finished.add_done_callback(lambda _: asyncio.ensure_future(session.close()))
    return tasks


async def until(reached: Any) -> None:
    async with asyncio.timeout(10):
        while not reached():
            await asyncio.sleep(0.005)


def test_five_hundred_polls_of_a_resident_cost_the_service_few_requests(gateway: Gateway, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = (1, rental())

    async def play() -> list[int]:
        tasks = await polls(gateway, [token("resident", RESIDENT_ID)] * 250)
        await until(lambda: sum(task.done() for task in tasks) == 250 - MOST_OF_ONE)
        again = await polls(gateway, [token("resident", RESIDENT_ID)] * 250)
        await until(lambda: all(task.done() for task in again))
        assert len(stage.asked) == 2 * MOST_OF_ONE  # when each came, and once more when it began to wait
        assert len(stage.watched) <= 2  # where the log ends, then what comes
        stage.change("rentals", "rental", STREAM, 2, rental(2))
        return [await task for task in (*tasks, *again)]

    answers = gateway.run(play())
    assert (answers.count(200), answers.count(429)) == (MOST_OF_ONE, 500 - MOST_OF_ONE)
    assert stage.most_watches <= 1


def test_many_callers_wait_on_one_request(gateway: Gateway, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = (1, rental())

    async def play() -> list[int]:
        tasks = await polls(gateway, [token(subject=f"desk-{n}") for n in range(100)])
        await until(lambda: len(stage.asked) == 200 and stage.watches["rentals"])
        stage.change("rentals", "rental", STREAM, 2, rental(2))
        return [await task for task in tasks]

    assert gateway.run(play()) == [200] * 100
    assert stage.most_watches <= 1


def test_what_another_rental_does_wakes_nobody(gateway: Gateway, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = (1, rental())

    async def play() -> int:
        (task,) = await polls(gateway, [token()])
        await until(lambda: len(stage.asked) == 2 and stage.watches["rentals"])
        told = len(stage.watched)
        stage.change("rentals", "other", f"rental-{CENTRE}.other", 1, {})
        await until(lambda: len(stage.watched) > told)
        asked = len(stage.asked)
        stage.change("rentals", "rental", STREAM, 2, rental(2))
        await task
        return asked

    assert gateway.run(play()) == 2


def test_who_hangs_up_waits_no_more(gateway: Gateway, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = (1, rental())

    async def play() -> None:
        for _ in range(3):  # each time all the places of one caller
            tasks = await polls(gateway, [token()] * MOST_OF_ONE)
            await until(lambda: len(stage.asked) == 2 * MOST_OF_ONE)
            for task in tasks:
                task.cancel()
            await until(lambda: not gateway.server.server_state.tasks)
            stage.asked.clear()

    gateway.run(play())
    assert stage.most_watches <= 1


def test_a_service_that_fails_ends_the_waits_with_what_is_known(gateway: Gateway, stage: Stage) -> None:
    stage.rows["rentals", "rental"] = (1, rental())

    async def play() -> int:
        (task,) = await polls(gateway, [token()])
        await until(lambda: len(stage.asked) == 2 and stage.watches["rentals"])
        stage.down.add("rentals")
        stage.logs["rentals"].append("another")  # the request that waits is answered; the next one is not
        return await task

    assert gateway.run(play()) == 304


# -- the watcher alone --


class Log:
    """A log that a test writes, and what is asked of it."""

    def __init__(self) -> None:
        self.epoch, self.streams, self.asked = "e1", [], 0  # type: ignore[var-annotated]
        self.grown = asyncio.Event()

    def append(self, stream: str) -> None:
        self.streams.append(stream)
        self.grown.set()

    async def changes(self, after: int | None) -> ChangedStreams:
        self.asked += 1
        while after is not None and after == len(self.streams):
            self.grown.clear()
            await self.grown.wait()
        return ChangedStreams(self.epoch, len(self.streams), [] if after is None else self.streams[after:])


def test_what_changes_between_looking_and_waiting_is_seen() -> None:
    async def play() -> int:
        log, version = Log(), 1
        watcher = Watcher(log.changes)

        async def look() -> int | None:
            nonlocal version
            seen = version
            if seen == 1:  # it changes right after the read
                version = 2
                log.append("a")
            await asyncio.sleep(0)
            return seen if seen > 1 else None

        return await asyncio.wait_for(watcher.until("a", look), 5)

    assert asyncio.run(play()) == 2


def test_a_log_that_went_back_wakes_everybody() -> None:
    async def play() -> int:
        log = Log()
        log.append("x")
        watcher, looks = Watcher(log.changes), 0

        async def look() -> int | None:
            nonlocal looks
            looks += 1
            if looks == 1:
                log.epoch, log.streams = "e2", []
                asyncio.get_running_loop().call_later(0.05, log.grown.set)
            return looks if looks > 1 else None

        return await asyncio.wait_for(watcher.until("a", look), 5)

    assert asyncio.run(play()) == 2


def test_nobody_is_asked_when_nobody_waits() -> None:
    async def play() -> tuple[int, int]:
        log = Log()
        watcher = Watcher(log.changes)

        async def found() -> int:
            return 1

        await watcher.until("a", found)
        await asyncio.sleep(0.1)
        before = log.asked
        for _ in range(5):
            log.append("a")
            await asyncio.sleep(0.03)
        return before, log.asked

    before, after = asyncio.run(play())
    assert after <= before <= 2


def test_places_are_bounded_and_given_back() -> None:
    waits = Waits(most=3, most_of_one=2)
    with waits.place("kim"), waits.place("kim"):
        with pytest.raises(Problem) as refused, waits.place("kim"):
            pass
        with waits.place("lee"), pytest.raises(Problem), waits.place("park"):
            pass
    assert (refused.value.status, refused.value.code, waits.count) == (429, "too_many_waits", 0)
    assert dict(refused.value.headers)["Retry-After"]
    with waits.place("kim"), waits.place("kim"):
        assert waits.count == 2
