"""Fresh databases of a service for integration tests, copied from a template that was migrated once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from services.chassis.eventstore.migrate import migrate
from tests.support.installation import Fleet
from tests.support.neighbours import check

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One database: its URL for the service's app role, its owner, its reader, and the superuser."""

    app: str
    owner: str
    reader: str
    superuser: str


def _in(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _create(fleet: Fleet, name: str, template: str | None, owner: str) -> None:
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
        sql.Identifier(name), sql.Identifier(template or "template1"), sql.Identifier(owner)
    )
    with psycopg.connect(fleet.postgres.superuser_dsn(), autocommit=True) as conn:
        conn.execute(made)


def _drop(fleet: Fleet, names: Iterable[str]) -> None:
    with psycopg.connect(fleet.postgres.superuser_dsn(), autocommit=True) as conn:
        for name in names:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def template(servers: Fleet) -> Iterator[Callable[[str], str]]:
    """The name of a service's migrated template, made at the first call."""
    made: dict[str, str] = {}

    def of(service: str) -> str:
        if service not in made:
            name = f"template_{service}_{os.getpid()}"  # the servers may be shared by several runs
            _create(servers, name, None, f"{service}_owner")
            migrate(service, _in(servers.dsn(service, "owner"), name))
            made[service] = name
        return made[service]

    yield of
    _drop(servers, made.values())


@pytest.fixture
def fresh(servers: Fleet, template: Callable[[str], str]) -> Iterator[Callable[[str], Database]]:
    """Makes a fresh, migrated database of a service; dropped after the test."""
    yield from _made_fresh(servers, template)


@pytest.fixture(scope="module")
def fresh_for_module(servers: Fleet, template: Callable[[str], str]) -> Iterator[Callable[[str], Database]]:
    """The same, dropped after the tests of the module."""
    yield from _made_fresh(servers, template)


def _made_fresh(servers: Fleet, template: Callable[[str], str]) -> Iterator[Callable[[str], Database]]:
    names: list[str] = []

    def make(service: str) -> Database:
        name = f"fresh_{service}_{os.getpid()}_{next(_numbers)}"
        _create(servers, name, template(service), f"{service}_owner")
        names.append(name)
        superuser = _in(servers.postgres.superuser_dsn(), name)
        return Database(*(_in(servers.dsn(service, role), name) for role in ("app", "owner", "ro")), superuser)

    yield make
    try:
        check()
    finally:
        _drop(servers, names)
