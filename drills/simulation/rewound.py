"""A history in which a source's log goes back to an earlier position under the same epoch, and then grows another way.

It happens when a standby that lags takes over without being told so, or a disk is put back by hand. Whoever had read
further must halt, and take in nothing of the other way; whoever had not goes on.
"""

from dataclasses import fields
from datetime import datetime
from typing import Any

from drills.simulation.disk import Disk
from drills.simulation.play import COMMANDS, Outcome, Play

SOURCES = ("inventory", "rentals", "billing")  # somebody subscribes to each
AFTER = 600  # steps until everybody must have noticed


class Rewound(Play):
    """Commands go on meanwhile; what was acknowledged and went back with the log is lost, as nothing can help."""

    def __init__(self, seed: int, *, tell: bool = False) -> None:
        super().__init__(seed, tell=tell)
        self.source = self.chance.choice(SOURCES)
        self._kept_at, self._back_at = sorted(self.chance.sample(range(5, COMMANDS), 2), reverse=True)
        self._kept: Disk | None = None
        self._gone: set[tuple[str, datetime]] = set()  # id and time of the events that went
        self._further: set[str] = set()  # who had read one of them by then

    def run(self) -> Outcome:
        """Play it, give everybody time to notice, and look who did."""
        with self.stage():
            while self.desks.left or self.nemesis.left:
                self.nemesis.pass_time()
                self.revive()
                self.step()
                if self._kept is None and self.desks.left <= self._kept_at:
                    self._kept = self.disks[self.source].copy()
                if not self._gone and self._kept and self.desks.left <= self._back_at:
                    self._go_back(self._kept)
            self.heal()
            for _ in range(AFTER):
                self.step()
        self.problems = [problem for consumer in self._consumers() for problem in self._judged(consumer)]
        for name, disk in self.disks.items():
            self.note(f"{name}: {[event[:7] for event in disk.events]}")
        sent, faults = len(self.desks.requests), self.nemesis.done
        faults["log_rewound"] += bool(self._gone)
        return Outcome(self.seed, self.trace, self.steps, sent, faults, self.crashes, self.problems)

    def _go_back(self, kept: Disk) -> None:
        disk = self.disks[self.source]
        self._gone = {(m.id, m.at) for m in disk.published} - {(m.id, m.at) for m in kept.published}
        self._further = {name for name in self._consumers() if self._event_of(name) in self._gone}
        for process in self.of_service[self.source]:
            if process.up:
                process.kill(self.steps + self.few(15))
        for field in fields(disk):
            setattr(disk, field.name, getattr(kept, field.name))
        self.note(f"{self.steps} {self.source} is back at {disk.head}; {sorted(self._further)} had read further")

    def _consumers(self) -> list[str]:
        return [name for name, disk in self.disks.items() if self.source in disk.service.sources]

    def _event_of(self, consumer: str) -> Any:
        moved = self.disks[consumer].subscriptions.get(self.source)
        return (moved.event_id, moved.event_at) if moved else None

    def _judged(self, consumer: str) -> list[str]:
        """What is wrong with a consumer: it went over to the other way, or it neither halted nor arrived."""
        at = self._event_of(consumer)
        loops: list[Any] = [c for p in self.of_service[consumer] for c in p.consuming if c.name.endswith(self.source)]
        halted = any(loop.halted for loop in loops)
        if consumer in self._further and at not in self._gone:
            return [f"{consumer} had read further than {self.source} goes back to, and went on as if nothing had been"]
        if at in self._gone and not halted and not self.feeds_gone:
            return [f"{consumer} has an event of {self.source} that is gone, and does not say so"]
        if at not in self._gone and halted:
            return [f"{consumer} halted, though all that it has of {self.source} is there: {loops[0].halted}"]
        return []
