"""The invariants, one function each: what was promised, and every place where it was not kept.

Each takes the evidence, the history, or both, and returns sentences; none means that the promise was kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID, uuid5

from deploy.local.processes import CENTRE
from gateway.ask import command_id
from gateway.auth import Caller
from services.billing.domain.payment import payment_id
from tests.chaos import fold, linear
from tests.chaos.centre import FOLLOWS
from tests.chaos.evidence import Event, Evidence
from tests.chaos.history import OK, History, Op

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


def id_of(op: Op) -> UUID:
    """The command id that the gateway derives from an operation's key."""
    route = ROUTES[op.kind]
    if op.kind == "repair" and op.about["path"].endswith("/returned"):
        route = "POST /v1/repairs/{id}/returned"
    role = op.about.get("role", "desk")
    return command_id(Caller(role, f"local-{role}", CENTRE), route, op.id)


def rental_of(op: Op) -> str:
    """The id of the rental that a lend makes."""
    return f"{CENTRE}.{uuid5(id_of(op), 'rental').hex}"


def commands_of(op: Op) -> Iterator[tuple[str, str]]:
    """(service, command id) of all that an operation comes to."""
    if op.kind == "register":
        yield "notifications", str(uuid5(id_of(op), "contact"))
        yield "rentals", str(uuid5(id_of(op), "membership"))
    else:
        yield OWNER[op.kind], str(id_of(op))


def one_open_rental(evidence: Evidence) -> Iterator[str]:
    """I1: at every prefix of the log a unit is in at most one open rental."""
    holder: dict[str, str] = {}
    for event in evidence.logs["rentals"]:
        data = event.data
        if event.type == "rental.requested":
            for item in data["items"]:
                if item["barcode"] in holder:
                    yield f"{item['barcode']} is in {holder[item['barcode']]} and in {data['rental_id']} ({event.pos})"
                holder[item["barcode"]] = data["rental_id"]
        elif event.type in ("rental.cancelled", "rental.items_returned"):
            for barcode in data.get("barcodes") or [item["barcode"] for item in data["items"]]:
                if holder.pop(barcode, None) != data["rental_id"]:
                    yield f"{barcode} came back from {data['rental_id']}, which did not have it ({event.pos})"


def nothing_lost(evidence: Evidence, history: History) -> Iterator[str]:
    """I2: what was acknowledged has its outcome, and the events of the outcome are in the log."""
    ids = {service: {event.id for event in log} for service, log in evidence.logs.items()}
    for op in history.acknowledged():
        for service, id in commands_of(op):
            outcome = evidence.outcomes[service].get(id)
            if outcome is None or "refused" in outcome:
                yield f"{op.kind} {op.id} was acknowledged; {service} knows {outcome and 'a refusal'} of {id}"
            elif outcome["pos"] is not None and str(uuid5(UUID(id), "0")) not in ids[service]:
                yield f"{op.kind} {op.id} was acknowledged; {service} has no event of {id}"


def one_effect(evidence: Evidence, history: History) -> Iterator[str]:
    """I3: a key has one effect, and every definite answer to it the same bytes (a refusal: the same code)."""
    answers: dict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
    for op in history.ops:
        if op.definite and op.kind in ROUTES:
            answers[op.about.get("path", op.kind), op.id].add(
                (op.status, op.reply if op.outcome == OK else str(op.code))
            )
    for (path, key), different in answers.items():
        if len(different) > 1:
            yield f"{path} {key} was answered in {len(different)} ways: {sorted(different)}"
    for service, log in evidence.logs.items():
        made: dict[str, list[int]] = defaultdict(list)
        for event in log:
            made[event.meta.get("command_id", event.id)].append(event.pos)
        for id, positions in made.items():
            if positions[-1] - positions[0] != len(positions) - 1:
                yield f"the command {id} of {service} had its effect more than once, at {positions}"


def dense(evidence: Evidence) -> Iterator[str]:
    """I4: positions are 1..n, and so are the versions of each stream."""
    for service, log in evidence.logs.items():
        versions: Counter[str] = Counter()
        for place, event in enumerate(log, 1):
            versions[event.stream] += 1
            if event.pos != place:
                yield f"{service}: position {event.pos} stands in place {place}"
            if event.version != versions[event.stream]:
                yield f"{service}: {event.stream} has version {event.version} where {versions[event.stream]} is due"
        if len({event.id for event in log}) != len(log):
            yield f"{service}: an event id occurs twice"


