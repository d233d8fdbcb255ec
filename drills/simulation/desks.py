"""The people at the desks: they send commands, get no answer now and then, and send again with the same id."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from drills.simulation.desk import Desk, lend
from drills.simulation.machine import Machine, Request
from drills.simulation.stock import CENTRES, Order
from drills.simulation.surroundings import Surroundings
from services.chassis.commands.handler import CommandMessage, Metadata
from services.contracts.base import Actor

BUSY = (7, 2, 2)  # how much of the traffic each centre has
MEDDLES = 0.06  # how often somebody names what is another centre's


class Desks:
    """Send ``left`` more commands."""

    def __init__(self, surroundings: Surroundings, processes: Mapping[str, Sequence[Machine]]) -> None:
        self._surroundings, self._processes, self.left = surroundings, processes, 0
        self._chance = surroundings.chance
        self.requests: list[Request] = []
        self._desks = [Desk(surroundings, centre) for centre in CENTRES]

    @property
    def unanswered(self) -> list[Request]:
        """The requests that have no answer, and of which no copy is under way."""
        return [r for r in self.requests if not r.answers and not r.under_way]

    def step(self) -> str:
        """Send something new, or send again."""
        again = self.unanswered
        if again and (not self.left or self._chance.random() < 0.6):
            return "again: " + self.send(self._chance.choice(again))
        if not self.left:
            return self.send(self._chance.choice(self.requests))  # a copy of the request was still on its way
        self.left -= 1
        desk = self._chance.choices(self._desks, BUSY)[0]
        foreign = self._chance.random() < MEDDLES
        order = self._meddling(desk) if foreign else desk.order()
        request = self.request(order, desk.centre, foreign=foreign)
        self.requests.append(request)
        return self.send(request)

    def _meddling(self, desk: Desk) -> Order:
        """A desk names what is another centre's: altogether, or a resident of it beside its own things."""
        other = self._chance.choice([each for each in self._desks if each is not desk])
        if self._chance.random() < 0.5:
            return other.wish()[0]
        service, name, data = next(iter(lend(desk)))
        return service, name, {**data, "resident_id": other.residents[0]}

    def request(self, order: Order, centre: str, role: str = "desk", foreign: bool = False) -> Request:
        """A request for an order by somebody of a centre, under a new id."""
        service, name, data = order
        id = UUID(int=self._chance.getrandbits(128), version=4)
        actor: Actor = {"role": role, "subject": f"{role}-1", "centre": centre}
        return Request(service, CommandMessage(id, name, data, Metadata(actor, f"request-{id}")), foreign)

    def send(self, request: Request) -> str:
        """Send a request, now and then twice; to any process of its service that is there."""
        up = [process for process in self._processes[request.service] if process.up]
        if not up:
            return f"{request}: the service is down"
        for _ in range(2 if self._chance.random() < 0.1 else 1):
            request.under_way += 1
            self._chance.choice(up).inbox.append(request)
        return str(request)
