"""Each checker is silent about what is good, and speaks of what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from drills.chaos import checkers
from drills.chaos.centre import CENTRES
from drills.chaos.evidence import Evidence
from drills.chaos.history import INFO, MEDDLE, OK, REFUSED, History
from tests.unit.drills.evidences import BARCODE, CENTRE, ITEM, LEND, PAYMENT, RENTAL, event, good, op

ALL = {
    "I1": lambda e, h: checkers.one_open_rental(e),
    "I2": checkers.nothing_lost,
    "I3": checkers.one_effect,
    "I4": lambda e, h: checkers.dense(e),
    "I5": lambda e, h: checkers.all_taken_in(e),
    "I7": lambda e, h: checkers.ledger(e),
    "I8": lambda e, h: checkers.told_once(e),
    "I9": lambda e, h: checkers.stock_conserved(e),
    "I11": lambda e, h: checkers.nothing_left_to_do(e),
    "I12": lambda e, h: checkers.versions_rise(h),
    "I13": checkers.centres_apart,
}
Spoil = Callable[[Evidence, History], Any]
OTHER: dict[str, Any] = {"centre": CENTRE, "rental_id": "b", "items": [{"barcode": BARCODE}]}


def lent_again(e: Evidence, h: History) -> None:
    e.logs["rentals"][:] = e.logs["rentals"][:2]
    event(e.logs["rentals"], "rental.requested", "rental-b", **OTHER, fee_krw=0)


def returned_by_another(e: Evidence, h: History) -> None:
    event(e.logs["rentals"], "rental.items_returned", "rental-b", **OTHER)


def outcome_lost(e: Evidence, h: History) -> None:
    e.outcomes["rentals"].popitem()


def event_lost(e: Evidence, h: History) -> None:
    del e.logs["rentals"][0]


def refused_after_all(e: Evidence, h: History) -> None:
    e.outcomes["rentals"][str(checkers.command_of(LEND))] = {"refused": {}}


def other_answer(e: Evidence, h: History) -> None:
    h.ops.append(replace(LEND, reply="other", repeats=True))


def other_refusal(e: Evidence, h: History) -> None:
    h.ops.append(replace(LEND, outcome=REFUSED, status=409, code="item_already_out", repeats=True))


def second_effect(e: Evidence, h: History) -> None:
    event(e.logs["rentals"], "rental.marked_overdue", "rental-x")
    event(e.logs["rentals"], "rental.marked_overdue", f"rental-{RENTAL}", checkers.command_of(LEND))


def gap(e: Evidence, h: History) -> None:
    del e.logs["billing"][0]


def version_twice(e: Evidence, h: History) -> None:
    e.logs["billing"][1] = replace(e.logs["billing"][1], version=1)


def id_twice(e: Evidence, h: History) -> None:
    e.logs["billing"][1] = replace(e.logs["billing"][1], id=e.logs["billing"][0].id)


def behind(e: Evidence, h: History) -> None:
    e.taken_in["billing", "rentals"] -= 1


def parked(e: Evidence, h: History) -> None:
    e.parked.append(("billing", "rentals", 3, "KeyError"))


def dead(e: Evidence, h: History) -> None:
    e.dead.append("billing: rental.started")


def not_relayed(e: Evidence, h: History) -> None:
    e.relayed["rentals"] -= 1


def not_captured(e: Evidence, h: History) -> None:
    e.terminal[PAYMENT]["approval_number"] = None


def not_given_back(e: Evidence, h: History) -> None:
    e.terminal[PAYMENT]["refunded_krw"] = 600


def unknown_to_us(e: Evidence, h: History) -> None:
    e.terminal["other"] = {"amount_krw": 1, "approval_number": "2", "refunded_krw": 0}


def unbalanced(e: Evidence, h: History) -> None:
    e.views["billing"]["account"][0]["debit_krw"] += 1


def started_twice(e: Evidence, h: History) -> None:
    event(e.logs["rentals"], "rental.started", f"rental-{RENTAL}", rental_id=RENTAL)


def cancelled_and_kept(e: Evidence, h: History) -> None:
    e.logs["rentals"][1] = replace(e.logs["rentals"][1], type="rental.cancelled")


def told_twice(e: Evidence, h: History) -> None:
    event(e.logs["notifications"], "notice.queued", "n", notice_id="n", topic="receipt", about=RENTAL, barcode=None)


def never_told(e: Evidence, h: History) -> None:
    del e.logs["notifications"][0]


def letter_lost(e: Evidence, h: History) -> None:
    del e.mails["receipt"]


def strange_letter(e: Evidence, h: History) -> None:
    e.mails["strange"] = 1


def item_lost(e: Evidence, h: History) -> None:
    e.views["inventory"]["item"].clear()


def disagreed(e: Evidence, h: History) -> None:
    e.views["rentals"]["item_allocation"].append({"item_id": ITEM, "rental_id": "a", "state": "out"})


def never_released(e: Evidence, h: History) -> None:
    e.views["rentals"]["item_allocation"].append({"item_id": ITEM, "rental_id": "a", "state": "checking"})


def job_left(e: Evidence, h: History) -> None:
    e.waiting_jobs["billing"] = 1


def never_paid(e: Evidence, h: History) -> None:
    e.views["rentals"]["rental"][0]["state"] = "awaiting_payment"


def older(e: Evidence, h: History) -> None:
    h.ops += [op("read", n, ended=n, version=v, seen={"rental_id": "a"}) for n, v in ((5, 3), (6, 2))]


def reached_over(e: Evidence, h: History) -> None:
    h.ops.append(op(MEDDLE, 9))


def event_of_two_centres(e: Evidence, h: History) -> None:
    data = {**e.logs["rentals"][0].data, "resident_id": f"{CENTRES[1]}.r"}
    e.logs["rentals"][0] = replace(e.logs["rentals"][0], data=data)


def made_by_another_centre(e: Evidence, h: History) -> None:
    meta = {**e.logs["rentals"][0].meta, "actor": {"role": "desk", "centre": CENTRES[2]}}
    e.logs["rentals"][0] = replace(e.logs["rentals"][0], meta=meta)


def row_of_two_centres(e: Evidence, h: History) -> None:
    e.views["rentals"]["rental"][0]["items"] = [{"item_id": f"{CENTRES[1]}.{BARCODE}"}]


BAD: list[tuple[str, Spoil]] = [
    *(("I1", spoil) for spoil in (lent_again, returned_by_another)),
    *(("I2", spoil) for spoil in (outcome_lost, event_lost, refused_after_all)),
    *(("I3", spoil) for spoil in (other_answer, other_refusal, second_effect)),
    *(("I4", spoil) for spoil in (gap, version_twice, id_twice)),
    *(("I5", spoil) for spoil in (behind, parked, dead, not_relayed)),
    *(("I7", spoil) for spoil in (not_captured, not_given_back, unknown_to_us, unbalanced, started_twice)),
    ("I7", cancelled_and_kept),
    *(("I8", spoil) for spoil in (told_twice, never_told, letter_lost, strange_letter)),
    *(("I9", spoil) for spoil in (item_lost, disagreed, never_released)),
    *(("I11", spoil) for spoil in (job_left, never_paid)),
    ("I12", older),
    *(("I13", spoil) for spoil in (reached_over, event_of_two_centres, made_by_another_centre, row_of_two_centres)),
]


@pytest.mark.parametrize("name", ALL)
def test_what_is_good_is_passed_over(name: str) -> None:
    assert not list(ALL[name](*good()))


@pytest.mark.parametrize(("name", "spoil"), BAD, ids=[f"{name} {spoil.__name__}" for name, spoil in BAD])
def test_what_is_broken_is_found(name: str, spoil: Spoil) -> None:
    evidence, history = good()
    spoil(evidence, history)
    assert list(ALL[name](evidence, history))


def test_a_letter_that_was_repeated_after_a_lost_reply_is_no_second_notice() -> None:
    evidence, _ = good()
    evidence.mails["receipt"] = 2
    assert not list(checkers.told_once(evidence))


def test_an_operation_without_an_answer_is_neither_lost_nor_acknowledged() -> None:
    evidence, history = good()
    history.ops.append(op("lend", 9, outcome=INFO, ended=None))
    assert not list(checkers.nothing_lost(evidence, history))
    assert len(history.acknowledged()) == 2


def test_old_answers_to_repeated_keys_are_no_step_back() -> None:
    _, history = good()
    history.ops += [op("read", 5, ended=5, version=3, seen={"rental_id": "a"})]
    history.ops += [op("lend", 6, ended=6, version=1, seen={"rental_id": "a"}, repeats=True, outcome=OK)]
    assert not list(checkers.versions_rise(history))
