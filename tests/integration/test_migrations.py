"""Every service's migrations make the tables that its views and queries need, on a real Postgres."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

import psycopg
import pytest

from services.chassis.eventstore.migrate import migrate
from services.chassis.messaging.relay import _LEAD as LEAD
from services.chassis.process.runtime import service_named
from services.chassis.service import SqlQuery
from services.contracts import SERVICES
from tests.support.databases import Database

COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"


@pytest.mark.parametrize("name", SERVICES)
def test_a_view_has_the_columns_of_its_state_and_a_query_runs(name: str, fresh: Callable[[str], Database]) -> None:
    service = service_named(name)
    with psycopg.connect(fresh(name).app, autocommit=True) as conn:
        for projection in service.projections:
            table: str = projection.row_type.VIEW  # type: ignore[attr-defined]
            assert {column for (column,) in conn.execute(COLUMNS, [table])} == set(projection.columns), table
        for query in service.queries:
            if isinstance(query, SqlQuery):
                asked = _parameters(query.contract)
                statement = query.sql if isinstance(query.sql, str) else query.sql(asked)
                assert len(conn.execute(statement, asked).fetchall()) <= 1


def _parameters(contract: Any) -> dict[str, Any]:
    """What a query is asked with when only what it requires is given."""
    return {f.name: "none" if f.default is MISSING else f.default for f in fields(contract)}


def test_a_migration_does_not_wait_for_the_relay_of_the_running_release(fresh: Callable[[str], Database]) -> None:
    database = fresh("rentals")
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET lock_timeout = '2s'")  # else a failure would hang
    with psycopg.connect(database.app, autocommit=True) as relay:
        assert relay.execute(LEAD).fetchone() == (True,)
        assert migrate("rentals", database.owner) == []
