"""Lists, page by page: every row once and in order, also among equals and while others come."""

from __future__ import annotations

import psycopg
import pytest

from services.chassis.readmodels.paging import equals, paged

TABLE = "CREATE TABLE book (book_id text, shelf text, bought int, colour text)"
BOOKS = [("a", 1, "red"), ("b", 3, "red"), ("c", 3, "blue"), ("d", 3, "red"), ("e", 2, "red"), ("f", 0, "blue")]


@pytest.fixture
def books(fresh):
    with psycopg.connect(fresh("rentals").superuser, autocommit=True) as conn:
        conn.execute(TABLE)
        for book_id, bought, colour in BOOKS:
            conn.execute("INSERT INTO book VALUES (%s, 'here', %s, %s)", (book_id, bought, colour))
        conn.execute("INSERT INTO book VALUES ('z', 'elsewhere', 9, 'red')")
        yield conn


def pages(conn, read, limit, between=lambda: None, **filters):
    """The keys of all pages, page by page."""
    found, after = [], ""
    while after is not None:
        asked = {"shelf": "here", "after": after, "limit": limit, **filters}
        ((page,),) = conn.execute(read(asked), asked).fetchall()
        found.append([row["book_id"] for row in page["data"]])
        after = page["next"]
        between()
    return found


@pytest.mark.parametrize(
    ("by", "descending", "order"),
    [("", False, "abcdef"), ("", True, "fedcba"), ("bought", True, "dcbeaf"), ("bought", False, "faebcd")],
)
@pytest.mark.parametrize("limit", [1, 2, 4, 50])
def test_every_row_once_and_in_order(books, by, descending, order, limit):
    found = pages(books, paged("book", "book_id", equals("shelf"), by=by, descending=descending), limit)
    assert "".join(key for page in found for key in page) == order
    assert max(map(len, found)) <= limit


def test_what_comes_meanwhile_doubles_nothing(books):
    read = paged("book", "book_id", equals("shelf"), by="bought", descending=True)
    number = iter(range(100, 200))

    def newer():
        books.execute("INSERT INTO book VALUES (%s, 'here', 7, 'red')", (f"n{next(number)}",))

    assert pages(books, read, 2, newer) == [["d", "c"], ["b", "e"], ["a", "f"], []]


def test_a_filter_counts_only_when_it_is_asked_for(books):
    read = paged("(SELECT * FROM book)", "book_id", equals("shelf"), equals("colour"), by="bought")
    assert pages(books, read, 2, colour="blue") == [["f", "c"], []]
    assert pages(books, read, 9, colour=None) == [list("faebcd")]
    assert pages(books, read, 9, colour="green") == [[]]
