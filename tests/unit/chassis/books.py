"""A library as small as can be: the service that the tests of the unit of work are about."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from services.chassis.commands.handler import Command, Metadata
from services.chassis.domain import Refused, ScheduledCommand, command, event, reads, replace, state
from services.chassis.eventstore.records import Opened
from services.chassis.service import Capability, CommandHandler, Projection, Schedule, Service, mutable_table
from services.contracts.texts import CodeRef

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@event("book.bought", stream="book-{book_id}")
class BookBought:
    book_id: str
    shelf: CodeRef
    centre: str = "here"


@event("book.sold", stream="book-{book_id}")
class BookSold:
    book_id: str
    shelf: str
    centre: str = "here"


@state("book", key="book_id", stream="book-{}")
class Book:
    book_id: str
    sold: bool = False
    version: int = 0


@state("shelf", key="shelf")
class Shelf:
    shelf: str
    books: int


@state("guard", key="book_id")
class Guard:
    book_id: str


@state("note", key="book_id")
class Note:
    book_id: str
    text: str


@command
class BuyBook:
    book_id: str
    shelf: str


@command
class SellBook:
    book_id: str


class NotHere(Refused):
    """Book {book_id} is not here."""

    kind = "not_found"
    ko = "{book_id} 없음"


class ComeAgain(Refused):
    """Ask again."""

    kind = "unavailable"
    ko = "나중에"


def _shelf(row, happened):
    if happened.shelf == "broken":
        raise ZeroDivisionError("a fold of ours is broken")
    count = (row.books if row else 0) + (1 if isinstance(happened, BookBought) else -1)
    return Shelf(shelf=happened.shelf, books=count) if count else None


@reads(lambda cmd: [(Book, cmd.book_id)])
def buy(cmd, read, now):
    return [] if read(Book, cmd.book_id) else [BookBought(book_id=cmd.book_id, shelf=cmd.shelf)]


@reads(lambda cmd: [(Book, cmd.book_id)])
def sell(cmd, read, now):
    if cmd.book_id == "later":
        raise ComeAgain()
    if read(Book, cmd.book_id) is None:
        raise NotHere(book_id=cmd.book_id)
    return [BookSold(book_id=cmd.book_id, shelf="a")]


def _sell_later(happened):
    if happened.shelf == "never":
        raise ZeroDivisionError("a schedule of ours is broken")
    return [ScheduledCommand(SellBook(book_id=happened.book_id), NOW)]


def _key(happened):
    return (happened.book_id,)


LIBRARY = Service(
    "library",
    Capability(
        "books",
        commands=[CommandHandler(BuyBook, buy, Book), CommandHandler(SellBook, sell, Book)],
        projections=[
            Projection(
                Book,
                lambda row, e: Book(book_id=e.book_id) if isinstance(e, BookBought) else replace(row, sold=True),
                {BookBought: _key, BookSold: _key},
            ),
            Projection(Shelf, _shelf, dict.fromkeys((BookBought, BookSold), lambda e: (e.shelf,))),
            Projection(
                Guard,
                lambda row, e: Guard(book_id=e.book_id) if isinstance(e, BookBought) else None,
                {BookBought: _key, BookSold: _key},
                unread=True,
            ),
            mutable_table(Note),
        ],
        schedules=[Schedule(BookBought, _sell_later)],
    ),
)


class Rows:
    """A session with these rows, which counts what it is asked for."""

    def __init__(self, *rows):
        self.rows, self.fetched = {(type(row), getattr(row, row.KEY)): row for row in rows}, []

    def _find(self, lookups):
        self.fetched.append({lookup.row_type.__name__: keys for lookup, keys in lookups.items()})
        return [
            [self.rows[lookup.row_type, key] for key in keys if (lookup.row_type, key) in self.rows]
            for lookup, keys in lookups.items()
        ]

    def open(self, lookups, ids, source):
        return Opened(7, {}, None, self._find(lookups))

    def fetch(self, lookups):
        return self._find(lookups)

    def commit(self, uow):
        self.committed = uow


def to(data, fingerprint="f", centre=None, handler=None, **meta):
    return Command(uuid4(), handler or LIBRARY.handler_of[type(data)], data, Metadata(**meta), fingerprint, centre)
