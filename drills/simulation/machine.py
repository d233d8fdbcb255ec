"""What the loops of one process share: its disk, its clock, its way to the database, and the points it may die at."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drills.simulation.disk import Disk
from drills.simulation.memory import MemoryStore
from drills.simulation.surroundings import Surroundings
from services.chassis.commands.handler import CommandMessage
from services.chassis.foundation import database
from services.chassis.foundation.codec import convert, decode, encode
from services.chassis.messaging.feed import Page
from services.chassis.messaging.subscriber import SourceUnavailable


class Crash(BaseException):
    """The process dies here and now, whatever it was doing."""


@dataclass
class Request:
    """One command, and what came back; ``under_way`` counts the copies that may still be carried out.

    ``foreign``: whoever sends it is of another centre than what it names.
    """

    service: str
    message: CommandMessage
    foreign: bool = False
    answers: list[bytes] = field(default_factory=list)
    under_way: int = 0

    def __str__(self) -> str:
        return f"{self.service}.{self.message.name} {self.message.id}"


class Machine:
    """Where a process runs. ``*_unavailable`` are the chances that its database or its feed does not answer."""

    def __init__(self, surroundings: Surroundings, disk: Disk, number: int) -> None:
        self.surroundings, self.disk, self.service = surroundings, disk, disk.service.name
        self.name = f"{self.service}-{number}"
        self.store = MemoryStore(disk, self.reach_database)
        self.database_unavailable = self.feed_unavailable = 0.0
        self.skew = timedelta(0)
        self.doomed = 0  # how many more points are passed until it crashes; 0: it does not
        self.up = False
        self.inbox: list[Request] = []

    def clock(self) -> datetime:
        """This machine's idea of the time."""
        return self.surroundings.now + self.skew

    def few(self) -> int:
        """How much is taken at once now."""
        return self.surroundings.few(self.surroundings.most)

    def reach(self, name: str) -> None:
        """Pass a point at which the process may have to die."""
        if self.doomed:
            self.doomed -= 1
            if not self.doomed:
                raise Crash(name)

    def reach_database(self, where: str) -> None:
        """The way to the database. Raises what an absent database raises."""
        self.reach(f"database.{where}")
        if self.surroundings.happens(self.database_unavailable):
            raise database.UNAVAILABLE[0](f"the database went away ({where})")

    def read_feed(self, after: int) -> Page:
        """The feed, as another service reads it over HTTP. Raises :class:`SourceUnavailable`."""
        happens, few = self.surroundings.happens, self.surroundings.few
        if not self.up or happens(self.feed_unavailable) or happens(self.database_unavailable):
            raise SourceUnavailable(f"{self.name} does not answer")
        page = self.disk.page(after, few(2 * self.surroundings.most))
        return convert(decode(encode(page)), Page)
