"""Given facts, when an intent, then facts: how a decision is tested, without a database.

``scenario(SERVICE).given(ResidentJoined(...)).heard("inventory", "item.ready", barcode="NG-C10-001", ...)
.when(StartRental(...)).then(RentalRequested(...))``. Every intent is decided twice: the second time nothing happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.chassis.definition import Service
from services.chassis.kernel import Forget, Heard, Keep, Refused
from services.chassis.world import World

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 10:00 in Gwangju, an open day


class Scenario:
    """One scenario; each step returns the scenario, so that it reads as a sentence."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.world = World(service, lambda kind, keys: [])
        self.at = MONDAY
        self.facts: list[Any] = []
        self.refused: Refused | None = None

    def on(self, at: datetime) -> Scenario:
        """The instant of what follows."""
        self.at = at
        return self

    def given(self, *facts: Any) -> Scenario:
        """What happened here before; rows of records may be among it."""
        self.world.apply(f for f in facts if not isinstance(f, Keep | Forget))
        self.world.keep(f for f in facts if isinstance(f, Keep | Forget))
        return self

    def heard(self, source: str, type: str, data: Mapping[str, Any] | None = None, **more: Any) -> Scenario:
        """What another service published before."""
        self.world.hear(source, Heard(type, {**(data or {}), **more}, "", "", self.at))
        return self

    def when(self, intent: Any) -> Scenario:
        """Decide an intent."""
        self.facts, self.refused = [], None
        try:
            parts = self._decide(intent)
        except Refused as refused:
            refused.say()  # both messages must be sayable with the facts at hand
            self.refused = refused
            return self
        self.facts = [p for p in parts if not isinstance(p, Keep | Forget)]
        self.given(*parts)
        again = [p for p in self._decide(intent) if not isinstance(p, Keep | Forget)]
        assert not again, f"deciding it twice made {again}"
        return self

    def _decide(self, intent: Any) -> Sequence[Any]:
        return self.service.by_intent[type(intent)].decide(intent, self.world, self.at)

    def then(self, *facts: Any) -> Scenario:
        """Exactly these facts came of it."""
        assert self.refused is None, f"refused: {self.refused and self.refused.say()}"
        assert self.facts == list(facts), f"{self.facts} is not {list(facts)}"
        return self

    def then_types(self, *types: str) -> Scenario:
        """Facts of exactly these wire names came of it."""
        assert self.refused is None, f"refused: {self.refused and self.refused.say()}"
        assert [f.TYPE for f in self.facts] == list(types)
        return self

    def then_nothing(self) -> Scenario:
        """Nothing came of it, as nothing was left to do."""
        return self.then()

    def then_refused(self, code: str, **facts: Any) -> Scenario:
        """It was refused with this code, and (at least) these facts."""
        assert self.refused is not None, f"not refused but {self.facts}"
        assert self.refused.code() == code, self.refused.say()
        assert {k: self.refused.facts.get(k) for k in facts} == facts
        return self

    def row(self, kind: type, key: str) -> Any:
        """A row as it stands now."""
        return self.world(kind, key)


def scenario(service: Service) -> Scenario:
    """Begin a scenario of a service."""
    return Scenario(service)
