"""What breaks. Each fault is one of these; an outage ends by itself after some steps, or when everything heals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.exchange import GARBAGE

if TYPE_CHECKING:
    from tests.simulation.play import Play


class Nemesis:
    """Has ``left`` more faults in store."""

    def __init__(self, play: Play, left: int) -> None:
        self._play, self._chance, self.left = play, play.chance, left
        self.done: Counter[str] = Counter()
        self._ends: list[tuple[int, Callable[[], None]]] = []
        self._kinds = [kind for kind in FAULTS if not (play.feeds_gone and kind in LOSE)]

    def step(self) -> str:
        """One more fault."""
        self.left -= 1
        kind = self._chance.choice(self._kinds)
        self.done[kind.__name__] += 1
        return f"{kind.__name__} {kind(self, self._play) or ''}"

    def pass_time(self) -> None:
        """End the outages whose time is up."""
        for end in [end for end in self._ends if end[0] <= self._play.steps]:
            self._ends.remove(end)
            end[1]()

    def heal(self) -> None:
        """End every outage."""
        for _, undo in self._ends:
            undo()
        self._ends.clear()

    def outage(self, of: Any, name: str) -> str:
        """Make something away for a while: altogether, or off and on."""
        setattr(of, name, self._chance.choice([1.0, 0.6, 0.3]))
        steps = self._chance.randint(3, 40)
        self._ends.append((self._play.steps + steps, lambda: setattr(of, name, 0.0)))
        return f"for {steps}"

    def victim(self) -> Any:
        """A process that runs."""
        return self._chance.choice([p for p in self._play.processes.values() if p.up] or [None])

    def queue(self) -> list[Any]:
        """What waits in a queue that has something."""
        full = [queue.waiting for queue in self._play.broker.queues.values() if queue.waiting]
        return self._chance.choice(full) if full else []


def kill(nemesis: Nemesis, play: Play) -> Any:
    """A process dies between two steps."""
    if victim := nemesis.victim():
        victim.kill(play.steps + play.few(15))
        return victim.name


def crash(nemesis: Nemesis, play: Play) -> Any:
    """A process dies in the middle of something."""
    if victim := nemesis.victim():
        victim.doomed = play.few(6)
        return f"{victim.name} {victim.doomed}"


def database_outage(nemesis: Nemesis, play: Play) -> Any:
    """A database goes away."""
    if victim := nemesis.victim():
        return f"{victim.name} {nemesis.outage(victim, 'database_away')}"


def broker_outage(nemesis: Nemesis, play: Play) -> Any:
    """The broker goes away."""
    if not play.broker_gone:
        play.broker.break_connections()
        return nemesis.outage(play.broker, "away")


def connections_broken(nemesis: Nemesis, play: Play) -> Any:
    """Every connection to the broker breaks: what was not settled comes again."""
    play.broker.break_connections()


def broker_wiped(nemesis: Nemesis, play: Play) -> Any:
    """The broker comes back with an empty disk."""
    play.broker.wipe()


def feed_outage(nemesis: Nemesis, play: Play) -> Any:
    """A source's feed can't be read."""
    if not play.feeds_gone and (victim := nemesis.victim()):
        return f"{victim.name} {nemesis.outage(victim, 'feed_away')}"


def terminal_outage(nemesis: Nemesis, play: Play) -> Any:
    """The card terminal, or its answers, get lost."""
    return nemesis.outage(play.terminal, "away")


def mail_outage(nemesis: Nemesis, play: Play) -> Any:
    """The mail server goes away."""
    return nemesis.outage(play.mailbox, "away")


def replies_lost(nemesis: Nemesis, play: Play) -> Any:
    """Commands are carried out, and their replies get lost."""
    return nemesis.outage(play, "replies_lost")


def messages_lost(nemesis: Nemesis, play: Play) -> Any:
    """Some messages of a queue vanish."""
    queue = nemesis.queue()
    for _ in range(play.few(3)):
        if queue:
            queue.pop(play.below(len(queue)))


def message_doubled(nemesis: Nemesis, play: Play) -> Any:
    """A message comes again, now or later."""
    if queue := nemesis.queue():
        at = play.below(len(queue))
        queue.insert(at + play.below(len(queue) - at + 1), queue[at])


def message_delayed(nemesis: Nemesis, play: Play) -> Any:
    """A message is overtaken by all others."""
    if queue := nemesis.queue():
        queue.append(queue.pop(play.below(len(queue))))


def messages_shuffled(nemesis: Nemesis, play: Play) -> Any:
    """A queue loses its order."""
    play.chance.shuffle(nemesis.queue())


def garbage(nemesis: Nemesis, play: Play) -> Any:
    """Something that is no fact comes along."""
    if queue := nemesis.queue():
        queue.insert(play.below(len(queue) + 1), GARBAGE)


def time_passes(nemesis: Nemesis, play: Play) -> Any:
    """Nothing happens for minutes, hours or days."""
    play.now += timedelta(minutes=play.chance.choice([2, 5, 90, 900, 2000, 5000]))


def clock_jumps(nemesis: Nemesis, play: Play) -> Any:
    """One machine's clock is set wrong, and set right again later."""
    if victim := nemesis.victim():
        victim.skew = timedelta(seconds=play.chance.randint(-300, 300))
        nemesis._ends.append((play.steps + play.few(30), lambda: setattr(victim, "skew", timedelta(0))))
        return f"{victim.name} {victim.skew}"


LOSE = (broker_wiped, messages_lost, message_delayed, messages_shuffled)
FAULTS = (
    kill,
    crash,
    crash,
    crash,
    database_outage,
    database_outage,
    broker_outage,
    connections_broken,
    broker_wiped,
    feed_outage,
    terminal_outage,
    mail_outage,
    replies_lost,
    messages_lost,
    message_doubled,
    message_delayed,
    messages_shuffled,
    garbage,
    time_passes,
    clock_jumps,
)
