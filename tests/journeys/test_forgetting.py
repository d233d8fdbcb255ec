"""Twenty people are registered, some are corrected, they borrow; they are forgotten, and nothing of them is left."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import psycopg
import pytest

from services.contracts import SERVICES
from tests.support.api import Api
from tests.support.neighbours import NEIGHBOURS

OF_NEIGHBOURS = re.compile(rf'"({"|".join(NEIGHBOURS)})["./]')  # whose people have the same names, and stay


@pytest.fixture
def api(fleet):
    return Api(fleet)


def person(n: int, said: str) -> dict[str, Any]:
    """A name, a phone number and a mail address that are nowhere else."""
    phone = {"first": "8642", "second": "7531"}[said]
    return {
        "name": f"{said} 나리아 {n}",
        "phone": f"010-97{n:02}-{phone}",
        "email": f"{said}.canary{n}@nanum.localhost",
    }


def traces(api: Api, words: set[str]) -> set[str]:
    """Where these words are: in a table of any database, or in a log of any program."""
    found = set()
    for service in SERVICES:
        with psycopg.connect(api.fleet.dsn(service, "owner")) as conn:
            tables = conn.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for (table,) in tables:
                held = conn.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall()
                rows = str([row for (row,) in held if not OF_NEIGHBOURS.search(row)])
                found |= {f"{service}.{table}" for word in words if word in rows}
    for log in api.fleet.home.glob("logs/*"):
        text = log.read_text(errors="replace")
        found |= {log.name for word in words if word in text}
    return found


def test_twenty_people_are_forgotten_and_nothing_of_them_is_left(api):
    first, second = [person(n, "first") for n in range(20)], [person(n, "second") for n in range(20)]
    words = {text for each in (*first, *second) for text in each.values()}
    ids = [api.resident(**each) for each in first]
    (barcode, late) = api.stock(2)
    api.take_back(api.lend(ids[0], barcode))
    still_out = api.lend(ids[1], late)
    for resident_id, corrected in list(zip(ids, second, strict=True))[::2]:
        version = api.get(f"/v1/residents/{resident_id}")["contact"]["version"]
        whole = {**corrected, "birth_date": "1987-06-05", "language": "en"}
        api.post(f"/v1/residents/{resident_id}/contact", whole, If_Match=f'"{version}"')
        assert api.get(f"/v1/residents/{resident_id}")["contact"]["phone"] == corrected["phone"]
        stale = api.call("POST", f"/v1/residents/{resident_id}/contact", whole, If_Match=f'"{version}"')
        assert stale.status_code == 412
    assert traces(api, words) == {"notifications.public.contact"}
    for each in second[::2]:
        typed = unicodedata.normalize("NFD", each["name"])  # as some keyboards write it
        [found] = api.get(f"/v1/residents?name={typed}&phone={each['phone']}")["data"]
        assert found["email"] == each["email"]
    before = api.get("/v1/ledger", role="manager")

    for resident_id in ids:
        path = f"/v1/residents/{resident_id}/contact?reason=asked"
        assert api.call("DELETE", path, role="desk").status_code == 403
        assert api.call("DELETE", path, role="manager").json()["state"] == "forgotten"

    assert traces(api, words) == set()
    assert api.get(f"/v1/residents/{ids[0]}")["contact"] is None
    assert api.get("/v1/residents?name=first", role="desk")["data"] == []
    assert api.get("/v1/ledger", role="manager") == before
    api.take_back(still_out)
    failed = api.happened("notifications", "notice.failed", resident_id=ids[1], topic="returned")
    assert failed["data"]["reason"] == "no_address"
    again = api.call("POST", f"/v1/residents/{ids[1]}/contact", {**first[1], "birth_date": None, "language": "ko"})
    assert (again.status_code, again.json()["code"]) == (409, "contact_is_forgotten")
    assert traces(api, words) == set()


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"name": "\u202e김나눔"}, "/name"),
        ({"name": " "}, "/name"),
        ({"email": "김@example.org"}, "/email"),
        ({"phone": "01012345678"}, "/phone"),
    ],
)
def test_who_can_not_be_reached_or_named_is_not_registered(api, wrong, pointer):
    answer = api.call("POST", "/v1/residents", {"name": "김나눔", "phone": "010-1234-5678", **wrong})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
