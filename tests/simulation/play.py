"""One history: a seed, fifty commands, a dozen faults; then everything heals, and the checks look at what is left."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from unittest import mock

from services.billing.service import SERVICE as BILLING
from services.chassis import crash, execute, follow, jobs, lanes, unpark
from services.chassis.execute import Asked
from services.inventory.service import SERVICE as INVENTORY
from services.notifications.service import SERVICE as NOTIFICATIONS
from services.rentals.service import SERVICE as RENTALS
from tests.simulation.checks import CHECKS
from tests.simulation.desk import Desk, Request, new_uuid, stock
from tests.simulation.disk import Disk
from tests.simulation.exchange import Broker
from tests.simulation.nemesis import Nemesis
from tests.simulation.outside import CardTerminal, Mailbox
from tests.simulation.process import Crash, Process, hold
from tests.simulation.swift import indoors, unmeasured
from tests.support.centre import MONDAY

SERVICES = {service.name: indoors(service) for service in (INVENTORY, RENTALS, BILLING, NOTIFICATIONS)}
COMMANDS, FAULTS = 50, (10, 20)
BOTH, QUEUE_ALONE, FEED_ALONE = "queue and feed", "queue alone", "feed alone"
TOO_LONG = 3000  # steps


class NeverQuiet(Exception):
    """After everything has healed, the centre does not come to rest."""


@dataclass(frozen=True)
class Outcome:
    """What came of a seed: the hash of everything that happened, and what the checks object to."""

    seed: int
    trace: str
    steps: int
    commands: int
    faults: Counter[str]
    crashes: Counter[str]
    problems: list[str] = field(default_factory=list)


class Journal:
    """Stands in for the log: errors are kept, for the story of a seed that failed."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre

    def __getattr__(self, level: str) -> Any:
        return lambda event, **said: self._centre.hear(level, event, said)


class Centre:
    """All that there is: the services' processes on their disks, the broker, the terminal, the mailbox, the desk."""

    def __init__(self, chance: Random, now: datetime, disks: dict[str, Disk], *, tell: bool = False) -> None:
        self.chance, self.now, self._tell = chance, now, tell
        self.steps, self.replies_lost = 0, 0.0
        self.most = chance.choice((4, 8, 30))  # how much is taken at once: little leaves room for what comes between
        self.patient = chance.random() < 0.7  # or what waits for another source is parked at once
        self.feeds_gone = self.broker_gone = False
        self.problems: list[str] = []
        self.crashes: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        self._acting: Process | None = None
        self._cast: tuple[Any, list[tuple[Process, Any]]] = (None, [])
        self.broker = Broker(self.happens)
        self.terminal = CardTerminal(chance, lambda: self.now)
        self.mailbox = Mailbox(chance)
        self.disks = disks
        self.processes: dict[str, Process] = {name: Process(self, disk) for name, disk in disks.items()}
        self.desk = Desk(self)

    # -- chance --

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return probability > 0 and self.chance.random() < probability

    def below(self, limit: int) -> int:
        """A number from 0 to below ``limit``."""
        return int(self.chance.random() * limit)

    def few(self, most: int) -> int:
        """A number from 1 to ``most``."""
        return 1 + int(self.chance.random() * most)

    # -- what is seen --

    def note(self, text: str) -> None:
        """Add to the trace."""
        self._digest.update(text.encode() + b"\n")
        if self._tell:
            print(text)

    def hear(self, level: str, event: str, said: dict[str, Any]) -> None:
        """What the services log."""
        error = sys.exc_info()[1] if level == "exception" else None
        if self._tell and level in ("error", "exception", "critical"):
            print(f"      {event} {said} {error!r}")
        if event == "command_failed" or (event == "job_failed" and not isinstance(error, lanes.TRANSIENT)):
            self.fault(f"{event}: {error!r}")

    def fault(self, what: str) -> None:
        """Something that must not happen has happened."""
        self.problems.append(what)

    def point(self, name: str) -> None:
        """A point at which the acting process may have to die."""
        acting = self._acting
        if acting and acting.doomed:
            acting.doomed -= 1
            if not acting.doomed:
                raise Crash(name)

    # -- what happens --

    def someone(self) -> tuple[Process, Any] | None:
        """Somebody who could act."""
        actors = [*self.cast]
        while actors:
            at = int(self.chance.random() * len(actors))
            if actors[at][1].ready:
                return actors[at]
            actors[at] = actors[-1]
            actors.pop()
        return None

    @property
    def cast(self) -> list[tuple[Process, Any]]:
        """Everybody who is there."""
        up = tuple(p.boots if p.up else 0 for p in self.processes.values())
        if self._cast[0] != up:
            self._cast = up, [(p, actor) for p in self.processes.values() if p.up for actor in p.actors]
        return self._cast[1]

    def act(self, process: Process, actor: Any) -> None:
        """Let an actor do one thing; it may be its last."""
        self._acting = process
        try:
            done = actor.step()
        except Crash as died:
            done = f"crash at {died}"
            self.crashes[str(died)] += 1
            process.kill(self.steps + self.few(15))
        finally:
            self._acting = None
        self.note(f"{self.steps} {self.now} {actor.name}: {done}")

    def revive(self, at_once: bool = False) -> None:
        """Start again what has been down long enough."""
        for process in self.processes.values():
            if not process.up and (at_once or process.back_at <= self.steps):
                process.boot()
                self.note(f"{self.steps} {process.name} is back")

    def rest(self, limit: int) -> None:
        """Until nobody has anything to do now."""
        while True:
            someone, waiting = self.someone(), self.desk.unanswered
            if not someone and not waiting and not self.idle():
                return
            self.steps += 1
            self.now += timedelta(milliseconds=self.below(2000))
            if self.steps > limit:
                raise NeverQuiet(someone[1].name if someone else f"{len(waiting)} requests")
            if someone:
                self.act(*someone)
            elif waiting:
                self.note(f"{self.steps} {self.now} desk: {self.desk.send(waiting[0])}")

    def idle(self) -> bool:
        """Whether somebody will act when a little time has passed."""
        return any(f.will_act for p in self.processes.values() for f in p.follows if f in p.actors)

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        """While this runs, crash points, patience and logs are the simulation's."""
        journal = Journal(self)
        with (
            mock.patch.object(crash, "point", self.point),
            mock.patch.object(lanes, "patiently", hold),
            mock.patch.object(execute, "log", journal),
            mock.patch.object(follow, "log", journal),
            mock.patch.object(follow, "PATIENCE", follow.PATIENCE if self.patient else 0.0),
            mock.patch.object(follow, "TRIES", follow.TRIES if self.patient else 0),
            mock.patch.object(jobs, "log", journal),
            mock.patch.object(lanes, "log", journal),
            mock.patch.object(unpark, "log", journal),
            unmeasured(),
        ):
            yield


