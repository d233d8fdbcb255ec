"""Subscribing to another service: each of its events is taken in once, in order, whatever the broker does.

Rows, policies' commands and the cursor move in one transaction; then the queue is told. A position at or below the
cursor is a duplicate; a ``previous`` above it is a gap, which is filled from the source's feed. An event that can't be
taken in is parked with its stream: later events of that stream join it, all others go on.
"""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from services.chassis.commands.handler import Clock, Command, Metadata, decide_own, follow_up, reads_of
from services.chassis.domain import Refused
from services.chassis.eventstore.records import ParkedEvent
from services.chassis.eventstore.store import Store
from services.chassis.eventstore.unit_of_work import UnitOfWork, touched
from services.chassis.foundation import database, failpoints, metrics
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page, integration_event
from services.chassis.service import Service
from services.contracts.base import Actor

log = structlog.get_logger()
ReadFeed = Callable[[int], Page]

# How long to retry an event that depends on another source before parking it. Consumption is paused meanwhile; a
# minimum of tries covers a process that stood still.
PATIENCE, TRIES = 30.0, 10  # seconds


class Halted(Exception):
    """The source's log is not the one that was subscribed to so far; nothing is taken in until a human has decided."""


class EpochChanged(Halted):
    """The source's log has another name: it was restored."""


class OutOfOrder(Exception):
    """An event depends on one of another source that is on its way: it can be taken in soon."""


class SourceUnavailable(Exception):
    """The source's feed does not answer."""


class Applied(NamedTuple):
    """What a batch came to: the cursor after it, and whether a gap stopped it."""

    position: int
    gap: bool


class Incoming(NamedTuple):
    """A message, the event in it (None: not subscribed to), and the commands that policies make of it."""

    message: Message
    event: Any
    commands: list[Command]


