"""Subscribing to another service: each of its events is taken in once, in order, whatever the broker does.

Rows, policies' commands and the cursor move in one transaction; then the queue is told. A position at or below the
cursor is a duplicate. A message that does not name the event at the cursor as the one before it is a gap, and the
source's feed, the authority, says what comes next. If the feed itself does not have the event at the cursor, its log
went back or is another one: the subscriber halts, and a human decides. An event that can't be taken in is parked with
its stream: later events of that stream join it, all others go on.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from services.chassis.commands.handler import Clock, Command, Metadata, decide_own, follow_up, reads_of
from services.chassis.domain import Refused
from services.chassis.eventstore.records import Cursor, Moved, ParkedEvent, PolicyRefusal
from services.chassis.eventstore.store import Store
from services.chassis.eventstore.unit_of_work import UnitOfWork, touched
from services.chassis.foundation import database, failpoints, metrics
from services.chassis.messaging.envelope import Message
from services.chassis.messaging.feed import Page, integration_event
from services.chassis.messaging.same_log import ContractMissing, Halted, check_same_log, contracts_of, types_of
from services.chassis.service import Service
from services.contracts import refusals
from services.contracts.base import Actor

log = structlog.get_logger()
ReadFeed = Callable[[int], Page]

# How long to retry an event that depends on another source before parking it. Consumption is paused meanwhile; a
# minimum of tries covers a process that stood still.
PATIENCE, TRIES = 30.0, 10  # seconds
# How long nothing is waited for after a wait without success: what the other source has lost never comes, and each
# event that depends on it would pause consumption again. What is parked meanwhile is retried automatically.
AFTER_ONE = 300.0  # seconds
JUMP = 1000  # positions: a message that is further ahead of the one before it is looked up in the feed
WAITS = (refusals.UNAVAILABLE, refusals.NOT_FOUND)  # kinds of refusals of policies' commands that time may mend


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
        self.types = types_of(service, source)
        self._contracts = contracts_of(source)
        self.may_have_parked = True  # whether events may be parked that were only out of order: unknown at a start
        self._awaited: tuple[int, float, int] = (0, 0.0, 0)  # position, since when, tries
        self._waits_again_at = float("-inf")
        self._known: Cursor | None = None  # the cursor as last committed or read here; it never goes back
        self._checked = False  # whether the feed said since the start that its log is the one of the cursor
        self.strays: list[Message] = []  # what was delivered and never published; who has settled them clears it

    # -- one batch --

    def apply_batch(self, messages: Sequence[Message], from_feed: bool = False) -> Applied:
        """Take in a batch in one transaction, up to the first gap. Raises what the first bad message raises."""
        known = self._known
        news = [m for m in messages if not known or m.epoch != known.epoch or m.position > known.position]
        metrics.DUPLICATES.labels(self.source).inc(len(messages) - len(news))
        if not news and known:
            return Applied(known.position, False)
        incoming = [self.understood(message) for message in news]
        with self.store.begin(reads=self.reads_of(incoming), source=self.source) as uow:
            applied = self._apply(uow, incoming, from_feed)
            failpoints.reach("subscriber.before_commit")
            uow.commit()
        moved = uow.moved_to
        self._known = Cursor(*moved[1:3], uow.cursor.parked, *moved[3:5]) if moved else uow.cursor
        failpoints.reach("subscriber.after_commit")
        metrics.SUBSCRIBED.labels(self.source).set(applied.position)
        return applied

    def _apply(self, uow: UnitOfWork, incoming: Iterable[Incoming], from_feed: bool) -> Applied:
        """From the feed a message is believed; from the queue only if it is the next one by all that it says."""
        now, cursor, parked = self.clock(), uow.cursor, set(uow.cursor.parked)
        at, gap = (cursor.epoch, cursor.position, cursor.event_id, cursor.event_at), False
        if cursor.resume_from is not None or (cursor.types not in (None, self.types) and not self._checked):
            return Applied(cursor.position, True)  # the feed says what has to be done
        for each in incoming:
            message = each.message
            if message.epoch == at[0] and message.position <= at[1]:
                metrics.DUPLICATES.labels(self.source).inc()
                continue
            before = (message.epoch, message.previous, message.previous_id, message.previous_at)
            follows = (at[0] or message.epoch, *at[1:]) == before
            strange = message.position > message.previous + JUMP or message.type not in self._contracts
            if not follows or (strange and not from_feed):
                gap = True
                break
            if message.type not in self._contracts:
                if uow.moved_to:
                    break  # what came before it first
                raise ContractMissing(f"{self.source} publishes {message.type}: run a release that knows it")
            if message.stream in parked:
                uow.parked.append(_parked(message, "behind a parked event of its stream"))
            else:
                self.take_in(uow, each)
            at = (message.epoch, message.position, message.id, message.at)
            uow.moved_to = Moved(self.source, *at, list(self.types))
            metrics.LAG_SECONDS.labels(self.source).set((now - message.at).total_seconds())
        return Applied(at[1], gap)

    def take_in(self, uow: UnitOfWork, incoming: Incoming) -> None:
        """Fold an event into the views that follow it, and decide the commands that policies make of it."""
        if incoming.event is not None:
            uow.apply(incoming.event)
        for command in incoming.commands:
            refused = decide_own(uow, command, self.clock(), WAITS)
            if refused:
                message, name = incoming.message, command.handler.name
                metrics.POLICY_REFUSALS.labels(name, refused.code()).inc()
                place = (message.source, message.position, message.stream)
                uow.policy_refusals.append(PolicyRefusal(command.id, *place, name, refused.code(), refused.details))

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

    def receive(self, messages: Sequence[Message], from_feed: bool = False) -> int:
        """Take in messages, whatever is wrong with them; returns the cursor. Raises when a server is unavailable.

        Raises :class:`Halted` when a human has to decide.
        """
        try:
            applied = self.apply_batch(messages, from_feed)
        except (*database.UNAVAILABLE, Halted, OutOfOrder):
            raise
        except Exception as error:
            return self._one_by_one(messages, error, from_feed)
        return self._filled(messages, applied.position) if applied.gap and not from_feed else applied.position

    def _filled(self, messages: Sequence[Message], before: int) -> int:
        """Read the feed up to its head; what was delivered and is not in it is a stray."""
        metrics.GAPS.labels(self.source).inc()
        log.info("gap_in_deliveries", source=self.source, after=before)
        position, known = self.catch_up(), self._known
        strays = [m for m in messages if m.position > position or (known and m.epoch != known.epoch)]
        for stray in strays:
            metrics.STRAYS.labels(self.source).inc()
            log.error("never_published", source=self.source, type=stray.type, position=stray.position, id=stray.id)
        self.strays += strays
        return position

    def _one_by_one(self, messages: Sequence[Message], error: Exception, from_feed: bool) -> int:
        if len(messages) > 1:
            return max(self.receive([message], from_feed) for message in messages)
        if is_out_of_order(error) and self._is_worth_waiting(messages[0]):
            raise OutOfOrder(f"{messages[0].type} at {messages[0].position} of {self.source}: {error}") from error
        return self._park(messages[0], error, from_feed)

    def _is_worth_waiting(self, message: Message) -> bool:
        """Whether to try this message again soon; by a steady clock, as the time of day may be set meanwhile."""
        now, (position, since, tries) = self._steady(), self._awaited
        if position != message.position:
            since, tries = now, 0
        self._awaited = (message.position, since, tries + 1)
        worth = now >= self._waits_again_at and (now - since < PATIENCE or tries < TRIES)
        if not worth and now >= self._waits_again_at:
            self._waits_again_at = now + AFTER_ONE
        return worth

    def _park(self, message: Message, error: Exception, from_feed: bool) -> int:
        out_of_order = is_out_of_order(error)
        with self.store.begin(source=self.source) as uow:
            cursor = uow.cursor
            if message.epoch == cursor.epoch and message.position <= cursor.position:
                return cursor.position
            before = (message.epoch, message.previous, message.previous_id, message.previous_at)
            if (cursor.epoch or message.epoch, cursor.position, cursor.event_id, cursor.event_at) == before:
                uow.parked.append(_parked(message, f"{type(error).__name__}: {error}", out_of_order))
                moved = (message.epoch, message.position, message.id, message.at)
                uow.moved_to = Moved(self.source, *moved, list(self.types))
                uow.commit()
        if not uow.committed:
            return cursor.position if from_feed else self._filled([message], cursor.position)
        self._known = None
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

    # -- the feed --

    def catch_up(self, once: bool = False) -> int:
        """Read the source's feed up to its head, or one page of it; returns the cursor.

        Raises :class:`Halted` when its log is not the one that the cursor is of.
        """
        while True:
            known = self._known = self._known or self.cursor()
            page = self._read_feed(known.position)
            try:
                check_same_log(self.service, self.source, page, known)
            except Halted:
                self._known, self._checked = None, False  # it may be another one when this is tried again
                raise
            self._checked = True
            metrics.LAG_EVENTS.labels(self.source).set(page.head - known.position)
            reached = self.receive(page.messages, from_feed=True) if page.messages else known.position
            metrics.FROM_FEED.labels(self.source).inc(0 if once else len(page.messages))
            if once or not page.messages:
                return reached

    def cursor(self) -> Cursor:
        """How far the source was taken in."""
        with self.store.begin(source=self.source) as uow:
            return uow.cursor

    def position(self) -> int:
        """The position of the cursor."""
        return self.cursor().position


def is_out_of_order(error: BaseException | None) -> bool:
    """Whether an event only lacks what another source is about to publish; own commands raise no other refusal."""
    return isinstance(error, Refused)


def _parked(message: Message, error: str, out_of_order: bool = False) -> ParkedEvent:
    return ParkedEvent(message.source, message.position, message.stream, message, error, out_of_order)