class Play(Centre):
    """A history: chance decides what works at all, what is asked, what breaks, and who acts when."""

    def __init__(self, seed: int, *, commands: int = COMMANDS, tell: bool = False) -> None:
        chance = Random(seed)
        way = chance.choices([BOTH, QUEUE_ALONE, FEED_ALONE], [6, 2, 1])[0]
        late = chance.choice(["billing", "notifications", None, None, None]) if way == BOTH else None
        disks = {name: disk.copy() for name, disk in opened(late).items()}
        super().__init__(chance, MONDAY, disks, tell=tell)
        self.seed, self.feeds_gone, self.broker_gone = seed, way == QUEUE_ALONE, way == FEED_ALONE
        for name, process in self.processes.items():
            process.feed_away = 1.0 if self.feeds_gone else 0.0
            process.boot()
            if name == late:
                process.kill(back_at=self.below(250))
                continue
            for following in process.follows:
                following.inlet.open()
        if self.broker_gone:
            self.broker.wipe()
            self.broker.away = 1.0
        self.desk.left = commands
        self.nemesis = Nemesis(self, chance.randint(*FAULTS))
        self.note(f"{way}, at most {self.most} at once, late: {late}")

    def run(self) -> Outcome:
        """Play it to the end."""
        with self.on_stage():
            while (self.desk.left or self.nemesis.left) and self.steps < TOO_LONG:
                self.nemesis.pass_time()
                self.revive()
                self.step()
            try:
                self.heal()
                self.settle()
            except NeverQuiet as never:
                self.fault(f"does not come to rest: {never}")
            for name, check in CHECKS.items():
                self.problems += [f"{name}: {problem}" for problem in check(self)]
        for name, disk in self.disks.items():
            self.note(f"{name}: {[row[:7] for row in disk.events]}")
        asked = len(self.desk.requests)
        trace, faults = self._digest.hexdigest(), self.nemesis.done
        return Outcome(self.seed, trace, self.steps, asked, faults, self.crashes, self.problems)

    def step(self) -> None:
        """Somebody does something."""
        self.steps += 1
        self.now += timedelta(milliseconds=self.below(3000))
        dice = self.chance.random()
        someone = self.someone() if dice >= 0.2 else None
        if dice < 0.04 and self.nemesis.left:
            self.note(f"{self.steps} {self.now} nemesis: {self.nemesis.step()}")
        elif someone:
            self.act(*someone)
        elif self.desk.left or self.desk.unanswered:
            self.note(f"{self.steps} {self.now} desk: {self.desk.step()}")
        elif self.nemesis.left:
            self.note(f"{self.steps} {self.now} nemesis: {self.nemesis.step()}")

    def heal(self) -> None:
        """End every fault but those that this history is about."""
        self.nemesis.heal()
        for process in self.processes.values():
            process.doomed = 0
        self.revive(at_once=True)

    def settle(self) -> None:
        """Until everybody has an answer, nothing is left to do, and no timer waits."""
        limit = self.steps + TOO_LONG
        while True:
            self.rest(limit)
            due = [disk.next_due for disk in self.disks.values() if disk.next_due]
            if not due:
                return
            self.now = max(self.now, min(due)) + timedelta(seconds=1)


@cache
def opened(late: str | None) -> dict[str, Disk]:
    """The disks of a centre that has just opened, where nothing ever broke. ``late`` has heard of nothing yet."""
    disks = {name: Disk(service) for name, service in SERVICES.items()}
    centre = Centre(Random("the centre opens"), MONDAY - timedelta(hours=1), disks)
    for process in centre.processes.values():
        process.boot()
        if process.name == late:
            process.actors = [actor for actor in process.actors if actor not in process.follows]
    with centre.on_stage():
        for n, (service, name, data) in enumerate(stock()):
            request = Request(service, Asked(new_uuid(centre.chance), name, data, {"correlation_id": f"stock-{n}"}))
            centre.desk.send(request)
            centre.rest(10_000)
            assert b'"result"' in request.answers[0], request.answers
    return disks
