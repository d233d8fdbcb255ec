"""The invariants, one function each: what was promised, and every place where it was not kept.

Each takes the evidence, the history, or both, and returns sentences; none means that the promise was kept.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID, uuid5

from drills.chaos import linear, replay
from drills.chaos.centre import CENTRES, PAIRS
from drills.chaos.evidence import Event, Evidence
from drills.chaos.history import MEDDLE, OK, REFUSED, History, Op
from gateway.http.auth import Caller
from gateway.http.request import command_id
from services.billing.payments.model import payment_id_of
from services.chassis.process.runtime import service_named
from services.contracts.base import centre_of, id_of

ROUTES = {
    "lend": "POST /v1/rentals",
    "return": "POST /v1/rentals/{id}/return",
    "register": "POST /v1/residents",
    "verify": "POST /v1/residents/{id}/verification",
    "ready": "POST /v1/items/{barcode}/ready",
    "repair": "POST /v1/repairs/{id}/sent",
    "suspend": "POST /v1/residents/{id}/suspension",
    "reinstate": "DELETE /v1/residents/{id}/suspension",
    "enter": "POST /v1/items",
    "retire": "POST /v1/items/{barcode}/retire",
}
OWNER = dict.fromkeys(("lend", "return", "verify", "suspend", "reinstate"), "rentals")
OWNER |= dict.fromkeys(("enter", "ready", "retire", "repair"), "inventory")


def command_of(op: Op) -> UUID:
    """The command id that the gateway derives from an operation's key."""
    route = ROUTES[op.kind]
    if op.kind == "repair" and op.about["path"].endswith("/returned"):
        route = "POST /v1/repairs/{id}/returned"
    role = op.about.get("role", "desk")
    return command_id(Caller(role, f"local-{role}", op.centre), route, op.id, required=True)


def rental_of(op: Op) -> str:
    """The id of the rental that a lend makes."""
    return id_of(op.centre, uuid5(command_of(op), "rental").hex)


def commands_of(op: Op) -> Iterator[tuple[str, str]]:
    """(service, command id) of all that an operation comes to."""
    if op.kind == "register":
        yield "notifications", str(uuid5(command_of(op), "contact"))
        yield "rentals", str(uuid5(command_of(op), "membership"))
    else:
        yield OWNER[op.kind], str(command_of(op))


def one_open_rental(evidence: Evidence) -> Iterator[str]:
    """I1: at every prefix of the log an item is in at most one open rental."""
    holder: dict[str, str] = {}
    ends = ("rental.cancelled", "rental.items_returned")
    for event in evidence.of_type("rentals", "rental.requested", *ends):
        data, rental = event.data, event.data["rental_id"]
        for barcode in data.get("barcodes") or [item["barcode"] for item in data["items"]]:
            item_id = id_of(data["centre"], barcode)
            if event.type in ends:
                if holder.pop(item_id, None) != rental:
                    yield f"{item_id} came back from {rental}, which did not have it ({event.position})"
            else:
                if item_id in holder:
                    yield f"{item_id} is in {holder[item_id]} and in {rental} ({event.position})"
                holder[item_id] = rental


def nothing_lost(evidence: Evidence, history: History) -> Iterator[str]:
    """I2: what was acknowledged has its outcome, and the events of the outcome are in the log."""
    ids = {service: {event.id for event in log} for service, log in evidence.logs.items()}
    for op in history.acknowledged():
        for service, id in commands_of(op):
            outcome = evidence.outcomes[service].get(id)
            if outcome is None or "refused" in outcome:
                yield f"{op.kind} {op.id} was acknowledged; {service} knows {outcome and 'a refusal'} of {id}"
            elif outcome["position"] is not None and str(uuid5(UUID(id), "0")) not in ids[service]:
                yield f"{op.kind} {op.id} was acknowledged; {service} has no event of {id}"


def one_effect(evidence: Evidence, history: History) -> Iterator[str]:
    """I3: a key has one effect, and every definite answer to it the same bytes (a refusal: the same code)."""
    answers: dict[tuple[str, str, str], set[tuple[int, str]]] = defaultdict(set)
    for op in history.ops:
        if op.definite and op.kind in ROUTES:
            answers[op.centre, op.about.get("path", op.kind), op.id].add(
                (op.status, op.reply if op.outcome == OK else str(op.code))
            )
    for (centre, path, key), different in answers.items():
        if len(different) > 1:
            yield f"{path} {key} of {centre} was answered in {len(different)} ways: {sorted(different)}"
    for service, log in evidence.logs.items():
        made: dict[str, list[int]] = defaultdict(list)
        for event in log:
            made[event.meta.get("command_id", event.id)].append(event.position)
        for id, positions in made.items():
            if positions[-1] - positions[0] != len(positions) - 1:
                yield f"the command {id} of {service} had its effect more than once, at {positions}"


