"""What breaks. Each fault is one of these; an outage ends by itself after some steps, or when everything heals."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from drills.simulation.broker import GARBAGE
from drills.simulation.centre import Centre


class Nemesis:
    """Has ``left`` more faults in store."""

    def __init__(self, centre: Centre, left: int) -> None:
        self._centre, self._chance, self.left = centre, centre.chance, left
        self.done: Counter[str] = Counter()
        self._ends: list[tuple[int, Callable[[], None]]] = []
        self._kinds = [kind for kind in FAULTS if not (centre.feeds_gone and kind in LOSE)]

    def step(self) -> str:
        """One more fault."""
        self.left -= 1
        kind = self._chance.choice(self._kinds)
        self.done[kind.__name__] += 1
        return f"{kind.__name__} {kind(self, self._centre) or ''}"

    def pass_time(self) -> None:
        """End the outages whose time is up."""
        for end in [end for end in self._ends if end[0] <= self._centre.steps]:
            self._ends.remove(end)
            end[1]()

    def heal(self) -> None:
        """End every outage."""
        for _, undo in self._ends:
            undo()
        self._ends.clear()

    def outage(self, of: Any, name: str) -> str:
        """Make something unavailable for a while: altogether, or off and on."""
        setattr(of, name, self._chance.choice([1.0, 0.6, 0.3]))
        steps = self._chance.randint(3, 40)
        self._ends.append((self._centre.steps + steps, lambda: setattr(of, name, 0.0)))
        return f"for {steps}"

    def victim(self) -> Any:
        """A process that runs."""
        return self._chance.choice([p for p in self._centre.processes.values() if p.up] or [None])

    def queue(self) -> list[Any]:
        """What waits in a queue that has something."""
        full = [queue.waiting for queue in self._centre.broker.queues.values() if queue.waiting]
        return self._chance.choice(full) if full else []


def kill(nemesis: Nemesis, centre: Centre) -> Any:
    """A process dies between two steps."""
    if victim := nemesis.victim():
        victim.kill(centre.steps + centre.few(15))
        return victim.name


def crash(nemesis: Nemesis, centre: Centre) -> Any:
    """A process dies in the middle of something."""
    if victim := nemesis.victim():
        victim.doomed = centre.few(6)
        return f"{victim.name} {victim.doomed}"


def database_outage(nemesis: Nemesis, centre: Centre) -> Any:
    """A database goes away."""
    if victim := nemesis.victim():
        return f"{victim.name} {nemesis.outage(victim, 'database_unavailable')}"


def broker_outage(nemesis: Nemesis, centre: Centre) -> Any:
    """The broker goes away."""
    if not centre.broker_gone:
        centre.broker.break_connections()
        return nemesis.outage(centre.broker, "unavailable")


def connections_broken(nemesis: Nemesis, centre: Centre) -> Any:
    """Every connection to the broker breaks: what was not settled comes again."""
    centre.broker.break_connections()


def broker_wiped(nemesis: Nemesis, centre: Centre) -> Any:
    """The broker comes back with an empty disk."""
    centre.broker.wipe()


def feed_outage(nemesis: Nemesis, centre: Centre) -> Any:
    """A source's feed can't be read."""
    if not centre.feeds_gone and (victim := nemesis.victim()):
        return f"{victim.name} {nemesis.outage(victim, 'feed_unavailable')}"


def terminal_outage(nemesis: Nemesis, centre: Centre) -> Any:
    """The card terminal, or its answers, get lost."""
    return nemesis.outage(centre.terminal, "unavailable")


def mail_outage(nemesis: Nemesis, centre: Centre) -> Any:
    """The mail server goes away."""
    return nemesis.outage(centre.mailbox, "unavailable")


def replies_lost(nemesis: Nemesis, centre: Centre) -> Any:
    """Commands are carried out, and their replies get lost."""
    return nemesis.outage(centre, "replies_lost")


def messages_lost(nemesis: Nemesis, centre: Centre) -> Any:
    """Some messages of a queue vanish."""
    queue = nemesis.queue()
    for _ in range(centre.few(3)):
        if queue:
            queue.pop(centre.below(len(queue)))


def message_doubled(nemesis: Nemesis, centre: Centre) -> Any:
    """A message comes again, now or later."""
    if queue := nemesis.queue():
        at = centre.below(len(queue))
        queue.insert(at + centre.below(len(queue) - at + 1), queue[at])


def message_delayed(nemesis: Nemesis, centre: Centre) -> Any:
    """A message is overtaken by all others."""
    if queue := nemesis.queue():
        queue.append(queue.pop(centre.below(len(queue))))


def messages_shuffled(nemesis: Nemesis, centre: Centre) -> Any:
    """A queue loses its order."""
    centre.chance.shuffle(nemesis.queue())


def garbage(nemesis: Nemesis, centre: Centre) -> Any:
    """Something that is no event comes along."""
    if queue := nemesis.queue():
        queue.insert(centre.below(len(queue) + 1), GARBAGE)


def time_passes(nemesis: Nemesis, centre: Centre) -> Any:
    """Nothing happens for minutes, hours or days."""
    centre.now += timedelta(minutes=centre.chance.choice([2, 5, 90, 900, 2000, 5000]))


def almost_due(nemesis: Nemesis, centre: Centre) -> Any:
    """Nothing happens until a job is about to be due, or has just become so."""
    due = [disk.next_due for disk in centre.disks.values() if disk.next_due]
    if due:
        centre.now = max(centre.now, centre.chance.choice(due) + timedelta(seconds=centre.chance.randint(-200, 20)))


def clock_jumps(nemesis: Nemesis, centre: Centre) -> Any:
    """One machine's clock is set wrong, and set right again later."""
    if victim := nemesis.victim():
        victim.skew = timedelta(seconds=centre.chance.randint(-300, 300))
        nemesis._ends.append((centre.steps + centre.few(30), lambda: setattr(victim, "skew", timedelta(0))))
        return f"{victim.name} {victim.skew}"


LOSE = (broker_wiped, messages_lost, message_delayed, messages_shuffled)
PROCESSES = [kill, crash, crash, crash, database_outage, database_outage]
SERVERS = [broker_outage, connections_broken, broker_wiped, feed_outage, terminal_outage, mail_outage, replies_lost]
MESSAGES = [messages_lost, message_doubled, message_delayed, messages_shuffled, garbage]
FAULTS = [*PROCESSES, *SERVERS, *MESSAGES, time_passes, almost_due, clock_jumps]