def all_followed(evidence: Evidence) -> Iterator[str]:
    """I5: every consumer has taken in all that its sources published; nothing is parked, nothing ours is dead."""
    for consumer, sources in FOLLOWS.items():
        for source in sources:
            last, at = last_published(evidence.logs[source], source), evidence.followed.get((consumer, source), 0)
            if at != last:
                yield f"{consumer} has followed {source} to {at}; its last published event is {last}"
    for consumer, source, pos, why in evidence.parked:
        yield f"{consumer} has parked {source} {pos}: {why}"
    for letter in evidence.dead:
        yield f"a dead letter that the drill did not make: {letter}"
    for service, pos in evidence.relayed.items():
        if pos != last_published(evidence.logs[service], service):
            yield f"{service} has relayed up to {pos}"


def nothing_left_to_do(evidence: Evidence) -> Iterator[str]:
    """I11: after the last heal no job waits that could be done, and no rental waits for its payment."""
    yield from (f"{service} has {jobs} jobs left" for service, jobs in evidence.waiting_jobs.items() if jobs)
    for row in evidence.views["rentals"]["rental"]:
        if row["state"] == "awaiting_payment":
            yield f"rental {row['rental_id']} still waits for its payment"


def last_published(log: Iterable[Event], service: str) -> int:
    """The position of the last event that leaves the service."""
    published = fold.definition(service).published
    return max((event.pos for event in log if event.type in published), default=0)


def views_fold(evidence: Evidence) -> Iterator[str]:
    """I6: every view equals the fold of the events."""
    return fold.differences(evidence)


def ledger(evidence: Evidence) -> Iterator[str]:
    """I7: not a won adrift: debits and credits, our books and the terminal's, each rental and its payment."""
    yield from _accounts(evidence)
    net: Counter[str] = Counter()
    for event in evidence.of_type("billing", "payment.captured", "payment.refunded"):
        net[event.data["payment_id"]] += (
            event.data["amount_krw"] if event.type == "payment.captured" else -event.data["amount_krw"]
        )
    taken = {
        id: (row["amount_krw"] if row["approval_number"] else 0) - row["refunded_krw"]
        for id, row in evidence.terminal.items()
    }
    for id in net.keys() | taken.keys():
        if net[id] != taken.get(id, 0):
            yield f"payment {id}: our books say {net[id]} won, the terminal's {taken.get(id, 0)}"
    yield from _paid(evidence, net)


def _accounts(evidence: Evidence) -> Iterator[str]:
    rows = evidence.views["billing"]["account"]
    debit, credit = sum(row["debit_krw"] for row in rows), sum(row["credit_krw"] for row in rows)
    if debit != credit:
        yield f"debits are {debit} won, credits {credit}"


def _paid(evidence: Evidence, net: Counter[str]) -> Iterator[str]:
    fees = {e.data["rental_id"]: e.data["fee_krw"] for e in evidence.of_type("rentals", "rental.requested")}
    started = Counter(e.data["rental_id"] for e in evidence.of_type("rentals", "rental.started"))
    cancelled = {e.data["rental_id"] for e in evidence.of_type("rentals", "rental.cancelled")}
    for rental, fee in fees.items():
        paid, due = net[payment_id(CENTRE, rental)], fee if started[rental] else 0
        if paid != due:
            yield f"rental {rental}: {paid} won were kept, {due} are due"
        if started[rental] + (rental in cancelled) != 1:
            yield f"rental {rental}: started {started[rental]} times, cancelled: {rental in cancelled}"


def adrift_krw(evidence: Evidence) -> int:
    """The won by which our books and the terminal's differ in all."""
    ours = sum(
        event.data["amount_krw"] * (1 if event.type == "payment.captured" else -1)
        for event in evidence.of_type("billing", "payment.captured", "payment.refunded")
    )
    theirs = sum(
        (row["amount_krw"] if row["approval_number"] else 0) - row["refunded_krw"] for row in evidence.terminal.values()
    )
    return abs(ours - theirs)