def dense(evidence: Evidence) -> Iterator[str]:
    """I4: positions are 1..n, and so are the versions of each stream."""
    for service, log in evidence.logs.items():
        versions: Counter[str] = Counter()
        for place, event in enumerate(log, 1):
            versions[event.stream] += 1
            if event.position != place:
                yield f"{service}: position {event.position} stands in place {place}"
            if event.version != versions[event.stream]:
                yield f"{service}: {event.stream} has version {event.version} where {versions[event.stream]} is due"
        if len({event.id for event in log}) != len(log):
            yield f"{service}: an event id occurs twice"


def all_taken_in(evidence: Evidence) -> Iterator[str]:
    """I5: every consumer has taken in all that its sources published; nothing is parked, nothing ours is dead."""
    last = {service: last_published(log, service) for service, log in evidence.logs.items()}
    for consumer, source in PAIRS:
        position = evidence.taken_in.get((consumer, source), 0)
        if position != last[source]:
            yield f"{consumer} has taken in {source} to {position}; its last published event is {last[source]}"
    for consumer, source, position, why in evidence.parked:
        yield f"{consumer} has parked {source} {position}: {why}"
    for letter in evidence.dead:
        yield f"a dead letter that the drill did not make: {letter}"
    for service, position in evidence.relayed.items():
        if position != last[service]:
            yield f"{service} has relayed up to {position}"


def nothing_left_to_do(evidence: Evidence) -> Iterator[str]:
    """I11: after the last heal no job waits that could be done, and no rental waits for its payment."""
    yield from (f"{service} has {jobs} jobs left" for service, jobs in evidence.waiting_jobs.items() if jobs)
    for row in evidence.views["rentals"]["rental"]:
        if row["state"] == "awaiting_payment":
            yield f"rental {row['rental_id']} still waits for its payment"


def last_published(log: Iterable[Event], service: str) -> int:
    """The position of the last event that leaves the service."""
    published = service_named(service).published_types
    return max((event.position for event in log if event.type in published), default=0)


def ledger(evidence: Evidence) -> Iterator[str]:
    """I7: not a won adrift: debits and credits, our books and the terminal's, each rental and its payment."""
    rows = evidence.views["billing"]["account"]
    debit, credit = sum(row["debit_krw"] for row in rows), sum(row["credit_krw"] for row in rows)
    if debit != credit:
        yield f"debits are {debit} won, credits {credit}"
    ours, theirs = _our_books(evidence), _terminals_books(evidence)
    for id in ours.keys() | theirs.keys():
        if ours[id] != theirs[id]:
            yield f"payment {id}: our books say {ours[id]} won, the terminal's {theirs[id]}"
    yield from _paid(evidence, ours)


def _our_books(evidence: Evidence) -> Counter[str]:
    """What was kept of each payment, in won, by the events."""
    net: Counter[str] = Counter()
    for event in evidence.of_type("billing", "payment.captured", "payment.refunded"):
        net[event.data["payment_id"]] += event.data["amount_krw"] * (1 if event.type == "payment.captured" else -1)
    return net


def _terminals_books(evidence: Evidence) -> Counter[str]:
    """What was kept of each payment, in won, by the terminal."""
    rows = evidence.terminal.items()
    return Counter({id: (r["amount_krw"] if r["approval_number"] else 0) - (r["refunded_krw"] or 0) for id, r in rows})


def adrift_krw(evidence: Evidence) -> int:
    """The won by which our books and the terminal's differ in all."""
    return abs(_our_books(evidence).total() - _terminals_books(evidence).total())


def _paid(evidence: Evidence, kept: Counter[str]) -> Iterator[str]:
    fees = {e.data["rental_id"]: e.data["fee_krw"] for e in evidence.of_type("rentals", "rental.requested")}
    started = Counter(e.data["rental_id"] for e in evidence.of_type("rentals", "rental.started"))
    cancelled = {e.data["rental_id"] for e in evidence.of_type("rentals", "rental.cancelled")}
    for rental, fee in fees.items():
        paid, due = kept[payment_id_of(rental)], fee if started[rental] else 0
        if paid != due:
            yield f"rental {rental}: {paid} won were kept, {due} are due"
        if started[rental] + (rental in cancelled) != 1:
            yield f"rental {rental}: started {started[rental]} times, cancelled: {rental in cancelled}"


def told_once(evidence: Evidence) -> Iterator[str]:
    """I8: one notice for each occasion, one letter for each notice that was sent, none that nobody queued."""
    queued = [event.data for event in evidence.of_type("notifications", "notice.queued")]
    notices = Counter((notice["topic"], notice["about"], notice["barcode"]) for notice in queued)
    # An item of a rental is mended each time that it breaks; all else happens to a rental once.
    yield from (f"{topic} of {about} was queued {n} times" for (topic, about, _), n in notices.items() if n > 1)
    told = {(topic, about) for topic, about, _ in notices}
    for type, topic in (("started", "receipt"), ("cancelled", "payment_failed"), ("returned", "returned")):
        for event in evidence.of_type("rentals", f"rental.{type}"):
            if (topic, event.data["rental_id"]) not in told:
                yield f"rental {event.data['rental_id']} was {type}, and there is no {topic}"
    sent = {e.data["notice_id"] for e in evidence.of_type("notifications", "notice.sent")}
    yield from (f"notice {id} is sent, and no letter is there" for id in sent - evidence.mails.keys())
    yield from (f"letter {id} is of no notice" for id in evidence.mails.keys() - {n["notice_id"] for n in queued})


