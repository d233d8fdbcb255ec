"""The benchmarks' own parts: what they compare with has to be what the service does today."""

from __future__ import annotations

import psycopg
import pytest

from bench.rebuild.checkouts import carry_out, first_steps, new_resident, place_items
from bench.rentals.same_sql import UNLOCKED, Bench, catch, script
from deploy.local.postgres import find_programs
from services.chassis.eventstore.store import PostgresStore
from services.rentals.service import SERVICE

ITEMS = 1_000_000  # numbers, so that no client comes to another's; the SQL asks for no stock


@pytest.mark.parametrize("locked", [True, False], ids=["with the log's lock", "without"])
def test_pgbench_lends_with_the_very_statements_of_the_service(fresh, tmp_path, locked):
    database = fresh("rentals")
    place_items(database.owner, items=4)
    carry_out(PostgresStore(SERVICE, database.app), [*first_steps(), *new_resident(0)])
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("ALTER TABLE event DISABLE TRIGGER ALL")
        conn.execute(UNLOCKED)
    path = tmp_path / "checkout.sql"
    path.write_text(script(catch(database.superuser), locked))

    Bench(str(find_programs() / "pgbench"), database.superuser, path).run(clients=2, seconds=1, items=ITEMS)

    with psycopg.connect(database.superuser) as conn:
        lent, requested = conn.execute(
            "SELECT (SELECT count(*) FROM rental), (SELECT count(*) FROM event WHERE type = 'rental.requested')"
        ).fetchone()
        assert lent == requested > 0
