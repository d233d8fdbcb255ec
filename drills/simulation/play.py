"""One history: a seed, fifty commands, a dozen faults; then everything heals, and the checks look at what is left."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from drills.simulation.checks import CHECKS
from drills.simulation.disk import Disk
from drills.simulation.installation import Installation, NeverQuiet
from drills.simulation.nemesis import Nemesis
from drills.simulation.stock import CENTRES, stock
from services.chassis.process.runtime import service_named
from services.contracts import SERVICES

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 10:00 at the centre, an open day
COMMANDS, FAULTS = 50, (10, 20)
BOTH, QUEUE_ALONE, FEED_ALONE = "queue and feed", "queue alone", "feed alone"
TOO_LONG = 3000  # steps


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


class Play(Installation):
    """A history: chance decides what works at all, what is sent, what breaks, and who acts when."""

    def __init__(self, seed: int, *, commands: int = COMMANDS, tell: bool = False) -> None:
        chance = Random(seed)
        way = chance.choices([BOTH, QUEUE_ALONE, FEED_ALONE], [6, 2, 1])[0]
        late = chance.choice(["billing", "notifications", None, None, None]) if way == BOTH else None
        disks = {name: disk.copy() for name, disk in opened(late).items()}
        super().__init__(chance, MONDAY, disks, tell=tell)
        self.seed, self.feeds_gone, self.broker_gone = seed, way == QUEUE_ALONE, way == FEED_ALONE
        for process in self.processes:
            process.feed_unavailable = 1.0 if self.feeds_gone else 0.0
            process.boot(self.of_service)
            if process.service == late:
                process.kill(back_at=self.below(250))
                continue
            for consuming in process.consuming:
                consuming.consumer.open()
        if self.broker_gone:
            self.broker.wipe()
            self.broker.unavailable = 1.0
        self.desks.left = commands
        self.nemesis = Nemesis(self, chance.randint(*FAULTS))
        self.note(f"{way}, at most {self.most} at once, late: {late}")

    def run(self) -> Outcome:
        """Play it to the end."""
        with self.stage():
            while (self.desks.left or self.nemesis.left) and self.steps < TOO_LONG:
                self.nemesis.pass_time()
                self.revive()
                self.step()
            try:
                self.heal()
                self.settle()
            except NeverQuiet as never:
                self.fault(f"does not come to rest: {never}")
            for check in CHECKS:
                self.problems += [f"{check.__name__}: {problem}" for problem in check(self)]
        for name, disk in self.disks.items():
            self.note(f"{name}: {[event[:7] for event in disk.events]}")
        sent, faults = len(self.desks.requests), self.nemesis.done
        return Outcome(self.seed, self.trace, self.steps, sent, faults, self.crashes, self.problems)

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
        elif self.desks.left or self.desks.unanswered:
            self.note(f"{self.steps} {self.now} desk: {self.desks.step()}")
        elif self.nemesis.left:
            self.note(f"{self.steps} {self.now} nemesis: {self.nemesis.step()}")

    def heal(self) -> None:
        """End every fault but those that this history is about."""
        self.nemesis.heal()
        for process in self.processes:
            process.doomed = 0
        self.revive(at_once=True)

    def settle(self) -> None:
        """Until every request has an answer, nothing is left to do, and no job waits."""
        limit = self.steps + TOO_LONG
        while True:
            self.rest(limit)
            due = [disk.next_due for disk in self.disks.values() if disk.next_due]
            if not due:
                return
            self.now = max(self.now, min(due)) + timedelta(seconds=1)


@cache
def opened(late: str | None) -> dict[str, Disk]:
    """The disks of three centres that have just opened, where nothing ever broke. ``late`` has taken in nothing yet."""
    disks = {name: Disk(service_named(name)) for name in SERVICES}
    installation = Installation(Random("the centres open"), MONDAY - timedelta(hours=1), disks, copies=1)
    for process in installation.processes:
        process.boot(installation.of_service)
        if process.service == late:
            process.actors = [actor for actor in process.actors if actor not in process.consuming]
    with installation.stage():
        for centre in CENTRES:
            for order in stock(centre):
                request = installation.desks.request(order, centre, role="seed")
                installation.desks.send(request)
                installation.rest(10_000)
                assert b'"result"' in request.answers[0], (request.answers, installation.problems)
    return disks
