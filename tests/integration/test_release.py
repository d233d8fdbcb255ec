"""A release that does not fit its database is refused at the start, with a sentence of what to do."""

from __future__ import annotations

import json
from uuid import uuid4

import psycopg
import pytest

from services.chassis.foundation import database
from services.chassis.process.release import mismatches
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk
from tests.support.process import service_process


@pytest.fixture
def made(fresh):
    return fresh("rentals")


def wrong(made):
    with database.connect(made.app) as conn:
        return "; ".join(mismatches(SERVICE, conn))


def change(made, statement, *values):
    with psycopg.connect(made.superuser) as conn:
        conn.execute(statement, values)


def stores(made, type, schema):
    """A newer release writes an event."""
    event = {"id": str(uuid4()), "centre": CENTRE, "stream": f"x-{CENTRE}.1", "version": 1, "type": type}
    event |= {"schema": schema, "published": False, "data": {}, "meta": {}, "at": MONDAY.isoformat()}
    change(made, "SELECT append((SELECT coalesce(max(position), 0) FROM event), %s::jsonb)", json.dumps([event]))


def test_one_that_fits_is_not(made):
    Desk(made.app).opened("NG-C10-001").resident()
    assert wrong(made) == ""


@pytest.mark.parametrize(("type", "schema"), [("rental.photographed", 1), ("rental.requested", 99)])
def test_an_event_that_it_does_not_know(made, type, schema):
    stores(made, type, schema)
    assert wrong(made) == (
        f"its log has {type} of schema {schema}, which this release does not know: run the one that wrote it"
    )


def test_a_migration_that_it_does_not_have(made):
    change(made, "INSERT INTO migration (name, digest) VALUES ('rentals/9999_photos.sql', '')")
    assert wrong(made) == "its database is newer, it has rentals/9999_photos.sql: run the release that has it"


def test_a_migration_that_the_database_lacks(made):
    change(made, "DELETE FROM migration WHERE name = 'chassis/0001_log.sql'")
    assert wrong(made) == "its database lacks chassis/0001_log.sql: run ./nanum migrate rentals"


def test_a_database_without_tables(servers):
    with database.connect(servers.dsn("rentals", "app")) as conn:
        assert list(mismatches(SERVICE, conn)) == ["its database has no tables: run ./nanum migrate rentals"]


def test_a_type_that_it_does_not_subscribe_to_any_more(made):
    Desk(made.app).opened("NG-C10-001")
    change(made, "UPDATE subscription SET types = types || '{item.painted}'")
    assert "of inventory it took in item.painted, to which this release does not subscribe" in wrong(made)
    assert "./nanum resume rentals inventory" in wrong(made)


def test_the_process_ends_with_2_and_says_why(made, servers):
    stores(made, "rental.photographed", 1)
    with service_process("rentals", made.app, servers.amqp_url("rentals"), wait=False) as process:
        assert process.process.wait(60) == 2
        assert "rentals can't start: its log has rental.photographed of schema 1" in process.said()
