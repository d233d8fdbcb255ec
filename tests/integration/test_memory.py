"""The memory that the simulation runs on does what Postgres does: the same story, the same answers, feed and rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from services.chassis.execute import execute
from services.chassis.feed import Feed
from services.chassis.follow import Follower
from services.chassis.store import Changes, Jobs, PostgresStore
from services.chassis.world import Writes
from services.rentals.domain.rental import Hold, Rental
from services.rentals.domain.shelf import ShelfItem
from services.rentals.service import SERVICE
from tests.simulation.disk import Disk, MemoryJobs, MemoryStore
from tests.support.centre import CENTRE, MONDAY, RULES, Source, ask, lend

KIM, FIRST, SECOND = (f"{CENTRE}.{n:032x}" for n in (1, 2, 3))


def id(n: int) -> UUID:
    """The n-th command's id."""
    return uuid5(NAMESPACE_URL, f"story:{n}")


def story():
    """Batches: a centre opens, lends, refuses, is asked again, and takes back."""
    returned = [{"barcode": "NG-C10-001", "condition": "good"}]
    yield [ask("adopt_house_rules", id(0), centre=CENTRE, rules=RULES)]
    yield [
        ask("join_resident", id(1), resident_id=KIM, centre=CENTRE),
        ask("verify_resident", id(2), resident_id=KIM, method="id_card"),
    ]
    yield [lend(KIM, "NG-C10-001", id=id(3), rental_id=FIRST), lend(KIM, "NG-C10-001", id=id(4), rental_id=SECOND)]
    yield [lend(KIM, "NG-C10-001", id=id(3), rental_id=FIRST), ask("no_such_command", id(5))]
    yield [ask("confirm_payment", id(6), rental_id=FIRST, payment_id="p")]
    yield [ask("return_items", id(7), rental_id=FIRST, items=returned), ask("mark_overdue", id(8), rental_id=FIRST)]


def told(store):
    """The story on a store: the answers, as bytes."""
    inventory = Source()
    follower = Follower(SERVICE, "inventory", store, inventory.pull, lambda: MONDAY)
    said = inventory.stock("NG-C10-001", "NG-C10-002")
    follower.take(said[:2])
    follower.take(said[3:])  # a hole
    answers = [answer for batch in story() for answer in execute(store, SERVICE, batch, MONDAY)]
    return answers, follower.position()


def rows(store):
    """What the views hold."""
    with store.turn([], [(Rental, FIRST), (Hold, "NG-C10-001"), (ShelfItem, "NG-C10-002")]) as turn:
        look = turn.world
        return look(Rental, FIRST), look(Hold, "NG-C10-001"), look(ShelfItem, "NG-C10-002"), turn.head


@pytest.fixture
def stores(fresh):
    return PostgresStore(SERVICE, fresh("rentals").app), MemoryStore(Disk(SERVICE), lambda where: None)


def test_the_same_story_comes_to_the_same(stores):
    postgres, memory = stores
    assert told(postgres) == told(memory)
    assert rows(postgres) == rows(memory)
    with postgres.pool.connection() as conn:
        feed = Feed(SERVICE).page(conn, 1, 3)
    mine = memory.disk.page(1, 3)
    assert feed.head == mine.head
    assert [replace(m, epoch="") for m in feed.messages] == [replace(m, epoch="") for m in mine.messages]
    late, lease = MONDAY + timedelta(days=9), timedelta(seconds=60)
    theirs, ours = (
        [(str(job["id"]), job["kind"], job["due"], job["attempts"]) for job in jobs.claim(late, 8, lease)]
        for jobs in (Jobs(postgres.pool), MemoryJobs(memory.disk, lambda where: None))
    )
    assert theirs == ours and len(theirs) == 2
    assert Jobs(postgres.pool).take_back() == MemoryJobs(memory.disk, lambda where: None).take_back() == 2


def test_a_second_row_of_the_same_key_breaks_a_guard_of_both(stores):
    for store in stores:
        told(store)
        with store.turn([], [(Hold, "NG-C10-001")]) as turn:
            row = turn.world(Hold, "NG-C10-001")
            with pytest.raises(store.Violation):
                turn.commit(Changes(base=turn.head, writes=Writes(inserts={Hold: [row]})))
        assert rows(store)[1] == row
