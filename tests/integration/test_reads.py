"""What a query tells: of the asker's centre alone, and a page of it."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from services.chassis.commands.handler import Metadata
from services.chassis.domain import OtherCentre
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation.codec import decode
from services.chassis.process.runtime import Runtime
from services.chassis.readmodels.query_handler import NothingFound, QueryHandler, QueryMalformed
from services.inventory.service import SERVICE as INVENTORY
from services.rentals.service import SERVICE
from tests.integration.test_execute import settings as settings_of
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


def test_whose_an_item_is_is_told_when_it_is_asked_for(fresh):
    database = fresh("inventory")
    with psycopg.connect(database.owner) as conn:
        conn.execute(
            "INSERT INTO item (item_id, centre, barcode, category, state, last_rental, missing, damages, version)"
            " VALUES ('namgu.NG-1', 'namgu', 'NG-1', 'C10', 'ready', 'namgu.r1', '[]', 0, 2)"
        )
        conn.execute("INSERT INTO rented_out VALUES ('namgu.NG-1', 'namgu', 'namgu.r2', 'out', '2027-01-01')")
    queries = QueryHandler(INVENTORY, PostgresStore(INVENTORY, database.app))
    for whose, told in (("true", ("namgu.r1", "namgu.r2")), ("false", (None, None))):
        (listed,) = decode(queries.handle("items", {"centre": "namgu", "whose": whose}, MONDAY).document)["data"]
        item = decode(queries.handle("item", {"centre": "namgu", "barcode": "NG-1", "whose": whose}, MONDAY).document)
        assert item == listed and (item["last_rental"], item["rental_id"]) == told
        assert (item["state"], item["due_on"]) == ("out", "2027-01-01")


class TestFeed:
    @pytest.fixture
    def door(self, desk):
        return Runtime(SERVICE, settings_of(desk.store.pool.url, "a" * 32))

    def page(self, door, after=0, limit=100, centre=None):
        return decode(door.feed(after, limit, centre))

    def test_a_centre_reads_its_own_events_each_linked_to_the_one_before(self, desk, door, rental):
        """Given events of two centres in one log, when one reads the feed, then it is a chain of its own events."""
        stranger = replace(
            send("join_resident", resident_id=f"{THEIRS}.lee", centre=THEIRS),
            meta=Metadata({"role": "desk", "subject": "a-0123456789abcdef01234567", "centre": THEIRS}),
        )
        desk.do(stranger)
        desk.do(send("join_resident", resident_id=f"{CENTRE}.lee", centre=CENTRE))
        everything = self.page(door)["data"]
        assert {event["data"]["centre"] for event in everything} >= {CENTRE, THEIRS}
        for centre in (CENTRE, THEIRS):
            ours, after, previous = [], 0, 0
            while page := self.page(door, after, 2, centre)["data"]:
                ours, after = [*ours, *page], page[-1]["position"]
            assert ours and {event["data"]["centre"] for event in ours} == {centre}
            assert [e["id"] for e in ours] == [e["id"] for e in everything if e["data"]["centre"] == centre]
            for event in ours:
                assert event["previous"] == previous
                previous = event["position"]
