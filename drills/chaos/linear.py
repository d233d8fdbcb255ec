"""Is the history of one item linearizable? The search of Wing and Gong with the memory of Lowe, item by item.

An item is free, lent to a rental, or being checked after one. Clients lend, return and scan it; by itself an item that
is being checked becomes free, and so does one whose rental was cancelled. Items are independent of each other, so each
one's history is searched alone and stays short.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drills.chaos.history import INFO, OK, REFUSED, Op
from services.contracts.base import id_of

FREE = ("free", "")
State = tuple[str, str, frozenset[str]]  # free | lent | checking, the rental, the rentals that gave it back already
LONGEST_SEARCH = 2_000_000  # steps


@dataclass(frozen=True)
class Step:
    """What one operation says of one item. ``certain``: it happened; otherwise it may have.

    ``kind``: ``lend`` and ``return`` change, ``is`` only says that the item was in this state for ``rental``.
    """

    kind: str
    rental: str
    began: float
    ended: float
    certain: bool = True
    state: str = ""


class TooLong(Exception):
    """The search was given up: the history is too concurrent to decide."""


def linearizable(steps: Sequence[Step], cancelled: Iterable[str] = ()) -> bool:
    """Whether the steps fit into one order that respects time. ``cancelled``: rentals that may end by themselves."""
    return _Search(steps, frozenset(cancelled)).run()


class _Search:
    def __init__(self, steps: Sequence[Step], cancelled: frozenset[str]) -> None:
        self.steps = sorted(steps, key=lambda step: step.began)
        self.cancelled = cancelled
        returns = Counter(step.rental for step in steps if step.kind == "return")
        self.again = frozenset(rental for rental, times in returns.items() if times > 1)
        self.wanted = sum(1 << n for n, step in enumerate(self.steps) if step.certain)

    def run(self) -> bool:
        start: State = (*FREE, frozenset())
        stack, known = [(0, start)], {(0, start)}
        while stack:
            done, state = stack.pop()
            if done & self.wanted == self.wanted:
                return True
            for n in self._next(done):
                for after in self._after(state, self.steps[n]):
                    place = (done | 1 << n, after)
                    if place not in known:
                        known.add(place)
                        stack.append(place)
            if len(known) > LONGEST_SEARCH:
                raise TooLong
        return False

    def _next(self, done: int) -> Iterator[int]:
        """What may come next: no step that is left ended before it began."""
        first_end = math.inf
        n = ((done + 1) & ~done).bit_length() - 1  # the first step that is not done
        while n < len(self.steps) and self.steps[n].began <= first_end:
            if not done >> n & 1:
                yield n
                first_end = min(first_end, self.steps[n].ended)
            n += 1

    def _after(self, state: State, step: Step) -> Iterator[State]:
        for what, rental, back in self._by_itself(state):
            if step.kind == "lend" and what == "free":
                yield "lent", step.rental, back
            elif step.kind == "return" and (what, rental) == ("lent", step.rental):
                yield "checking", step.rental, back | ({step.rental} & self.again)
            elif (step.kind == "return" and step.rental in back) or (
                step.kind == "is" and what == step.state and step.rental in ("", rental)
            ):
                yield what, rental, back

    def _by_itself(self, state: State) -> Iterator[State]:
        yield state
        what, rental, back = state
        if what == "checking" or (what == "lent" and rental in self.cancelled):
            yield (*FREE, back)


# -- from what the clients saw --


def steps_of(ops: Iterable[Op]) -> tuple[dict[str, list[Step]], set[str]]:
    """The steps of every item, and the rentals that no client ever saw out or took back."""
    steps: dict[str, list[Step]] = defaultdict(list)
    lent, out = set[str](), set[str]()
    for op in ops:
        if op.repeats:
            continue
        ended = math.inf if op.ended is None else op.ended
        if op.kind == "lend":
            rental = op.about["rental"]
            lent.add(rental)
            for barcode in op.about["barcodes"]:
                steps[id_of(op.centre, barcode)] += _lend(op, barcode, rental, ended)
        elif op.kind == "return" and op.outcome != REFUSED:
            if op.outcome == OK:
                out.add(op.about["rental"])
            for barcode in op.about["barcodes"]:
                steps[id_of(op.centre, barcode)].append(
                    Step("return", op.about["rental"], op.began, ended, op.outcome == OK)
                )
        elif op.kind == "scan" and op.outcome == OK:
            steps[id_of(op.centre, op.about["barcode"])].append(_scan(op, ended))
        elif op.kind == "read" and op.outcome == OK and op.seen.get("state") in ("out", "returned"):
            out.add(op.about["rental"])
    return steps, lent - out


def _lend(op: Op, barcode: str, rental: str, ended: float) -> Iterator[Step]:
    if op.outcome in (OK, INFO):
        yield Step("lend", rental, op.began, ended, op.outcome == OK)
    elif op.details.get("barcode") == barcode and op.code == "item_already_out":
        yield Step("is", op.details["rental_id"], op.began, ended, state="lent")
    elif op.details.get("barcode") == barcode and op.code == "item_being_checked":
        yield Step("is", "", op.began, ended, state="checking")


def _scan(op: Op, ended: float) -> Step:
    holder = op.seen.get("holder")
    if holder is None:
        return Step("is", "", op.began, ended, state="free")
    state = "checking" if holder["state"] == "checking" else "lent"
    return Step("is", holder["rental_id"], op.began, ended, state=state)
