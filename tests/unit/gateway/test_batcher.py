"""The batcher by itself: who travels together, who gets which outcome, how much may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.upstream.batcher import Batcher
from gateway.upstream.gate import Priority, QueueFull


class Service:
    """Takes batches, keeps each until it is let go, and answers a command by its number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.answer: Callable[[list[int]], list[Any]] = lambda numbers: [f"outcome {n}" for n in numbers]

    async def post(self, commands: list[dict[str, Any]]) -> list[Any]:
        numbers = [command["n"] for command in commands]
        self.batches.append(numbers)
        await self.open.wait()
        return self.answer(numbers)


def run(story: Callable[[Service], Awaitable[None]]) -> None:
    async def told() -> None:
        await asyncio.wait_for(story(Service()), 5)

    asyncio.run(told())


def submitted(batcher: Batcher, *numbers: int) -> list[asyncio.Future[Any]]:
    return [batcher.submit({"n": number}, Priority.RETURNS) for number in numbers]


async def settled() -> None:
    """What is ready to run has run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_everybody_gets_their_own_outcome_from_batches_of_at_most_the_largest() -> None:
    async def story(service: Service) -> None:
        batcher = Batcher(service.post, largest=3, in_flight=10)
        futures = submitted(batcher, *range(7))
        service.open.set()
        assert await asyncio.gather(*futures) == [f"outcome {n}" for n in range(7)]
        assert service.batches == [[0, 1, 2], [3, 4, 5], [6]]

    run(story)


def test_two_batches_are_under_way_and_what_comes_meanwhile_is_the_next() -> None:
    async def story(service: Service) -> None:
        batcher = Batcher(service.post, largest=1, in_flight=2)
        futures = submitted(batcher, 0, 1, 2)
        await settled()
        futures += submitted(batcher, 3)
        await settled()
        assert (service.batches, len(batcher)) == ([[0], [1]], 2)
        service.open.set()
        assert await asyncio.gather(*futures) == [f"outcome {n}" for n in range(4)]
        assert (service.batches, len(batcher)) == ([[0], [1], [2], [3]], 0)

    run(story)


def test_no_more_wait_than_may_wait_and_those_are_served() -> None:
    async def story(service: Service) -> None:
        batcher = Batcher(service.post, largest=8, in_flight=1, capacity=2)
        submitted(batcher, 0)
        await settled()
        waiting = submitted(batcher, 1, 2)
        with pytest.raises(QueueFull):
            batcher.submit({"n": 3}, Priority.RETURNS)
        service.open.set()
        assert await asyncio.gather(*waiting) == ["outcome 1", "outcome 2"]
        (after,) = submitted(batcher, 4)
        assert await after == "outcome 4"

    run(story)


def test_a_command_whose_client_is_gone_is_not_sent_and_its_neighbours_are() -> None:
    async def story(service: Service) -> None:
        batcher = Batcher(service.post)
        kept, gone, other = submitted(batcher, 0, 1, 2)
        gone.cancel()
        service.open.set()
        assert (await kept, await other) == ("outcome 0", "outcome 2")
        assert service.batches == [[0, 2]]

    run(story)


def test_a_client_that_goes_while_its_command_is_under_way_disturbs_nobody() -> None:
    async def story(service: Service) -> None:
        batcher = Batcher(service.post)
        kept, gone = submitted(batcher, 0, 1)
        await settled()
        gone.cancel()
        service.open.set()
        assert await kept == "outcome 0"

    run(story)


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_outcomes_than_of_commands_fails_them_all(count: int) -> None:
    async def story(service: Service) -> None:
        service.answer = lambda _: ["one"] * count
        service.open.set()
        futures = submitted(Batcher(service.post), 0, 1)
        for failed in await asyncio.gather(*futures, return_exceptions=True):
            assert str(failed) == f"{count} outcomes for 2 commands"

    run(story)


def test_what_a_request_raises_everybody_in_it_gets_and_the_next_batch_goes_on() -> None:
    async def story(service: Service) -> None:
        def broken(_: list[int]) -> list[Any]:
            raise ConnectionError("away")

        usual, service.answer = service.answer, broken
        service.open.set()
        batcher = Batcher(service.post)
        failed = await asyncio.gather(*submitted(batcher, 0, 1), return_exceptions=True)
        assert [str(each) for each in failed] == ["away", "away"]
        service.answer = usual
        (after,) = submitted(batcher, 2)
        assert await after == "outcome 2"

    run(story)


def test_the_most_urgent_leave_first_and_have_places_that_others_may_not_take() -> None:
    async def story(service: Service) -> None:
        batcher = Batcher(service.post, largest=1, in_flight=1, capacity=10)
        futures = [batcher.submit({"n": n}, Priority.LENDS) for n in range(9)]
        with pytest.raises(QueueFull):
            batcher.submit({"n": 9}, Priority.LENDS)
        futures.append(batcher.submit({"n": 10}, Priority.RETURNS))
        service.open.set()
        await asyncio.gather(*futures)
        assert service.batches == [[10], *([n] for n in range(9))]

    run(story)
