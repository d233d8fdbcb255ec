"""The memory that the simulation runs on does what Postgres does: the same story, the same answers, feed and rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
import pytest

from drills.simulation.disk import Disk
from drills.simulation.memory import MemoryJobQueue, MemoryParkedEvents, MemoryStore
from services.chassis.commands.handler import execute
from services.chassis.eventstore.records import Writes
from services.chassis.eventstore.store import PostgresStore
from services.chassis.jobs.queue import PostgresJobQueue, Wanted
from services.chassis.messaging.feed import Feed
from services.chassis.messaging.parked import ParkedEvents
from services.chassis.messaging.subscriber import Subscriber
from services.contracts.base import id_of
from services.rentals.checkout.model import ItemAllocation, OpenRentalItem, Rental
from services.rentals.inventory_items.model import InventoryItem
from services.rentals.service import SERVICE
from tests.support.centre import CENTRE, MONDAY, RULES, Source, lend, send

KIM, FIRST, SECOND = (f"{CENTRE}.{n:032x}" for n in (1, 2, 3))
ONE, TWO = id_of(CENTRE, "NG-C10-001"), id_of(CENTRE, "NG-C10-002")


def id(n: int) -> UUID:
    """The n-th command's id."""
    return uuid5(NAMESPACE_URL, f"story:{n}")


def story():
    """Batches: a centre opens, lends, refuses, is sent the same again, and takes back."""
    yield [send("adopt_house_rules", id(0), centre=CENTRE, rules=RULES)]
    yield [
        send("join_resident", id(1), resident_id=KIM, centre=CENTRE),
        send("verify_resident", id(2), resident_id=KIM, method="id_card"),
    ]
    yield [lend(KIM, "NG-C10-001", id=id(3), rental_id=FIRST), lend(KIM, "NG-C10-001", id=id(4), rental_id=SECOND)]
    yield [lend(KIM, "NG-C10-001", id=id(3), rental_id=FIRST), send("no_such_command", id(5))]


def played(store):
    """The story on a store: the answers, as bytes, and the cursors."""
    inventory, billing = Source(), Source("billing")
    of_inventory, of_billing = (
        Subscriber(SERVICE, source.name, store, source.read_feed, lambda: MONDAY) for source in (inventory, billing)
    )
    published = inventory.stock("NG-C10-001", "NG-C10-002")
    of_inventory.receive(published[:2])
    of_inventory.receive(published[3:])  # a gap
    answers = [answer for batch in story() for answer in execute(store, SERVICE, batch, MONDAY)]
    payment = {"centre": CENTRE, "payment_id": f"{CENTRE}.p", "rental_id": FIRST, "amount_krw": 600}
    paid = billing.publishes("payment.captured", "payment-p", **payment, captured_at=MONDAY.isoformat())
    of_billing.receive([paid])
    returned = [{"barcode": "NG-C10-001", "condition": "good"}]
    answers += execute(store, SERVICE, [send("return_items", id(6), rental_id=FIRST, items=returned)], MONDAY)
    of_inventory.receive([inventory.publishes("item.made_ready", f"item-{TWO}", centre=CENTRE)])  # malformed
    of_inventory.receive(inventory.stock("NG-C10-002")[1:])  # behind it, in its stream
    return answers, of_inventory.position(), of_billing.position()


def rows(store):
    """What the views hold."""
    with store.begin(reads=[(Rental, FIRST), (ItemAllocation, ONE), (InventoryItem, TWO)]) as uow:
        return uow(Rental, FIRST), uow(ItemAllocation, ONE), uow(InventoryItem, TWO), uow.head


@pytest.fixture
def disk():
    return Disk(SERVICE)


@pytest.fixture
def postgres(fresh):
    return PostgresStore(SERVICE, fresh("rentals").app, fingerprint_key=MemoryStore.fingerprint_key)


@pytest.fixture
def memory(disk):
    return MemoryStore(disk, reach)


def reach(where: str) -> None:
    """The disk can always be reached."""


def test_the_same_story_comes_to_the_same(postgres, memory, disk):
    answers, *cursors = played(postgres)
    assert (answers, *cursors) == played(memory)
    assert sum(b'"result"' in answer for answer in answers) == 6 and cursors == [9, 1]
    assert rows(postgres) == rows(memory)
    assert rows(memory)[0].state == "returned"
    with postgres.pool.connection() as conn:
        feed = Feed(SERVICE).page(conn, 1, 3)
    mine = disk.page(1, 3)
    assert feed.head == mine.head
    theirs, ours = ([replace(m, epoch="", correlation_id=None) for m in page.messages] for page in (feed, mine))
    assert theirs == ours


def test_jobs_are_claimed_and_taken_back_alike(postgres, memory, disk):
    played(postgres), played(memory)
    queues = (PostgresJobQueue(postgres.pool), MemoryJobQueue(disk, reach))
    late, lease = MONDAY + timedelta(days=9), timedelta(seconds=60)
    theirs, ours = (queue.waiting(late) for queue in queues)
    assert theirs == ours and {each.name for each in theirs} == {"expire_payment", "mark_overdue"}
    wanted = [Wanted(each.lane, each.name, 8) for each in theirs]
    names = ("id", "lane", "name", "due", "since", "attempts")
    theirs, ours = ([[job[name] for name in names] for job in queue.claim(late, wanted, (), lease)] for queue in queues)
    assert theirs == ours and len(theirs) == 2
    (first, *_), (second, *_) = theirs
    for queue in queues:
        assert queue.claim(late + 2 * lease, wanted, [first, second], lease) == []
        queue.renew([first], late + 3 * lease)
        assert [job["id"] for job in queue.claim(late + 2 * lease, wanted, (), lease)] == [second]
        queue.postpone(second, late + 9 * lease, "away")
    theirs, ours = (queue.waiting(late + 2 * lease) for queue in queues)
    assert theirs == ours and [each.failing_since for each in theirs].count(None) == 1
    assert [queue.take_back() for queue in queues] == [1, 1]


def test_events_are_parked_alike(postgres, memory, disk):
    played(postgres), played(memory)
    theirs, ours = tables = ParkedEvents(postgres.pool), MemoryParkedEvents(disk, reach)
    first = theirs.first_of("inventory", [f"item-{TWO}"])
    assert first and first.position == 6 and first == ours.first_of("inventory", [f"item-{TWO}"])
    assert len(disk.parked) == len(theirs.all()) == 3
    assert [table.out_of_order("inventory") for table in tables] == [[], []]
    for table in tables:
        table.failed_again(first, "too early", True)
    assert [table.out_of_order("inventory") for table in tables] == [[f"item-{TWO}"]] * 2


@pytest.mark.parametrize("row", [ItemAllocation, OpenRentalItem])
def test_a_second_row_breaks_a_guard_of_both(postgres, memory, row):
    for store in (postgres, memory):
        played(store)
        with store.begin(reads=[(ItemAllocation, ONE)]) as uow:
            kept = uow(ItemAllocation, ONE)
            other = OpenRentalItem(rental_item_id=id_of(SECOND, "NG-C10-001"), item_id=ONE, rental_id=SECOND)
            inserted = kept if row is ItemAllocation else other
            uow.writes = lambda inserted=inserted: Writes(inserts={row: [inserted]})
            with pytest.raises(psycopg.IntegrityError):
                uow.commit()
        assert rows(store)[1] == kept
