"""The words of the domain: a copy with other fields."""

from __future__ import annotations

import dataclasses

import pytest

from services.chassis.domain import replace, state


@state("thing", key="name")
class Thing:
    name: str
    count: int = 0
    parts: tuple[str, ...] = ()


def test_a_copy_with_other_fields_is_what_dataclasses_make_of_it():
    thing = Thing(name="텐트", parts=("폴",))
    made = replace(thing, count=3)
    assert made == dataclasses.replace(thing, count=3) and hash(made) == hash(dataclasses.replace(thing, count=3))
    assert (thing.count, made.name, made.parts) == (0, "텐트", ("폴",))


def test_a_copy_is_as_frozen_as_the_first():
    with pytest.raises(dataclasses.FrozenInstanceError):
        replace(Thing(name="텐트"), count=3).count = 4  # type: ignore[misc]


def test_a_field_that_there_is_not_is_an_error():
    with pytest.raises(TypeError, match="Thing has no field colour"):
        replace(Thing(name="텐트"), colour="red")
