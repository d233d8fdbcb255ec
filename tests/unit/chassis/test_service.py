"""What a service's definition is refused for: each is a mistake of whoever writes it, and says so by name."""

from __future__ import annotations

import pytest

from services.chassis.domain import event, state
from services.chassis.service import Capability, Projection, Schedule, Service


@event("toy.sold", stream="toy-{toy_id}")
class ToySold:
    toy_id: str


@state("toy", key="toy_id", stream="toy-{}")
class Toy:
    toy_id: str
    version: int = 0


@state("sale", key="toy_id")
class Sale:
    toy_id: str


def evolve(row, sold):
    return row


def shop(*projections: Projection) -> Service:
    return Service("shop", Capability("toys", projections=projections, schedules=[Schedule(ToySold, lambda sold: [])]))


def test_an_event_belongs_to_the_state_with_its_stream():
    assert shop(Projection(Toy, evolve, (ToySold,))).aggregate_of == {ToySold: Toy}


def test_an_event_whose_stream_no_state_has_is_refused():
    with pytest.raises(TypeError, match="ToySold has the stream toy-"):
        _ = shop(Projection(Sale, evolve, (ToySold,))).aggregate_of


def test_an_event_that_is_not_folded_into_its_own_aggregate_is_refused():
    with pytest.raises(TypeError, match="ToySold is folded into no Toy"):
        _ = shop(Projection(Toy, evolve, ()), Projection(Sale, evolve, (ToySold,))).aggregate_of


def test_an_event_schedules_the_jobs_of_every_capability():
    one, two = (Capability(name, schedules=[Schedule(ToySold, lambda _, name=name: [name])]) for name in ("a", "b"))
    assert list(Service("shop", one, two).schedule_of[ToySold](ToySold(toy_id="bear"))) == ["a", "b"]
