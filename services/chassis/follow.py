"""Following another service: its facts are taken in once each, in order, whatever the broker does.

Rows, reactions and the cursor move in one transaction; then the queue is told. A position at or below the cursor is a
duplicate; a ``previous`` above it is a hole, which is filled from the source's feed. A fact that can't be taken in is
parked with its stream: later facts of that stream join it, all others go on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import structlog

from services.chassis import crash, database, metrics
from services.chassis.definition import Service
from services.chassis.envelope import Message
from services.chassis.execute import Clock, Meant, decide_one, wanted
from services.chassis.feed import Page, heard_in
from services.chassis.kernel import Heard, Refused
from services.chassis.store import Changes, Parked, Store, Turn

log = structlog.get_logger()
Pull = Callable[[int], Page]

# For what another source is about to say; the lane stands still meanwhile. Tries, too: a process may have been stopped.
PATIENCE, TRIES = 30.0, 10  # seconds


class EpochChanged(Exception):
    """The source's log is another one than the one followed so far (it was restored); a human must decide."""


class NotYet(Exception):
    """A fact waits for one of another source, which is on its way: it can be taken in soon."""


class SourceAway(Exception):
    """The source's feed does not answer."""


@dataclass(frozen=True)
class Absorbed:
    """What a batch came to: the cursor after it, how many were new, and whether a hole stopped it."""

    pos: int
    new: int
    hole: bool


