"""What a query tells: of the asker's centre alone, and a page of it."""

from __future__ import annotations

import pytest

from services.chassis.domain import OtherCentre
from services.chassis.foundation.codec import decode
from services.chassis.readmodels.query_handler import NothingFound, QueryHandler, QueryMalformed
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, Desk, barcodes, lend, send

THEIRS = "seoul-jongno"


@pytest.fixture
def desk(fresh):
    return Desk(fresh("rentals").app).opened(*barcodes(3))


@pytest.fixture
def ask(desk):
    queries = QueryHandler(SERVICE, desk.store)
    return lambda name, **given: decode(queries.handle(name, given, MONDAY).document)


@pytest.fixture
def rental(desk):
    (outcome,) = desk.do(lend(desk.resident(), "NG-C10-00001"))
    return outcome["result"]


def test_a_thing_is_told_to_its_own_centre_and_is_not_there_for_another(ask, rental):
    asked = {"rental_id": rental["rental_id"]}
    assert ask("rental", centre=CENTRE, **asked) == ask("rental", **asked)  # a service asks without a centre
    for name, given in (
        ("rental", asked),
        ("rental", {**asked, "as_of": "2027-01-01T00:00:00Z"}),
        ("membership", {"resident_id": rental["resident_id"]}),
        ("rentals", {"resident_id": rental["resident_id"], "centre": THEIRS}),
        ("quote", {"barcodes": "NG-C10-00002", "nights": "2", "resident_id": rental["resident_id"]}),
    ):
        with pytest.raises(OtherCentre):
            ask(name, **{**given, "centre": THEIRS})


def test_the_other_centre_finds_neither_our_items_nor_our_lists(ask, rental):
    assert ask("rentals", centre=THEIRS)["data"] == []
    assert len(ask("rentals", centre=CENTRE)["data"]) == 1
    assert ask("history", stream=f"rental-{rental['rental_id']}", centre=THEIRS)["data"] == []
    with pytest.raises(NothingFound):
        ask("house_rules", centre=THEIRS)


def test_a_history_comes_in_pages_and_each_event_once(desk, ask):
    resident, stream = desk.resident(), None
    for day in range(1, 8):
        desk.do(send("suspend_resident", resident_id=resident, until=f"2027-01-{day:02}", reason="conduct"))
    stream, found, pages, after = f"resident-{resident}", [], 0, 0
    while after is not None:
        page = ask("history", stream=stream, limit="3", after=str(after), centre=CENTRE)
        assert len(page["data"]) <= 3
        found, after, pages = [*found, *page["data"]], page["next"], pages + 1
    assert [event["version"] for event in found] == list(range(1, 10)) and pages == 4
    assert [event["type"] for event in found][:3] == ["resident.joined", "resident.verified", "resident.suspended"]
    for wrong in ({"limit": "201"}, {"after": "-1"}, {"limit": "many"}, {"after": str(2**40)}):
        with pytest.raises(QueryMalformed):
            ask("history", stream=stream, **wrong)
    with pytest.raises(QueryMalformed):
        ask("history")
