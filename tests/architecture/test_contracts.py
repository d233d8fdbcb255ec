"""What crosses a border is said once, as a contract: each is handled, answered, published or subscribed to."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from services.chassis.service import Service, SqlQuery
from services.contracts.base import Page, is_contract, is_integration_event
from tests.architecture.tree import ROOT, SERVICES

DEFINED: dict[str, Service] = {name: import_module(f"services.{name}.service").SERVICE for name in SERVICES}


def contracts(service: str, module: str) -> list[Any]:
    """The contracts in a module of a service's package, as ``commands``."""
    name = f"services.contracts.{service}.{module}"
    if find_spec(name) is None:
        return []
    held = inspect.getmembers(import_module(name), lambda each: is_dataclass(each) and each.__module__ == name)
    return [each for _, each in held]


def names(contract: Any) -> set[str]:
    """The fields of a contract, an event or a state."""
    return {f.name for f in fields(contract)}


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_is_handled_and_answered_with_a_view(name: str) -> None:
    service = DEFINED[name]
    assert {handler.command for handler in service.accepted.values()} == set(contracts(name, "commands"))
    unanswered = [h.name for h in service.accepted.values() if h.answer is None or not _view_of(h.answer)]
    assert not unanswered
    assert len(service.commands) == len(service.handler_named) == len(service.handler_of)


def _view_of(state: type) -> Any:
    return next((base for base in state.__mro__ if is_contract(base)), None)


@pytest.mark.parametrize("name", SERVICES)
def test_every_query_is_answered(name: str) -> None:
    asked = {query.contract for query in DEFINED[name].queries}
    assert asked == {contract for contract in contracts(name, "queries") if contract is not Page}


@pytest.mark.parametrize("name", SERVICES)
def test_an_aggregate_that_is_read_alone_is_the_view_that_the_contract_names(name: str) -> None:
    """Its row is the answer, as JSON: so the columns of the table, the fields of the state and of the view are one."""
    wrong = [
        query.contract.__name__
        for query in DEFINED[name].queries
        if isinstance(query, SqlQuery) and query.aggregate and query.contract.ANSWER is not _view_of(query.aggregate)  # type: ignore[attr-defined]
    ]
    assert not wrong


@pytest.mark.parametrize("name", SERVICES)
def test_every_published_event_has_what_its_contract_promises(name: str) -> None:
    service, wrong = DEFINED[name], []
    for event, contract in service.published.items():
        if contract.TYPE != event.TYPE:  # type: ignore[attr-defined]
            wrong.append(f"{event.__name__} is published as {contract.TYPE}")  # type: ignore[attr-defined]
        wrong += [f"{event.__name__} has no {field}" for field in names(contract) - names(event)]
    assert not wrong
    assert set(service.published.values()) == set(filter(is_integration_event, contracts(name, "events")))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_subscribed_to_is_published_there(name: str) -> None:
    for (source, _), contract in DEFINED[name].subscribed.items():
        assert source != name
        assert contract in DEFINED[source].published.values()


@pytest.mark.parametrize("name", SERVICES)
def test_every_own_event_belongs_to_one_aggregate_and_every_view_to_one_log(name: str) -> None:
    service = DEFINED[name]
    assert set(service.aggregate_of) == set(service.events.values())
    assert {projection.source for projection in service.projections} <= {"", "self", *SERVICES}


@pytest.mark.parametrize("name", SERVICES)
def test_every_view_has_a_table_with_the_fields_of_its_state(name: str) -> None:
    made = "\n".join(path.read_text() for path in sorted((ROOT / f"services/{name}/sql/migrations").glob("*.sql")))
    made = re.sub(r"--.*", "", made)
    for projection in DEFINED[name].projections:
        table: str = projection.row_type.VIEW  # type: ignore[attr-defined]
        body = re.search(rf"create table {table} \((.*?)\n?\);", made, re.DOTALL | re.IGNORECASE)
        assert body, f"no table {table}"
        columns = {column.split()[0].strip('"') for column in re.split(r",(?![^(]*\))", body[1])}
        columns |= set(re.findall(rf"alter table {table} add (?:column )?(\w+)", made, re.IGNORECASE))
        columns -= set(re.findall(rf"alter table {table} drop (?:column )?(\w+)", made, re.IGNORECASE))
        assert columns == set(projection.columns), table