class Follower:
    """Takes in the facts of one source."""

    def __init__(
        self,
        service: Service,
        source: str,
        store: Store,
        pull: Pull,
        clock: Clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service, self.source, self.store, self.clock = service, source, store, clock
        self._pull, self._steady = pull, steady
        self.some_early = True  # that facts may be parked which only came too early: at a start nobody knows
        self._awaited: tuple[int, float, int] = (0, 0.0, 0)  # position, since when, tries
        self._known: tuple[str, int] | None = None  # the cursor as last committed or read here; it never goes back

    # -- one batch --

    def absorb(self, messages: Sequence[Message]) -> Absorbed:
        """Take in a batch in one transaction, up to the first hole. Raises what the first bad message raises."""
        news = [m for m in messages if not self._is_known(m)]
        metrics.DUPLICATES.labels(self.source).inc(len(messages) - len(news))
        if not news and self._known:
            return Absorbed(self._known[1], 0, False)
        work = [(m, *self.understand(m)) for m in news]
        with self.store.turn([], self.needs(work), self.source) as turn:
            absorbed, changes = self._absorb(turn, work)
            crash.point("follow.before_commit")
            turn.commit(changes)
        self._note(changes.cursor or (turn.cursor and (self.source, turn.cursor.epoch, turn.cursor.pos)))
        crash.point("follow.after_commit")
        metrics.FOLLOWED.labels(self.source).set(absorbed.pos)
        return absorbed

    def _is_known(self, message: Message) -> bool:
        return self._known is not None and self._known[0] == message.epoch and message.pos <= self._known[1]

    def _note(self, cursor: Any) -> None:
        _, epoch, pos = cursor
        self._known = (epoch, pos) if epoch else None

    def _absorb(self, turn: Turn, work: Iterable[Any]) -> tuple[Absorbed, Changes]:
        changes, now = Changes(base=turn.head), self.clock()
        assert turn.cursor is not None
        epoch, pos, parked, new, hole = turn.cursor.epoch, turn.cursor.pos, set(turn.cursor.parked), 0, False
        for message, heard, commands in work:
            if epoch not in (None, message.epoch):
                raise EpochChanged(f"{self.source} has the epoch {message.epoch}, followed was {epoch}")
            if message.pos <= pos:
                metrics.DUPLICATES.labels(self.source).inc()
                continue
            if message.previous > pos:
                hole = True
                break
            if message.stream in parked:
                changes.parked.append(_parked(message, "behind a parked fact of its stream"))
            else:
                self.take_in(turn, heard, commands, now, changes)
            epoch, pos, new = message.epoch, message.pos, new + 1
            metrics.LAG_SECONDS.labels(self.source).set((now - message.at).total_seconds())
        if new:
            changes.cursor = (self.source, str(epoch), pos)
        changes.writes = turn.world.writes()
        return Absorbed(pos, new, hole), changes

    def take_in(self, turn: Turn, heard: Heard, commands: list[Meant], now: datetime, changes: Changes) -> None:
        turn.world.hear(self.source, heard)
        for command in commands:
            decide_one(self.service, turn, command, now, changes, strict=True)

    def understand(self, message: Message) -> tuple[Heard, list[Meant]]:
        """What a message says, and the commands that follow from it here. Raises what a malformed one raises."""
        heard = heard_in(self.service, self.source, message)
        if heard is None:  # of no interest here; only the cursor moves
            return Heard(message.type, {}, message.stream, message.id, message.at), []
        place = (self.source, message.type)
        meta = {"correlation_id": message.correlation_id, "causation_id": message.id, "actor": {"role": "service"}}
        reaction = self.service.reactions.get(place)
        intents = list(reaction(heard)) if reaction else []
        return heard, [
            Meant(uuid5(UUID(message.id), f"{self.service.name}.{n}"), self.service.by_intent[type(i)], i, meta)
            for n, i in enumerate(intents)
        ]

    def needs(self, work: Iterable[Any]) -> list[Any]:
        needs: dict[Any, None] = {}
        for _, heard, commands in work:
            for view in self.service.touched_by.get((self.source, heard.type), ()):
                needs.update({(view.kind, key): None for key in view.on[heard.type](heard)})
            needs.update(dict.fromkeys(wanted(self.service, commands)))
        return list(needs)

    # -- whatever comes --

    def take(self, messages: Sequence[Message]) -> int:
        """Take in messages, whatever is wrong with them; returns the cursor. Raises when a server is away."""
        try:
            absorbed = self.absorb(messages)
        except (*database.AWAY, EpochChanged, NotYet):
            raise
        except Exception as error:
            return self._one_by_one(messages, error)
        if absorbed.hole:
            metrics.HOLES.labels(self.source).inc()
            log.info("hole_in_deliveries", source=self.source, after=absorbed.pos)
            return self.catch_up()
        return absorbed.pos

    def _one_by_one(self, messages: Sequence[Message], error: Exception) -> int:
        if len(messages) > 1:
            return max(self.take([message]) for message in messages)
        if came_too_early(error) and self._is_worth_waiting(messages[0]):
            raise NotYet(f"{messages[0].type} at {messages[0].pos} of {self.source}: {error}") from error
        return self._park(messages[0], error)

    def _is_worth_waiting(self, message: Message) -> bool:
        """Whether to try this message again soon.

        By a clock that nobody sets: patience must not end because the time of day was put right.
        """
        now, (pos, since, tries) = self._steady(), self._awaited
        if pos != message.pos:
            since, tries = now, 0
        self._awaited = (message.pos, since, tries + 1)
        return now - since < PATIENCE or tries < TRIES

    def _park(self, message: Message, error: Exception) -> int:
        early = came_too_early(error)
        with self.store.turn([], [], self.source) as turn:
            at: int = turn.cursor.pos
            if message.pos <= at:
                return at
            behind = message.previous > at
            if not behind:
                changes = Changes(base=turn.head, cursor=(self.source, message.epoch, message.pos))
                changes.parked.append(_parked(message, f"{type(error).__name__}: {error}", early))
                turn.commit(changes)
                self.some_early |= early
        if behind:
            return self.catch_up()
        log.error(
            "fact_parked",
            source=self.source,
            type=message.type,
            pos=message.pos,
            stream=message.stream,
            error=str(error),
        )
        return message.pos

    def catch_up(self) -> int:
        """Pull from the source's feed until its head is reached; returns the cursor."""
        pos = self._known[1] if self._known else self.position()
        while True:
            page = self._pull(pos)
            metrics.LAG_EVENTS.labels(self.source).set(max(0, page.head - pos))
            if not page.messages:
                return pos
            pos = self.take(page.messages)

    def position(self) -> int:
        """The cursor."""
        with self.store.turn([], [], self.source) as turn:
            at: int = turn.cursor.pos
            return at


def came_too_early(error: BaseException | None) -> bool:
    """Whether a fact only lacks what another source is about to say: a strict decision refuses nothing else."""
    return isinstance(error, Refused)


def _parked(message: Message, error: str, early: bool = False) -> Parked:
    return Parked(message.source, message.pos, message.stream, message, error, early)


def patiently(attempt: Callable[[], Any], transient: tuple[type[Exception], ...], going_on: Callable[[], bool]) -> Any:
    """Try until it works: 0.1 s to 10 s between tries, with jitter, holding what is at hand."""
    wait = 0.1
    while going_on():
        try:
            return attempt()
        except transient as error:
            log.warning("trying_again", error=str(error), again_in=wait)
            time.sleep(wait * random.uniform(0.5, 1.0))
            wait = min(10.0, wait * 2)
    return None
