"""One process of a service. All of it is volatile; what a crash leaves is the disk, which its siblings share."""

from collections.abc import Mapping, Sequence
from typing import Any

from drills.simulation.disk import Disk
from drills.simulation.loops import CommandPort, Consuming, Relaying, Working
from drills.simulation.machine import Machine
from drills.simulation.surroundings import Surroundings


class Process(Machine):
    """It runs, or has crashed and comes back after some steps."""

    def __init__(self, surroundings: Surroundings, disk: Disk, number: int) -> None:
        super().__init__(surroundings, disk, number)
        self.back_at = self.boots = 0
        self.actors: list[Any] = []

    def boot(self, processes: Mapping[str, Sequence[Machine]]) -> None:
        """Start with nothing but the disk. ``processes`` holds those of each service."""
        self.relaying = Relaying(self)
        self.consuming = [Consuming(self, source, processes[source]) for source in self.disk.service.sources]
        self.actors = [CommandPort(self), self.relaying, Working(self), *self.consuming]
        self.up, self.doomed, self.boots = True, 0, self.boots + 1

    @property
    def waiting(self) -> list[Any]:
        """The actors that may have something to do when a little time has passed."""
        return [actor for actor in (self.relaying, *self.consuming) if actor in self.actors]

    def kill(self, back_at: int) -> None:
        """Everything in memory is gone; the requests that wait get no answer."""
        self.up, self.back_at = False, back_at
        self.relaying.lose_session()
        for consuming in self.consuming:
            consuming.consumer.close()
        for request in self.inbox:
            request.under_way -= 1
        self.inbox.clear()
