"""What everybody in a history shares: one source of chance, the time, the broker, the disks, the world outside."""

from datetime import datetime
from random import Random

from drills.simulation.adapters import CardTerminal, Mailbox
from drills.simulation.broker import Broker
from drills.simulation.disk import Disk


class Surroundings:
    """``feeds_gone`` and ``broker_gone`` last for the whole history; ``replies_lost`` is a chance, and passes."""

    def __init__(self, chance: Random, now: datetime, disks: dict[str, Disk]) -> None:
        self.chance, self.now, self.disks = chance, now, disks
        self.most = chance.choice((4, 8, 30))  # how much is taken at once: little leaves room for what comes between
        self.patient = chance.random() < 0.7  # or what waits for another source is parked at once
        self.feeds_gone = self.broker_gone = False
        self.replies_lost = 0.0
        self.broker = Broker(self.happens, self.meanwhile)
        self.terminal = CardTerminal(chance, lambda: self.now)
        self.mailbox = Mailbox(chance)

    def meanwhile(self) -> None:
        """Somebody waits for an answer: others act before it comes."""

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return probability > 0 and self.chance.random() < probability

    def below(self, limit: int) -> int:
        """A number from 0 to below ``limit``."""
        return int(self.chance.random() * limit)

    def few(self, most: int) -> int:
        """A number from 1 to ``most``."""
        return 1 + int(self.chance.random() * most)
