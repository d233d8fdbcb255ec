"""What is said between the services is said once: a contract and the intent or fact behind it can't drift apart."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import marshmallow
import pytest
from marshmallow import fields as wire

from services.chassis.definition import Service
from services.contracts.schema import Command, Page, Published, Query, snake
from tests.architecture.tree import SERVICES

DEFINED: dict[str, Service] = {name: import_module(f"services.{name}.service").SERVICE for name in SERVICES}
PYTHON_TYPE: dict[type[wire.Field[Any]], Any] = {
    wire.String: str,
    wire.Email: str,
    wire.Integer: int,
    wire.Boolean: bool,
    wire.Date: date,
    wire.AwareDateTime: datetime,
    wire.Dict: dict,
}


def contracts(service: str, kind: type) -> list[Any]:
    """The contracts of a kind that a service's module holds."""
    module = import_module(f"services.contracts.{service}")
    held = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
    return [c for c in held if issubclass(c, kind)]


def differences(schema: type[marshmallow.Schema], shape: Any, *, whole: bool, at: str = "") -> list[str]:
    """Where a schema and a dataclass differ. ``whole``: each has all fields of the other, as optional as there."""
    hints, held = get_type_hints(shape), {f.name: f for f in fields(shape)}
    sent = schema().fields
    wrong = [f"{at}{name} is not in {shape.__name__}" for name in sent.keys() - held.keys()]
    if whole:
        wrong += [f"{at}{name} is not in {schema.__name__}" for name in held.keys() - sent.keys()]
    for name in sent.keys() & held.keys():
        place = f"{at}{name}"
        wrong += _type_differences(sent[name], hints[name], whole=whole, at=place)
        has_default = held[name].default is not MISSING or held[name].default_factory is not MISSING
        if whole and sent[name].required == has_default:
            wrong.append(f"{place} is required in one and has a default in the other")
    return wrong


def _type_differences(field: wire.Field[Any], hint: Any, *, whole: bool, at: str) -> list[str]:
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    plain = [each for each in choices if each is not NoneType]
    wrong = [] if field.allow_none == (NoneType in choices) else [f"{at} may be null in one only"]
    if len(plain) != 1:
        return [*wrong, f"{at} has several types"]
    if isinstance(field, wire.Nested):
        if not is_dataclass(plain[0]):
            return [*wrong, f"{at} is nested in one only"]
        return [*wrong, *differences(type(field.schema), plain[0], whole=whole, at=f"{at}.")]
    if isinstance(field, wire.List):
        inner = get_args(plain[0])
        if get_origin(plain[0]) is not tuple or len(inner) != 2 or inner[1] is not Ellipsis:
            return [*wrong, f"{at} is a list in one, {plain[0]} in the other"]
        return [*wrong, *_type_differences(field.inner, inner[0], whole=whole, at=f"{at}[]")]
    expected = PYTHON_TYPE.get(type(field))
    if (get_origin(plain[0]) or plain[0]) is not expected:
        wrong.append(f"{at} is {type(field).__name__} in one, {plain[0]} in the other")
    return wrong


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_has_an_intent_of_the_same_shape(name: str) -> None:
    service, wrong = DEFINED[name], []
    for contract in contracts(name, Command):
        command = service.by_name.get(snake(contract.__name__))
        if command is None:
            wrong.append(f"{contract.__name__} is not in {name}'s table of contents")
        else:
            wrong += [f"{contract.__name__}: {w}" for w in differences(contract, command.intent, whole=True)]
    assert not wrong
    assert len(service.commands) == len(service.by_name) == len(service.by_intent)


@pytest.mark.parametrize("name", SERVICES)
def test_every_query_is_answered(name: str) -> None:
    asked = {snake(c.__name__) for c in contracts(name, Query) if c is not Page}
    assert asked == set(DEFINED[name].query_of)


@pytest.mark.parametrize("name", SERVICES)
def test_every_published_fact_has_what_its_contract_promises(name: str) -> None:
    service, wrong = DEFINED[name], []
    for fact, contract in service.publish.items():
        if contract.type_name != fact.TYPE:  # type: ignore[attr-defined]
            wrong.append(f"{fact.__name__} is published under another name than {contract.__name__}")
        wrong += [f"{contract.__name__}: {w}" for w in differences(contract, fact, whole=False)]
    assert not wrong
    assert set(service.publish.values()) == set(contracts(name, Published))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_heard_is_published_there(name: str) -> None:
    service, wrong = DEFINED[name], []
    for (source, type_name), contract in service.hears.items():
        if contract not in DEFINED[source].publish.values() or contract.type_name != type_name:  # type: ignore[attr-defined]
            wrong.append(f"{source} publishes no {type_name} as {contract.__name__}")
    followed = {(v.source, on) for v in service.views for on in v.on if isinstance(on, str)}
    assert not wrong
    assert (followed | set(service.reactions)) <= set(service.hears)


@pytest.mark.parametrize("name", SERVICES)
def test_every_job_is_known_and_every_schedule_is_of_an_own_fact(name: str) -> None:
    service = DEFINED[name]
    assert set(service.schedule) <= set(service.facts.values())
    assert set(service.root_of) == set(service.facts.values())  # each own fact belongs to one aggregate
