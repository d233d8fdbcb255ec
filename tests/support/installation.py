"""Installations for tests: own servers and programs on free ports, in a home that is removed afterwards.

Use as a plugin (`pytest_plugins = ["tests.support.installation"]`) for the session-wide fixtures `servers` (Postgres
and RabbitMQ with databases, roles and users, no programs) and `fleet` (everything, seeded), or call `installation()`
for one of your own. Works as root and as a user, and beside a running `./nanum up`.
"""

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from deploy.local import Installation
from deploy.local.config import CENTRE
from tests.support.neighbours import NEIGHBOURS


class Fleet(Installation):
    """An installation with small servers that end with the test run: see `Installation` for what it can do."""

    def __init__(
        self, home: Path, extra_env: Mapping[str, Mapping[str, str]] | None = None, centres: Sequence[str] = (CENTRE,)
    ) -> None:
        super().__init__(home, profile="test", extra_env=extra_env or {}, centres=centres)


@contextlib.contextmanager
def installation(
    only: Collection[str] | None = None,
    extra_env: Mapping[str, Mapping[str, str]] | None = None,
    centres: Sequence[str] = (CENTRE,),
    home: Path | None = None,
) -> Iterator[Fleet]:
    """A running installation of its own, all of it or the named processes; gone at the end, whatever happens."""
    fleet = Fleet(home or Path(tempfile.mkdtemp(prefix="nanum-test-")), extra_env, centres)
    try:
        fleet.up(only=only)
        yield fleet
    finally:
        if os.environ.get("NANUM_KEEP"):
            fleet.down()  # its logs and data stay, to be looked at
        else:
            fleet.remove()


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for an installation that is put together and not started; the processes' users could enter it."""
    with tempfile.TemporaryDirectory(prefix="nanum-test-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def servers() -> Iterator[Fleet]:
    """Postgres and RabbitMQ with the databases, roles, users and exchanges of all services; no schema, no program.

    Those of the home NANUM_TEST_HOME, which run already, when it is set: many short runs share them.
    """
    if home := os.environ.get("NANUM_TEST_HOME"):
        yield Fleet(Path(home))
        return
    with installation(only={"postgres", "rabbitmq"}) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """The whole of Nanum, seeded and ready, with three centres that have the same barcodes."""
    with installation(centres=(CENTRE, *NEIGHBOURS)) as fleet:
        yield fleet