class Subscriber:
    """Takes in the events of one source."""

    def __init__(
        self,
        service: Service,
        source: str,
        store: Store,
        read_feed: ReadFeed,
        clock: Clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service, self.source, self.store, self.clock = service, source, store, clock
        self._read_feed, self._steady = read_feed, steady
        self.may_have_parked = True  # whether events may be parked that were only out of order: unknown at a start
        self._awaited: tuple[int, float, int] = (0, 0.0, 0)  # position, since when, tries
        self._known: tuple[str, int] | None = None  # the cursor as last committed or read here; it never goes back

    # -- one batch --

    def apply_batch(self, messages: Sequence[Message]) -> Applied:
        """Take in a batch in one transaction, up to the first gap. Raises what the first bad message raises."""
        news = [m for m in messages if not self._known or self._known[0] != m.epoch or m.position > self._known[1]]
        metrics.DUPLICATES.labels(self.source).inc(len(messages) - len(news))
        if not news and self._known:
            return Applied(self._known[1], False)
        incoming = [self.understood(message) for message in news]
        with self.store.begin(reads=self.reads_of(incoming), source=self.source) as uow:
            applied = self._apply(uow, incoming)
            failpoints.reach("subscriber.before_commit")
            uow.commit()
        _, epoch, position = uow.moved_to or (self.source, uow.cursor.epoch, uow.cursor.position)
        self._known = (epoch, position) if epoch else None
        failpoints.reach("subscriber.after_commit")
        metrics.SUBSCRIBED.labels(self.source).set(applied.position)
        return applied

    def _apply(self, uow: UnitOfWork, incoming: Iterable[Incoming]) -> Applied:
        now = self.clock()
        (epoch, position, _), parked, gap = uow.cursor, set(uow.cursor.parked), False
        for each in incoming:
            message = each.message
            if epoch not in (None, message.epoch):
                raise EpochChanged(f"{self.source} has the epoch {message.epoch}, subscribed was {epoch}")
            if message.position <= position:
                metrics.DUPLICATES.labels(self.source).inc()
                continue
            if message.previous > position:
                gap = True
                break
            if message.stream in parked:
                uow.parked.append(_parked(message, "behind a parked event of its stream"))
            else:
                self.take_in(uow, each)
            epoch, position = message.epoch, message.position
            uow.moved_to = (self.source, epoch, position)
            metrics.LAG_SECONDS.labels(self.source).set((now - message.at).total_seconds())
        return Applied(position, gap)

    def take_in(self, uow: UnitOfWork, incoming: Incoming) -> None:
        """Fold an event into the views that follow it, and decide the commands that policies make of it."""
        if incoming.event is not None:
            uow.apply(incoming.event)
        for command in incoming.commands:
            decide_own(uow, command, self.clock())

    def understood(self, message: Message) -> Incoming:
        """What a message says, and the commands that follow from it here. Raises what a malformed one raises."""
        event = integration_event(self.service, message)
        meta = Metadata(
            Actor(role="service", centre=event.centre) if event else None, message.correlation_id, message.id
        )
        policies = self.service.policies_of.get(type(event), ())
        made = [data for react in policies for data in react(event)]
        cause = UUID(message.id)
        commands = [
            follow_up(self.service, cause, f"{self.service.name}.{n}", each, meta) for n, each in enumerate(made)
        ]
        return Incoming(message, event, commands)

    def reads_of(self, incoming: Iterable[Incoming]) -> list[Any]:
        """The rows that the events touch, and what the commands read."""
        reads: list[Any] = []
        for each in incoming:
            reads += touched(self.service.fold_steps.get(type(each.event), ()), each.event)
            reads += reads_of(each.commands)
        return reads

    # -- whatever comes --

    def receive(self, messages: Sequence[Message]) -> int:
        """Take in messages, whatever is wrong with them; returns the cursor. Raises when a server is unavailable."""
        try:
            applied = self.apply_batch(messages)
        except (*database.UNAVAILABLE, EpochChanged, OutOfOrder):
            raise
        except Exception as error:
            return self._one_by_one(messages, error)
        if applied.gap:
            metrics.GAPS.labels(self.source).inc()
            log.info("gap_in_deliveries", source=self.source, after=applied.position)
            return self.catch_up()
        return applied.position

    def _one_by_one(self, messages: Sequence[Message], error: Exception) -> int:
        if len(messages) > 1:
            return max(self.receive([message]) for message in messages)
        if is_out_of_order(error) and self._is_worth_waiting(messages[0]):
            raise OutOfOrder(f"{messages[0].type} at {messages[0].position} of {self.source}: {error}") from error
        return self._park(messages[0], error)

    def _is_worth_waiting(self, message: Message) -> bool:
        """Whether to try this message again soon; by a steady clock, as the time of day may be set meanwhile."""
        now, (position, since, tries) = self._steady(), self._awaited
        if position != message.position:
            since, tries = now, 0
        self._awaited = (message.position, since, tries + 1)
        return now - since < PATIENCE or tries < TRIES

    def _park(self, message: Message, error: Exception) -> int:
        out_of_order = is_out_of_order(error)
        with self.store.begin(source=self.source) as uow:
            cursor = uow.cursor.position
            if message.position <= cursor:
                return cursor
            if message.previous <= cursor:
                uow.parked.append(_parked(message, f"{type(error).__name__}: {error}", out_of_order))
                uow.moved_to = (self.source, message.epoch, message.position)
                uow.commit()
        if not uow.committed:
            return self.catch_up()
        self.may_have_parked |= out_of_order
        log.error(
            "event_parked",
            source=self.source,
            type=message.type,
            position=message.position,
            stream=message.stream,
            error=str(error),
        )
        return message.position

    def catch_up(self) -> int:
        """Read the source's feed until its head is reached; returns the cursor."""
        position = self._known[1] if self._known else self.position()
        while True:
            page = self._read_feed(position)
            metrics.LAG_EVENTS.labels(self.source).set(max(0, page.head - position))
            if not page.messages:
                return position
            position = self.receive(page.messages)

    def position(self) -> int:
        """The cursor."""
        with self.store.begin(source=self.source) as uow:
            return uow.cursor.position


def is_out_of_order(error: BaseException | None) -> bool:
    """Whether an event only lacks what another source is about to publish; own commands raise no other refusal."""
    return isinstance(error, Refused)


def _parked(message: Message, error: str, out_of_order: bool = False) -> ParkedEvent:
    return ParkedEvent(message.source, message.position, message.stream, message, error, out_of_order)


def with_backoff(attempt: Callable[[], Any], transient: tuple[type[Exception], ...], go_on: Callable[[], bool]) -> Any:
    """Try until it works, 0.1 s to 10 s between tries, with jitter; None when ``go_on`` says stop before that."""
    wait = 0.1
    while go_on():
        try:
            return attempt()
        except transient as error:
            log.warning("trying_again", error=str(error), again_in=wait)
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(10.0, wait * 2)
    return None
