"""The installation: two processes of each service on one disk, the broker, the world outside, the desks; who acts."""

import hashlib
import sys
from collections import Counter
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from random import Random
from typing import Any

from drills.simulation.desks import Desks
from drills.simulation.disk import Disk
from drills.simulation.machine import Crash
from drills.simulation.process import Process
from drills.simulation.stage import stage
from drills.simulation.surroundings import Surroundings
from services.chassis.messaging.consumer_loop import TRANSIENT


class NeverQuiet(Exception):
    """After everything has healed, the installation does not come to rest."""


class Installation(Surroundings):
    """All that there is, and who acts next."""

    def __init__(
        self, chance: Random, now: datetime, disks: dict[str, Disk], *, copies: int = 2, tell: bool = False
    ) -> None:
        super().__init__(chance, now, disks)
        self._tell, self.steps = tell, 0
        self.problems: list[str] = []
        self.crashes: Counter[str] = Counter()
        self._digest = hashlib.sha256()
        self._acting: list[Process] = []  # whoever waits for somebody else's answer comes before who acts now
        self._cast: tuple[Any, list[tuple[Process, Any]]] = (None, [])
        self.of_service = {
            name: [Process(self, disk, number) for number in range(copies)] for name, disk in disks.items()
        }
        self.processes = [process for processes in self.of_service.values() for process in processes]
        self.desks = Desks(self, self.of_service)

    # -- what is seen --

    def stage(self) -> AbstractContextManager[None]:
        """While this runs, what the services reach and log comes here."""
        return stage(self.reach, self.hear, self.patient)

    def note(self, text: str) -> None:
        """Add to the trace."""
        self._digest.update(text.encode() + b"\n")
        if self._tell:
            print(text)

    @property
    def trace(self) -> str:
        """The hash of everything that happened."""
        return self._digest.hexdigest()

    def hear(self, level: str, event: str, fields: dict[str, Any]) -> None:
        """What the services log."""
        error = sys.exc_info()[1] if level == "exception" else None
        if self._tell and level in ("error", "exception", "critical"):
            print(f"      {event} {fields} {error!r}")
        if event in ("command_failed", "guard_broken") or (event == "job_failed" and not isinstance(error, TRANSIENT)):
            self.fault(f"{event}: {(error or fields)!r}")

    def fault(self, what: str) -> None:
        """Something that must not happen has happened."""
        self.problems.append(what)

    def reach(self, name: str) -> None:
        """The acting process passes a failpoint."""
        if self._acting:
            self._acting[-1].reach(name)

    # -- what happens --

    def someone(self) -> tuple[Process, Any] | None:
        """Somebody who could act."""
        actors = [*self.cast]
        while actors:
            at = int(self.chance.random() * len(actors))
            if actors[at][0] not in self._acting and actors[at][1].ready:
                return actors[at]
            actors[at] = actors[-1]
            actors.pop()
        return None

    @property
    def cast(self) -> list[tuple[Process, Any]]:
        """Everybody who is there."""
        up = tuple(p.boots if p.up else 0 for p in self.processes)
        if self._cast[0] != up:
            self._cast = up, [(p, actor) for p in self.processes if p.up for actor in p.actors]
        return self._cast[1]

    def act(self, process: Process, actor: Any) -> None:
        """Let an actor do one thing; it may be its last."""
        self._acting.append(process)
        try:
            done = actor.step()
        except Crash as died:
            done = f"crash at {died}"
            self.crashes[str(died)] += 1
            process.kill(self.steps + self.few(15))
        finally:
            self._acting.pop()
        self.note(f"{self.steps} {self.now} {actor.name}: {done}")

    def meanwhile(self) -> None:
        """Others act while the acting process waits for an answer; time passes."""
        for _ in range(self.few(6) if len(self._acting) == 1 else 0):
            self.now += timedelta(milliseconds=self.below(5000))
            if someone := self.someone():
                self.act(*someone)

    def revive(self, at_once: bool = False) -> None:
        """Start again what has been down long enough."""
        for process in self.processes:
            if not process.up and (at_once or process.back_at <= self.steps):
                process.boot(self.of_service)
                self.note(f"{self.steps} {process.name} is back")

    def rest(self, limit: int) -> None:
        """Until nobody has anything to do now."""
        while True:
            someone, waiting = self.someone(), self.desks.unanswered
            if not someone and not waiting and not self.idle():
                return
            self.steps += 1
            self.now += timedelta(milliseconds=self.below(2000))
            if self.steps > limit:
                raise NeverQuiet(someone[1].name if someone else f"{len(waiting)} requests")
            if someone:
                self.act(*someone)
            elif waiting:
                self.note(f"{self.steps} {self.now} desk: {self.desks.send(waiting[0])}")

    def idle(self) -> bool:
        """Whether somebody will act when a little time has passed."""
        return any(actor.will_act for p in self.processes if p.up for actor in p.waiting)