def told_once(evidence: Evidence) -> Iterator[str]:
    """I8: one notice for each occasion, one letter for each notice that was sent, none that nobody queued."""
    notices = Counter(
        (e.data["kind"], e.data["about"], e.data["barcode"]) for e in evidence.of_type("notifications", "notice.queued")
    )
    # A unit of a rental is mended each time that it breaks; all else happens to a rental once.
    yield from (f"{k} of {a} was queued {n} times" for (k, a, _), n in notices.items() if n > 1)
    told = {(kind, about) for kind, about, _ in notices}
    for type, kind in (("started", "receipt"), ("cancelled", "payment_failed"), ("returned", "returned")):
        for event in evidence.of_type("rentals", f"rental.{type}"):
            if (kind, event.data["rental_id"]) not in told:
                yield f"rental {event.data['rental_id']} was {type}, and there is no {kind}"
    sent = {e.data["notice_id"] for e in evidence.of_type("notifications", "notice.sent")}
    queued = {e.data["notice_id"] for e in evidence.of_type("notifications", "notice.queued")}
    yield from (f"notice {id} is sent, and no letter is there" for id in sent - evidence.mails.keys())
    yield from (f"letter {id} is of no notice" for id in evidence.mails.keys() - queued)


def stock_conserved(evidence: Evidence) -> Iterator[str]:
    """I9: each unit is in one state, and inventory and rentals agree about every one."""
    items = {row["barcode"]: row["state"] for row in evidence.views["inventory"]["item"]}
    owned = {event.data["barcode"] for event in evidence.of_type("inventory", "item.registered")}
    if items.keys() != owned:
        yield f"{len(owned)} units were registered, {len(items)} are there"
    holds = {row["barcode"]: row for row in evidence.views["rentals"]["hold"]}
    out = {row["barcode"]: row["rental_id"] for row in evidence.views["inventory"]["out_item"]}
    lent = {barcode: hold["rental_id"] for barcode, hold in holds.items() if hold["state"] in ("held", "out")}
    for barcode in lent.keys() | out.keys():
        if lent.get(barcode) != out.get(barcode):
            yield f"{barcode}: rentals has it in {lent.get(barcode)}, inventory in {out.get(barcode)}"
    for barcode, hold in holds.items():
        if hold["state"] == "checking" and items.get(barcode) == "ready":
            yield f"{barcode} is ready at inventory and still being checked at rentals ({hold['rental_id']})"


def versions_rise(history: History) -> Iterator[str]:
    """I12: what a desk sees of a rental never gets older."""
    newest: dict[tuple[str, str], int] = {}
    done = sorted((op for op in history.ops if op.ended is not None and not op.repeats), key=lambda op: op.ended or 0)
    for op in done:
        rental = op.seen.get("rental_id") if op.outcome == OK and op.kind in ("lend", "look", "return") else None
        if rental is None or op.version is None or op.status == 304:
            continue
        place = (op.desk, rental)
        if op.version < newest.get(place, 0):
            yield f"{op.desk} saw version {newest[place]} of {rental}, then {op.version}"
        newest[place] = max(newest.get(place, 0), op.version)


def units_linearizable(history: History) -> Iterator[str]:
    """Each unit's history, as the clients saw it, fits into one order."""
    for op in history.ops:
        if op.kind == "lend":
            op.about.setdefault("rental", rental_of(op))
    steps, cancelled = linear.steps_of(history.ops)
    for barcode, of_unit in steps.items():
        try:
            if not linear.linearizable(of_unit, cancelled):
                yield f"{barcode}: its {len(of_unit)} operations fit into no order"
        except linear.TooLong:
            yield f"{barcode}: its {len(of_unit)} operations are too concurrent to decide"


def all_checks(evidence: Evidence, history: History) -> dict[str, Callable[[], Iterable[str]]]:
    """The invariants by name. I10, the order of reservations, has nothing to look at until there are reservations."""
    return {
        "I1 one open rental for each unit": lambda: one_open_rental(evidence),
        "I2 nothing acknowledged is lost": lambda: nothing_lost(evidence, history),
        "I3 one effect and one answer for each key": lambda: one_effect(evidence, history),
        "I4 positions and versions are dense": lambda: dense(evidence),
        "I5 everything is followed, nothing parked": lambda: all_followed(evidence),
        "I6 views equal the fold of the events": lambda: views_fold(evidence),
        "I7 no won adrift": lambda: ledger(evidence),
        "I8 everyone is told once": lambda: told_once(evidence),
        "I9 stock is conserved": lambda: stock_conserved(evidence),
        "I11 nothing is left to do": lambda: nothing_left_to_do(evidence),
        "I12 versions never go back": lambda: versions_rise(history),
        "each unit is linearizable": lambda: units_linearizable(history),
    }
