"""Pages of the feed: in order, none twice, none left out, and chained to the page before."""

from __future__ import annotations

from itertools import pairwise

import pytest

from services.chassis.foundation import database
from services.chassis.messaging.feed import Feed
from services.rentals.service import SERVICE
from tests.integration.test_log import append, event
from tests.support.centre import CENTRE, Desk, barcodes, lend


@pytest.fixture
def url(fresh):
    return fresh("rentals").app


@pytest.fixture
def page(url):
    """Reads pages of a log, of one centre or of all."""
    desk = Desk(url).opened(*barcodes(12))
    for code in barcodes(12):
        desk.do(lend(desk.resident(), code))
    feed = Feed(SERVICE)
    with database.connect(url) as conn:
        yield lambda after, limit=500, centre=None: feed.page(conn, after, limit, centre)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_any_size_give_every_message_once_and_in_order(page, limit):
    whole = page(0).messages
    assert len(whole) >= 12
    read, after = [], 0
    while some := page(after, limit).messages:
        assert len(some) <= limit
        read += some
        after = some[-1].position
    assert read == whole


def test_each_message_names_the_published_one_before_it_also_from_page_to_page(page):
    whole = page(0).messages
    assert [message.previous for message in whole] == [0, *(message.position for message in whole[:-1])]
    for before, message in pairwise(whole):
        for after in range(before.position, message.position):
            assert page(after, 1).messages == [message]
    assert sorted(whole, key=lambda message: message.position) == whole


def test_an_event_that_is_private_is_in_no_page_and_counts_for_the_head(url, page):
    head = page(0).head
    with database.connect(url) as conn:
        append(conn, head, event(published=False))
    assert (page(head).messages, page(head).head) == ([], head + 1)


def test_a_page_of_a_centre_has_its_events_alone_chained_by_themselves(page):
    ours = page(0, centre=CENTRE).messages
    streams = [(message.id, message.stream.partition("-")[2].partition(".")[0]) for message in page(0).messages]
    assert [message.id for message in ours] == [id for id, centre in streams if centre == CENTRE]
    assert {centre for _, centre in streams} > {CENTRE}
    assert [message.previous for message in ours] == [0, *(message.position for message in ours[:-1])]
    assert page(0, centre="elsewhere").messages == []
