"""Publishing with confirms: what is safe is counted from the first message on, whatever becomes of the rest."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.messaging import rabbitmq
from services.chassis.messaging.rabbitmq import BrokerUnavailable, Publisher
from tests.support.centre import Source


class Broker:
    """A connection whose broker answers as it is told: each answer is a call on the publisher, None is silence."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers, self.sent, self.dropped = answers, 0, False
        self.channel: Any = types.SimpleNamespace(prepare_message=lambda *a, **k: a, basic_publish=self._published)
        self.publisher: Any = None

    def _published(self, *_: Any, **__: Any) -> None:
        self.sent += 1

    def drain(self, timeout: float) -> bool:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            return False
        if isinstance(answer, Exception):
            raise answer
        answer(self.publisher)
        return True

    def drop(self) -> None:
        self.dropped = True


def ack(tag: int, multiple: bool = False) -> Any:
    return lambda publisher: publisher._confirmed(tag, multiple)


def nack(tag: int, multiple: bool = False) -> Any:
    return lambda publisher: publisher._nacked(tag, multiple)


def published(*answers: Any, count: int = 4) -> tuple[Publisher, Broker, Any]:
    publisher, broker = Publisher("amqp://nowhere", "rentals"), Broker(list(answers))
    broker.publisher = publisher
    publisher._connection, publisher._sent = broker, 0  # type: ignore[assignment]
    source = Source()
    return publisher, broker, [source.publishes("item.lost", f"item-{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("answers", "safe"),
    [
        ([ack(4, multiple=True)], 4),
        ([ack(2), ack(1), ack(4), ack(3)], 4),
        ([ack(2, multiple=True), ack(4), nack(3)], 2),
        ([ack(1), nack(4, multiple=True)], 1),
        ([ack(1), ack(3), BrokerUnavailable("gone")], 1),
    ],
)
def test_what_is_safe_is_counted_from_the_first_on(answers: list[Any], safe: int) -> None:
    publisher, broker, messages = published(*answers)
    assert publisher.publish(messages) == safe
    assert broker.dropped == (safe < 4)


@pytest.mark.parametrize("answers", [[nack(1), ack(4, multiple=True)], [BrokerUnavailable("gone")]])
def test_when_the_first_is_not_safe_nothing_is(answers: list[Any]) -> None:
    publisher, broker, messages = published(*answers)
    with pytest.raises(BrokerUnavailable):
        publisher.publish(messages)
    assert broker.dropped


def test_who_waits_is_called_meanwhile_and_its_failure_is_its_own() -> None:
    publisher, _, messages = published(None, None, ack(4, multiple=True))
    calls: list[int] = []
    assert publisher.publish(messages, lambda: calls.append(1)) == 4
    assert len(calls) == 2

    def leads_no_longer() -> None:
        raise ConnectionError("the session has ended")

    publisher, _, messages = published(None, ack(4, multiple=True))
    with pytest.raises(ConnectionError):
        publisher.publish(messages, leads_no_longer)


def test_a_broker_that_confirms_nothing_is_given_up(monkeypatch: Any) -> None:
    monkeypatch.setattr(rabbitmq, "CONFIRM_TIMEOUT", 0.0)
    publisher, broker, messages = published()
    with pytest.raises(BrokerUnavailable, match="did not confirm in time"):
        publisher.publish(messages)
    assert broker.dropped


def test_the_next_batch_is_counted_anew() -> None:
    publisher, broker, messages = published(ack(2, multiple=True), nack(4, multiple=True))
    assert publisher.publish(messages) == 2
    broker.answers = [ack(6, multiple=True)]
    assert publisher.publish([replace(each) for each in messages[2:]]) == 2
