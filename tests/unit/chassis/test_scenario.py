"""A scenario objects to a decision that reaches into another centre, whatever way it takes there."""

from __future__ import annotations

import pytest

from services.chassis.domain import command, event, reads, replace, state
from services.chassis.service import Capability, CommandHandler, Projection, Service
from services.contracts.base import id_of
from tests.support.neighbours import NEIGHBOURS, moved
from tests.support.scenario import scenario

BOOK, BARCODE = "gwangju-namgu.B-1", "B-1"


@event("book.bought", stream="book-{book_id}")
class BookBought:
    centre: str
    book_id: str
    barcode: str


@event("book.lent", stream="book-{book_id}")
class BookLent:
    centre: str
    book_id: str
    shelf_id: str


@state("book", key="book_id", stream="book-{}")
class Book:
    book_id: str
    lent: bool = False
    version: int = 0


@state("label", key="barcode")
class Label:
    barcode: str


@state("shelf", key="shelf_id")
class Shelf:
    shelf_id: str
    empty: bool = False


@command
class LendBook:
    centre: str
    book_id: str


@reads(lambda command: [(Book, command.book_id)])
def lend(command, read, now):
    book = read(Book, command.book_id)
    return [] if book.lent else [BookLent(**vars(command), shelf_id=id_of(command.centre, "s1"))]


@reads(lambda command: [(Book, id_of(NEIGHBOURS[0], "B-1"))])
def lend_of_a_neighbour(command, read, now):
    read(Book, id_of(NEIGHBOURS[0], "B-1"))
    return []


@reads(lambda command: [(Label, BARCODE)])
def lend_by_label(command, read, now):
    read(Label, BARCODE)
    return []


@reads(lambda command: [(Book, command.book_id)])
def lend_from_a_shelf_of_a_neighbour(command, read, now):
    shelf = id_of(NEIGHBOURS[1], "s1")
    return [] if read(Book, command.book_id).lent else [BookLent(**vars(command), shelf_id=shelf)]


def evolve_book(book, event):
    return replace(book, lent=True) if book else Book(book_id=event.book_id)


def shop(decide, shelf_of=lambda event: event.shelf_id):
    """A shop that decides so, and finds the shelf of an event so."""
    bought = {BookBought: lambda event: id_of(event.centre, "s1"), BookLent: shelf_of}
    capability = Capability(
        name="books",
        commands=(CommandHandler(LendBook, decide),),
        projections=(
            Projection(Book, evolve_book, (BookBought, BookLent)),
            Projection(Label, lambda label, event: Label(barcode=event.barcode), (BookBought,)),
            Projection(Shelf, lambda shelf, e: Shelf(shelf_id="gwangju-nam.s1", empty=hasattr(e, "shelf_id")), bought),
        ),
    )
    return scenario(Service("shop", capability)).given(BookBought(centre="gwangju-namgu", book_id=BOOK, barcode="B-1"))


LEND = LendBook(centre="gwangju-namgu", book_id=BOOK)


def test_a_decision_about_its_own_centre_passes():
    shop(lend).when(LEND).then_types("book.lent")


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (lambda: shop(lend_of_a_neighbour), "is not of its centre"),
        (lambda: shop(lend_by_label), "is not of its centre"),
        (lambda: shop(lend_from_a_shelf_of_a_neighbour), "name"),
        (lambda: shop(lend, shelf_of=lambda event: "gwangju-nam.s1"), "rows of another centre changed"),
    ],
    ids=["a row of a neighbour is read", "a key has no centre", "an event names a neighbour", "a fold reaches over"],
)
def test_a_decision_that_reaches_into_another_centre_fails(at, says):
    with pytest.raises(AssertionError, match=says):
        at().when(LEND)


def test_what_is_moved_is_the_same_but_for_its_centre():
    bought = BookBought(centre="gwangju-namgu", book_id=BOOK, barcode="B-1")
    assert moved(bought, "gwangju-nam") == BookBought(centre="gwangju-nam", book_id="gwangju-nam.B-1", barcode="B-1")
    assert moved("item-gwangju-namgu.B-1", "gwangju-namgu-2") == "item-gwangju-namgu-2.B-1"
    assert moved({"centre": "gwangju-namgu-2"}, "gwangju-nam") == {"centre": "gwangju-namgu-2"}