def stock_conserved(evidence: Evidence) -> Iterator[str]:
    """I9: each item is in one state, and inventory and rentals agree about every one."""
    items = {row["item_id"]: row["state"] for row in evidence.views["inventory"]["item"]}
    registered = [event.data for event in evidence.of_type("inventory", "item.registered")]
    owned = {id_of(data["centre"], data["barcode"]) for data in registered}
    if items.keys() != owned:
        yield f"{len(owned)} items were registered, {len(items)} are there"
    allocations = {row["item_id"]: row for row in evidence.views["rentals"]["item_allocation"]}
    out = {row["item_id"]: row["rental_id"] for row in evidence.views["inventory"]["rented_out"]}
    lent = {item_id: row["rental_id"] for item_id, row in allocations.items() if row["state"] in ("held", "out")}
    for item_id in lent.keys() | out.keys():
        if lent.get(item_id) != out.get(item_id):
            yield f"{item_id}: rentals has it in {lent.get(item_id)}, inventory in {out.get(item_id)}"
    for item_id, row in allocations.items():
        if row["state"] == "checking" and items.get(item_id) == "ready":
            yield f"{item_id} is ready at inventory and still being checked at rentals ({row['rental_id']})"


def versions_rise(history: History) -> Iterator[str]:
    """I12: what a desk sees of a rental never gets older."""
    newest: dict[tuple[str, str], int] = {}
    done = sorted((op for op in history.ops if op.ended is not None and not op.repeats), key=lambda op: op.ended or 0)
    for op in done:
        rental = op.seen.get("rental_id") if op.outcome == OK and op.kind in ("lend", "read", "return") else None
        if rental is None or op.version is None or op.status == 304:
            continue
        place = (op.desk, rental)
        if op.version < newest.get(place, 0):
            yield f"{op.desk} saw version {newest[place]} of {rental}, then {op.version}"
        newest[place] = max(newest.get(place, 0), op.version)


def items_linearizable(history: History) -> Iterator[str]:
    """Each item's history, as the clients saw it, fits into one order."""
    for op in history.ops:
        if op.kind == "lend":
            op.about.setdefault("rental", rental_of(op))
    steps, cancelled = linear.steps_of(history.ops)
    for barcode, of_item in steps.items():
        try:
            if not linear.linearizable(of_item, cancelled):
                yield f"{barcode}: its {len(of_item)} operations fit into no order"
        except linear.TooLong:
            yield f"{barcode}: its {len(of_item)} operations are too concurrent to decide"


def centres_apart(evidence: Evidence, history: History) -> Iterator[str]:
    """I13: nobody reaches what is another centre's; an event and a row are of one centre, as is who made the event."""
    for op in history.ops:
        if op.kind == MEDDLE and op.definite and op.outcome != REFUSED:
            yield f"{op.desk} of {op.centre} was answered {op.status} to {op.about['path']}"
    for service, log in evidence.logs.items():
        for event in log:
            actor = (event.meta.get("actor") or {}).get("centre") or event.data.get("centre")
            if (found := _named({"stream": event.stream.partition("-")[2], **event.data})) != {actor}:
                yield f"{service} {event.position} ({event.type}) of {actor} names {sorted(found)}"
    for service, views in evidence.views.items():
        for view, rows in views.items():
            mixed = [row for row in rows if len(_named(row)) > 1]
            yield from (f"{service}.{view} has things of two centres in one row: {row}" for row in mixed)


def _named(value: Any) -> set[str]:
    """The centres that are named in JSON."""
    if isinstance(value, str):
        return {name} if (name := centre_of(value)) in CENTRES else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for part in parts for name in _named(part)}


def all_checks(evidence: Evidence, history: History) -> dict[str, Callable[[], Iterable[str]]]:
    """The invariants by name. I10, the order of reservations, has nothing to look at until there are reservations."""
    return {
        "I1 one open rental for each item": lambda: one_open_rental(evidence),
        "I2 nothing acknowledged is lost": lambda: nothing_lost(evidence, history),
        "I3 one effect and one answer for each key": lambda: one_effect(evidence, history),
        "I4 positions and versions are dense": lambda: dense(evidence),
        "I5 everything is taken in, nothing parked": lambda: all_taken_in(evidence),
        "I6 views equal the replay of the events": lambda: replay.differences(evidence),
        "I7 no won adrift": lambda: ledger(evidence),
        "I8 everyone is told once": lambda: told_once(evidence),
        "I9 stock is conserved": lambda: stock_conserved(evidence),
        "I11 nothing is left to do": lambda: nothing_left_to_do(evidence),
        "I12 versions never go back": lambda: versions_rise(history),
        "I13 centres are apart": lambda: centres_apart(evidence, history),
        "each item is linearizable": lambda: items_linearizable(history),
    }
