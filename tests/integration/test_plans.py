"""A read costs what it shows, however many centres and rows there are: the plans of a nation's tables."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from services.chassis.foundation import database
from services.chassis.process.runtime import service_named

CENTRES, EACH, OURS = 228, 300, 30_000  # rows of each centre in a table, and of the one that is asked for
CENTRE = "centre-7"
WHOSE = f"'centre-' || (CASE WHEN n <= {OURS} THEN 7 ELSE n % {CENTRES} END)"
ROWS = f"FROM generate_series(1, {OURS + CENTRES * EACH}) n"
PERSON = f"{WHOSE} || '.p' || n / 10"
AT = "timestamptz '2026-01-01' + n * interval '1 minute'"
FILL = {
    "rentals": f"""
        INSERT INTO rental SELECT {WHOSE} || '.r' || n, {WHOSE}, {PERSON},
            (ARRAY['returned', 'out'])[1 + (n % 200 = 0)::int], '[]', 2, 2, current_date, now(), 1200,
            'card_terminal', NULL, n % 400 = 0, NULL, 1, {AT}, NULL, NULL, 1 {ROWS}""",
    "billing": f"""
        INSERT INTO payment SELECT {WHOSE} || '.q' || n, {WHOSE}, {WHOSE} || '.r' || n, {PERSON}, 1200, 0,
            'card_terminal', 'captured', 'x', NULL, {AT}, NULL, 1 {ROWS};
        INSERT INTO damage SELECT {WHOSE} || '.d' || n, {WHOSE}, {WHOSE} || '.r' || n, {PERSON}, 'NG-1', 'wear',
            'waived', 'r', 1, {AT}, 1 {ROWS}""",
    "notifications": f"""
        INSERT INTO contact (resident_id, centre, name, phone, language)
            SELECT {WHOSE} || '.p' || n, {WHOSE}, '김' || n, '010-' || lpad((n / 10000)::text, 4, '0') || '-'
            || lpad((n % 10000)::text, 4, '0'), 'ko' {ROWS};
        INSERT INTO contact_status SELECT resident_id, centre, 'registered', 1 FROM contact;
        INSERT INTO notice SELECT {WHOSE} || '.n' || n, {WHOSE}, {PERSON}, 'receipt', {WHOSE} || '.r' || n, NULL,
            'sent', 'mail', NULL, {AT}, NULL, 1 {ROWS}""",
    "inventory": f"""
        INSERT INTO category SELECT 'centre-' || c || '.C' || k, 'centre-' || c, 'C' || k, 'camping', 'x', 'x', 1, 1, 1,
            'none', false, 'x', 'x', '[]', 1 FROM generate_series(1, {CENTRES}) c, generate_series(1, 62) k;
        INSERT INTO item (item_id, centre, barcode, category, state, missing, found, damages, version)
            SELECT 'centre-' || c || '.NG-' || n, 'centre-' || c, 'NG-' || n, 'C' || 1 + n % 62, 'ready', '[]', '[]', 0,
                1 FROM generate_series(1, {CENTRES}) c, generate_series(1, 480) n;
        INSERT INTO rented_out SELECT item_id, centre, centre || '.r1', 'out', current_date FROM item
            WHERE hashtext(item_id) % 5 = 0;
        INSERT INTO repair SELECT {WHOSE} || '.s' || n, {WHOSE}, 'NG-' || n % 480, NULL, 'wear', 'mended', NULL, NULL,
            NULL, {AT}, NULL, NULL, 1 {ROWS}""",
}
READS = [
    ("rentals", "rentals", {}, 100),
    ("rentals", "rentals", {"after": f"{CENTRE}.r9000"}, 102),
    ("rentals", "rentals", {"resident_id": f"{CENTRE}.p900"}, 20),
    ("rentals", "rentals", {"state": "out"}, 100),
    ("rentals", "rentals", {"overdue": True}, 200),
    ("billing", "payments", {"rental_id": f"{CENTRE}.r900"}, 2),
    ("billing", "payments", {"after": f"{CENTRE}.q9000"}, 102),
    ("billing", "damages", {"rental_id": f"{CENTRE}.r900"}, 2),
    ("notifications", "notices", {"resident_id": f"{CENTRE}.p900"}, 20),
    ("notifications", "notices", {"about": f"{CENTRE}.r900"}, 2),
    ("notifications", "contacts", {"phone": "010-0000-0900"}, 12),
    ("notifications", "contacts", {"phone": "0900"}, 40),
    ("notifications", "contacts", {"name": "김2900"}, 60),
    ("notifications", "contacts", {}, 300),
    ("inventory", "items", {}, 1300),
    ("inventory", "items", {"category": "C7"}, 700),
    ("inventory", "repairs", {"barcode": "NG-7"}, 140),
    ("inventory", "categories", {}, 1300),
    ("inventory", "category", {"code": "C7"}, 200),
    ("inventory", "item", {"barcode": "NG-7"}, 4),
]


@pytest.fixture(scope="module")
def filled(fresh_for_module: Any) -> Iterator[Any]:
    """A connection, as the service has it, to each service's database with the rows of many centres."""
    made: dict[str, database.Connection] = {}

    def of(service: str) -> database.Connection:
        if service not in made:
            urls = fresh_for_module(service)
            with psycopg.connect(urls.owner, autocommit=True) as owner:
                owner.execute(FILL[service])  # type: ignore[call-overload]
                owner.execute("VACUUM ANALYZE")
            made[service] = database.connect(urls.app, patience=None)
        return made[service]

    yield of
    for conn in made.values():
        conn.close()


@pytest.mark.parametrize(("service", "name", "asked", "most"), READS)
def test_a_read_looks_at_its_own_rows_only(
    filled: Any, service: str, name: str, asked: dict[str, Any], most: int
) -> None:
    query = service_named(service).query_named[name]
    usual = {f.name: f.default for f in dataclasses.fields(query.contract) if f.default is not dataclasses.MISSING}
    params = {**usual, "centre": CENTRE, **asked}
    statement = query.sql if isinstance(query.sql, str) else query.sql(params)  # type: ignore[union-attr]
    plan = explained(filled(service), statement, params)
    scans = [node for node in nodes(plan) if "Relation Name" in node]
    assert not [node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan"], json.dumps(plan, indent=1)
    assert rows_read(plan) <= most, json.dumps(plan, indent=1)


def explained(conn: database.Connection, statement: str, params: dict[str, Any]) -> Any:
    """The plan that the service's own connections use, with what it came to."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")
    conn.execute(f"PREPARE read AS {numbered}")  # type: ignore[call-overload]
    values = ", ".join(psycopg.sql.Literal(params[name]).as_string(conn) for name in names)
    ((text,),) = conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE read ({values})").fetchall()  # type: ignore[call-overload]
    conn.execute("DEALLOCATE read")
    return json.loads(text)[0]["Plan"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def rows_read(plan: dict[str, Any]) -> float:
    """How many rows of tables were looked at."""
    dropped = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(
        (node["Actual Rows"] + sum(node.get(name, 0) for name in dropped)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Relation Name" in node
    )


def test_every_list_of_the_services_is_among_the_reads() -> None:
    lists = {
        (service, name)
        for service in FILL
        for name, query in service_named(service).query_named.items()
        if getattr(query.contract, "PAGED", False)
    }
    assert lists - {(service, name) for service, name, _, _ in READS} == {("notifications", "announcements")}
