"""The unit of work: all of a command's effects or none, read once, and written only where something differs."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

import pytest

from services.chassis.commands.handler import decide, decide_own
from services.chassis.domain import Delete, Upsert
from services.chassis.eventstore.unit_of_work import UnitOfWork
from services.chassis.foundation.codec import decode
from services.chassis.service import CommandHandler
from tests.unit.chassis.books import (
    LIBRARY,
    NOW,
    Book,
    BookBought,
    BuyBook,
    ComeAgain,
    Guard,
    Note,
    Rows,
    SellBook,
    Shelf,
    to,
)


@pytest.fixture
def begun():
    def begin(*rows, reads=()):
        session = Rows(*rows)
        uow = UnitOfWork(LIBRARY, session)
        uow.open([], reads, None)
        return uow, session

    return begin


def test_what_only_folds_need_is_fetched_in_one_look_and_what_nobody_reads_is_not(begun):
    uow, session = begun(reads=[(Book, "b")])
    decide(uow, to(BuyBook(book_id="b", shelf="a")), NOW)
    assert session.fetched == [{"Book": ["b"]}, {"Shelf": ["a"]}]
    assert uow.writes().inserts == {
        Book: [Book(book_id="b", version=1)],
        Shelf: [Shelf(shelf="a", books=1)],
        Guard: [Guard(book_id="b")],
    }


def test_two_commands_of_a_batch_see_each_others_effect_and_versions_count_on(begun):
    uow, _ = begun(Shelf(shelf="a", books=4))
    decide(uow, to(BuyBook(book_id="b", shelf="a")), NOW)
    outcome = decode(decide(uow, to(SellBook(book_id="b")), NOW))
    assert outcome["result"] == {"book_id": "b", "sold": True, "version": 2} and outcome["position"] == 9
    assert [(e.stream, e.version) for e in uow.events] == [("book-b", 1), ("book-b", 2)]
    writes = uow.writes()
    assert writes.deletes == {Guard: ["b"]} and Shelf not in writes.updates  # five, then four again: nothing differs


def test_a_fold_that_breaks_leaves_nothing_of_its_command_and_all_of_the_others(begun):
    uow, _ = begun()
    decide(uow, to(BuyBook(book_id="good", shelf="a")), NOW)
    outcome = decode(decide(uow, to(BuyBook(book_id="bad", shelf="broken")), NOW))
    assert outcome["refused"]["code"] == "command_failed"
    assert uow(Book, "bad") is None and uow(Book, "good")
    assert [e.stream for e in uow.events] == ["book-good"] and len(uow.jobs) == 1


def test_an_event_whose_text_has_another_form_fails_its_command_alone(begun):
    uow, _ = begun()
    decide(uow, to(BuyBook(book_id="good", shelf="a")), NOW)
    outcome = decode(decide(uow, to(BuyBook(book_id="bad", shelf="the one of Kim")), NOW))
    assert outcome["refused"]["code"] == "command_failed"
    assert uow(Book, "bad") is None and [e.stream for e in uow.events] == ["book-good"]


def test_a_refusal_is_an_outcome_and_an_own_command_has_none(begun):
    uow, _ = begun()
    refused = to(SellBook(book_id="none"))
    assert decode(decide(uow, refused, NOW))["refused"] == {
        "code": "not_here",
        "kind": "not_found",
        "en": "Book none is not here.",
        "ko": "none 없음",
        "details": {"book_id": "none"},
    }
    decide_own(uow, to(SellBook(book_id="none"), ""), NOW)
    assert [id for id, _, _ in uow.outcomes] == [refused.id]


def test_an_own_command_that_only_lacks_something_is_raised_to_be_tried_again(begun):
    uow, _ = begun()
    with pytest.raises(ComeAgain):
        decide_own(uow, to(SellBook(book_id="later"), ""), NOW)


def test_an_expected_version_is_checked_where_the_command_is_decided(begun):
    uow, _ = begun(Book(book_id="b", version=3))
    stale = decode(decide(uow, to(SellBook(book_id="b"), expected_version=(2,)), NOW))
    assert stale["refused"]["code"] == "version_mismatch" and stale["refused"]["details"] == {"version": 3}
    assert not uow.events and not uow.outcomes  # sent again with the present version it is decided, not remembered
    assert "result" in decode(decide(uow, to(SellBook(book_id="b"), expected_version=(2, 3)), NOW))
    again = decode(decide(uow, to(SellBook(book_id="b"), expected_version=(3,)), NOW))
    assert again["refused"]["details"] == {"version": 4}  # in one batch, too, the second sees what the first did


def test_rows_of_mutable_tables_are_written_by_decisions_alone(begun):
    uow, _ = begun(Note(book_id="old", text="x"))
    uow.append([Upsert(Note(book_id="new", text="y")), Delete(Note, "old")], uuid4(), {}, NOW)
    assert not uow.events
    assert (uow.writes().inserts, uow.writes().deletes) == ({Note: [Note(book_id="new", text="y")]}, {Note: ["old"]})


def test_ids_of_events_and_jobs_come_from_the_command(begun):
    uow, _ = begun()
    bought = to(BuyBook(book_id="b", shelf="a"), correlation_id="c")
    decide(uow, bought, NOW)
    (happened,), (job,) = uow.events, uow.jobs
    assert happened.id == uuid5(bought.id, "0") and job.id == uuid5(happened.id, "job.0")
    assert job.name == "sell_book"
    assert job.meta == {"correlation_id": "c", "causation_id": str(happened.id), "centre": "here"}
    assert isinstance(happened.id, UUID) and happened.meta["command_id"] == str(bought.id)


def test_a_command_that_breaks_late_leaves_no_event_no_job_no_row_and_no_mutable_row(begun):
    """Given a decision with a note and an event, when scheduling its jobs breaks, then nothing of it is left."""
    uow, _ = begun(Note(book_id="here.b", text="old"))

    def both(cmd, read, now):
        note = Upsert(Note(book_id=cmd.book_id, text="new"))
        return [BookBought(book_id="here.c", shelf="a"), note, BookBought(book_id=cmd.book_id, shelf=cmd.shelf)]

    handler = CommandHandler(BuyBook, both, Book)
    decide(uow, to(BuyBook(book_id="good", shelf="a")), NOW)
    outcome = decode(decide(uow, to(BuyBook(book_id="here.b", shelf="never"), handler=handler), NOW))
    assert outcome["refused"]["code"] == "command_failed"
    assert [e.stream for e in uow.events] == ["book-good"] and len(uow.jobs) == 1
    assert uow(Note, "here.b") == Note(book_id="here.b", text="old") and uow(Book, "here.c") is None
    assert uow(Shelf, "a") == Shelf(shelf="a", books=1) and Note not in uow.writes().updates


def test_a_decision_sees_no_row_of_another_centre_and_nothing_is_told_of_it(begun):
    uow, _ = begun(Book(book_id="there.b", version=3), Book(book_id="here.b", version=3))
    for book_id in ("there.b", "there.none"):
        refused = decode(decide(uow, to(SellBook(book_id=book_id), centre="here"), NOW))["refused"]
        assert (refused["code"], refused["kind"], refused["details"]) == ("other_centre", "not_found", {})
    assert not uow.events
    assert "result" in decode(decide(uow, to(SellBook(book_id="here.b"), centre="here"), NOW))


def test_an_event_of_another_centre_is_refused_with_all_of_its_command(begun):
    uow, _ = begun()

    def across(cmd, read, now):
        ours = BookBought(book_id=cmd.book_id, shelf="a")
        return [ours, BookBought(book_id=cmd.book_id, shelf="b", centre="there")]

    handler = CommandHandler(BuyBook, across, Book)
    outcome = decode(decide(uow, to(BuyBook(book_id="here.b", shelf="a"), centre="here", handler=handler), NOW))
    assert outcome["refused"]["code"] == "other_centre" and not uow.events and uow(Book, "here.b") is None
    decide(uow, to(BuyBook(book_id="there.b", shelf="a"), centre=None), NOW)
    assert [e.stream for e in uow.events] == ["book-there.b"]  # a command of nobody's centre is not bound


def test_not_now_is_no_outcome_that_is_kept(begun):
    uow, _ = begun()
    later = to(SellBook(book_id="later"))
    assert decode(decide(uow, later, NOW))["refused"]["code"] == "come_again"
    assert not uow.outcomes
