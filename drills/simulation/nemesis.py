"""What breaks. Each fault is one of these; an outage ends by itself after some steps, or when everything heals."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from drills.simulation.broker import GARBAGE
from drills.simulation.installation import Installation


class Nemesis:
    """Has ``left`` more faults in store."""

    def __init__(self, installation: Installation, left: int) -> None:
        self._installation, self._chance, self.left = installation, installation.chance, left
        self.done: Counter[str] = Counter()
        self._ends: list[tuple[int, Callable[[], None]]] = []
        self._kinds = [kind for kind in FAULTS if not (installation.feeds_gone and kind in LOSE)]

    def step(self) -> str:
        """One more fault."""
        self.left -= 1
        kind = self._chance.choice(self._kinds)
        self.done[kind.__name__] += 1
        return f"{kind.__name__} {kind(self, self._installation) or ''}"

    def pass_time(self) -> None:
        """End the outages whose time is up."""
        for end in [end for end in self._ends if end[0] <= self._installation.steps]:
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
        self._ends.append((self._installation.steps + steps, lambda: setattr(of, name, 0.0)))
        return f"for {steps}"

    def victim(self) -> Any:
        """A process that runs."""
        return self._chance.choice([p for p in self._installation.processes if p.up] or [None])

    def queue(self) -> list[Any]:
        """What waits in a queue that has something."""
        full = [queue.waiting for queue in self._installation.broker.queues.values() if queue.waiting]
        return self._chance.choice(full) if full else []


def kill(nemesis: Nemesis, installation: Installation) -> Any:
    """A process dies between two steps."""
    if victim := nemesis.victim():
        victim.kill(installation.steps + installation.few(15))
        return victim.name


def crash(nemesis: Nemesis, installation: Installation) -> Any:
    """A process dies in the middle of something."""
    if victim := nemesis.victim():
        victim.doomed = installation.few(6)
        return f"{victim.name} {victim.doomed}"


def database_outage(nemesis: Nemesis, installation: Installation) -> Any:
    """A database goes away, for one process of its service or for all."""
    if victim := nemesis.victim():
        alike = installation.of_service[victim.service] if installation.happens(0.5) else [victim]
        return [f"{process.name} {nemesis.outage(process, 'database_unavailable')}" for process in alike]


def broker_outage(nemesis: Nemesis, installation: Installation) -> Any:
    """The broker goes away."""
    if not installation.broker_gone:
        installation.broker.break_connections()
        return nemesis.outage(installation.broker, "unavailable")


def messages_refused(nemesis: Nemesis, installation: Installation) -> Any:
    """The broker refuses messages, or takes them into some of their queues only."""
    return nemesis.outage(installation.broker, "refuses")


def confirms_slow(nemesis: Nemesis, installation: Installation) -> Any:
    """The broker takes its time to confirm: the lead may go to another relay meanwhile."""
    return nemesis.outage(installation.broker, "slow")


def lead_ended(nemesis: Nemesis, installation: Installation) -> Any:
    """A database ends the session of the relay that leads; that relay learns it when it uses the session again."""
    disk = installation.chance.choice([*installation.disks.values()])
    disk.leader = None
    return disk.service.name


def connections_broken(nemesis: Nemesis, installation: Installation) -> Any:
    """Every connection to the broker breaks: what was not settled comes again."""
    installation.broker.break_connections()


def broker_wiped(nemesis: Nemesis, installation: Installation) -> Any:
    """The broker comes back with an empty disk."""
    installation.broker.wipe()


def feed_outage(nemesis: Nemesis, installation: Installation) -> Any:
    """A source's feed can't be read."""
    if not installation.feeds_gone and (victim := nemesis.victim()):
        return f"{victim.name} {nemesis.outage(victim, 'feed_unavailable')}"


def terminal_outage(nemesis: Nemesis, installation: Installation) -> Any:
    """The card terminal, or its answers, get lost."""
    return nemesis.outage(installation.terminal, "unavailable")


def mail_outage(nemesis: Nemesis, installation: Installation) -> Any:
    """The mail server goes away."""
    return nemesis.outage(installation.mailbox, "unavailable")


def replies_lost(nemesis: Nemesis, installation: Installation) -> Any:
    """Commands are carried out, and their replies get lost."""
    return nemesis.outage(installation, "replies_lost")


def messages_lost(nemesis: Nemesis, installation: Installation) -> Any:
    """Some messages of a queue vanish."""
    queue = nemesis.queue()
    for _ in range(installation.few(3)):
        if queue:
            queue.pop(installation.below(len(queue)))


def message_doubled(nemesis: Nemesis, installation: Installation) -> Any:
    """A message comes again, now or later."""
    if queue := nemesis.queue():
        at = installation.below(len(queue))
        queue.insert(at + installation.below(len(queue) - at + 1), queue[at])


def message_delayed(nemesis: Nemesis, installation: Installation) -> Any:
    """A message is overtaken by all others."""
    if queue := nemesis.queue():
        queue.append(queue.pop(installation.below(len(queue))))


def messages_shuffled(nemesis: Nemesis, installation: Installation) -> Any:
    """A queue loses its order."""
    installation.chance.shuffle(nemesis.queue())


def garbage(nemesis: Nemesis, installation: Installation) -> Any:
    """Something that is no event comes along."""
    if queue := nemesis.queue():
        queue.insert(installation.below(len(queue) + 1), GARBAGE)


def time_passes(nemesis: Nemesis, installation: Installation) -> Any:
    """Nothing happens for minutes, hours or days."""
    installation.now += timedelta(minutes=installation.chance.choice([2, 5, 90, 900, 2000, 5000]))


def almost_due(nemesis: Nemesis, installation: Installation) -> Any:
    """Nothing happens until a job is about to be due, or has just become so."""
    due = [disk.next_due for disk in installation.disks.values() if disk.next_due]
    if due:
        installation.now = max(
            installation.now, installation.chance.choice(due) + timedelta(seconds=installation.chance.randint(-200, 20))
        )


def clock_jumps(nemesis: Nemesis, installation: Installation) -> Any:
    """One machine's clock is set wrong, and set right again later."""
    if victim := nemesis.victim():
        victim.skew = timedelta(seconds=installation.chance.randint(-300, 300))
        nemesis._ends.append((installation.steps + installation.few(30), lambda: setattr(victim, "skew", timedelta(0))))
        return f"{victim.name} {victim.skew}"


LOSE = (broker_wiped, messages_lost, messages_refused, message_delayed, messages_shuffled)
PROCESSES = [kill, crash, crash, crash, database_outage, database_outage]
BROKER = [broker_outage, connections_broken, broker_wiped, messages_refused, confirms_slow, confirms_slow, lead_ended]
SERVERS = [feed_outage, terminal_outage, mail_outage, replies_lost]
MESSAGES = [messages_lost, message_doubled, message_delayed, messages_shuffled, garbage]
FAULTS = [*PROCESSES, *BROKER, *SERVERS, *MESSAGES, time_passes, almost_due, clock_jumps]
