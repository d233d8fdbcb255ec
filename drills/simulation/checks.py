"""What must be true of every history, once everything has healed and come to rest."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from drills.simulation.centre import Centre
from drills.simulation.disk import Disk
from services.billing.ledger.model import Account
from services.billing.payments.model import Payment, payment_id_of
from services.chassis.foundation.codec import decode, encode
from services.chassis.readmodels.replay import ReplayedViews
from services.chassis.service import OWN
from services.rentals.checkout.model import Rental

Problems = Iterator[str]
TOPICS = {"started": "receipt", "cancelled": "payment_failed", "returned": "returned", "marked_overdue": "overdue"}
TOLD = {f"rental.{name}": topic for name, topic in TOPICS.items()}


def answered(centre: Centre) -> Problems:
    """Every command has an answer; however often it is sent, the answer has the same bytes, and it is kept."""
    for request in centre.desk.requests:
        answers, kept = set(request.answers), centre.disks[request.service].outcomes.get(request.message.id)
        if not answers:
            yield f"{request} was lost"
        elif len(answers) > 1:
            yield f"{request} was answered differently: {sorted(answers)}"
        elif kept is None or kept[1] not in answers:
            yield f"{request} is not kept as it was answered"


def carried_out_once(centre: Centre) -> Problems:
    """An accepted command's events are in the log where its answer says, together and once; a refused one has none."""
    places: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in centre.disks}
    for name, disk in centre.disks.items():
        for event in disk.events:
            places[name][decode(event.meta)["command_id"]].append(event.position)
        for id, found in places[name].items():
            if found != list(range(found[0], found[0] + len(found))):
                yield f"{name}: the events of {id} lie at {found}"
    for request in centre.desk.requests:
        if request.answers:
            answer, found = decode(request.answers[0]), places[request.service].get(str(request.message.id), [0])
            if (answer.get("position") or 0) != found[-1]:
                yield f"{request} was answered {answer}, its events end at {found[-1]}"
            if answer.get("refused", {}).get("kind") == "fault":
                yield f"{request} failed by a fault of ours"


def one_holder(centre: Centre) -> Problems:
    """No item is in two rentals at any prefix of the log, from the request until it is free or can be lent again."""
    holder: dict[str, str] = {}
    for event in centre.disks["rentals"].events:
        if event.type == "rental.requested":
            requested = decode(event.data)
            for barcode in (item["barcode"] for item in requested["items"]):
                if barcode in holder:
                    yield f"{barcode} went to {requested['rental_id']} while {holder[barcode]} had it"
                holder[barcode] = requested["rental_id"]
        elif event.type == "rental.cancelled":
            for barcode in decode(event.data)["barcodes"]:
                holder.pop(barcode, None)
        elif event.type == "rental.item_released":
            holder.pop(decode(event.data)["barcode"], None)


def views_are_replayed(centre: Centre) -> Problems:
    """Every row of every view is what the events come to when they are replayed from the first one on."""
    for name, disk in centre.disks.items():
        replayed = _replayed(centre, disk)
        for projection in replayed.projections:
            row_type: Any = projection.row_type
            found = disk.rows.get(row_type, {})
            wanted = {getattr(row, row_type.KEY): encode(row) for row in replayed.rows(row_type)}
            for key in sorted(found.keys() | wanted.keys()):
                if found.get(key) != wanted.get(key):
                    row = found.get(key)
                    yield f"{name}.{row_type.VIEW} {key} is {row!r}, the events say {wanted.get(key)!r}"


def _replayed(centre: Centre, disk: Disk) -> ReplayedViews:
    views = ReplayedViews(disk.service, [projection.row_type for projection in disk.service.projections])
    for event in disk.events:
        views.own(event.type, event.schema, event.stream, event.version, event.data)
    for source in {projection.source for projection in views.projections} - {OWN}:
        for message in centre.disks[source].published:
            views.foreign(message)
    return views


def versions_are_dense(centre: Centre) -> Problems:
    """The versions of each stream are 1..n, in the order of the log."""
    for name, disk in centre.disks.items():
        last: Counter[str] = Counter()
        for event in disk.events:
            last[event.stream] += 1
            if event.version != last[event.stream]:
                yield f"{name}: {event.stream} has version {event.version} where {last[event.stream]} is due"


def everything_arrived(centre: Centre) -> Problems:
    """Every cursor is at its source's last event, every relay has published everything, no job and no event waits."""
    for name, disk in centre.disks.items():
        for source in disk.service.sources:
            position, head = disk.cursor(source).position, centre.disks[source].head
            if position != head:
                yield f"{name} has taken in {source} to {position} of {head}"
        if disk.relay_cursor != disk.head and not centre.broker_gone:
            yield f"{name} has published {disk.relay_cursor} of {disk.head}"
        if disk.jobs:
            yield f"{name} has jobs left: {[job.name for job in disk.jobs.values()]}"
        for parked in disk.parked.values():
            yield f"{name} has parked {parked.source} {parked.position} ({parked.stream}): {parked.error}"


def money_nets(centre: Centre) -> Problems:
    """The card terminal, the ledger and the rentals agree to the won; nothing is taken twice or kept wrongly."""
    billing = centre.disks["billing"]
    accounts = billing.all(Account)
    debit, credit = sum(a.debit_krw for a in accounts), sum(a.credit_krw for a in accounts)
    if debit != credit:
        yield f"debits of {debit}, credits of {credit}"
    receivable = sum(a.debit_krw - a.credit_krw for a in accounts if a.account == "terminal_receivable")
    if receivable != centre.terminal.net_krw():
        yield f"the ledger has {receivable}, the terminal {centre.terminal.net_krw()}"
    payments = {payment.payment_id: payment for payment in billing.all(Payment)}
    for rental in centre.disks["rentals"].all(Rental):
        id = payment_id_of(rental.rental_id)
        booked, payment = centre.terminal.booked.get(id), payments.get(id)
        net = booked.amount_krw - booked.refunded_krw if booked and booked.number else 0
        owed = rental.fee_krw if rental.started_at else 0
        if net != owed:
            yield f"{rental.rental_id} ({rental.state}) owes {owed}, {net} was taken"
        if rental.fee_krw and (payment is None or (payment.state == "captured") != bool(rental.started_at)):
            yield f"{rental.rental_id} is {rental.state}, its payment {payment and payment.state}"
        if rental.state == "awaiting_payment":
            yield f"{rental.rental_id} still awaits its payment"
        if rental.state == "out" and rental.due_at <= centre.now and not rental.overdue:
            yield f"{rental.rental_id} was due at {rental.due_at} and is not overdue"


def told_once(centre: Centre) -> Problems:
    """Each occasion has one notice, no notice has no occasion, and what counts as sent is in the mailbox."""
    due = Counter(
        (decode(event.data)["rental_id"], TOLD[event.type])
        for event in centre.disks["rentals"].events
        if event.type in TOLD
    )
    queued: Counter[tuple[str, str]] = Counter()
    reminders: Counter[tuple[str, str]] = Counter()
    ids: dict[str, set[str]] = defaultdict(set)
    for event in centre.disks["notifications"].events:
        if not event.type.startswith("notice."):
            continue
        notice = decode(event.data)
        ids[event.type].add(notice["notice_id"])
        if event.type in ("notice.queued", "notice.dropped") and notice["topic"] != "repair_closed":
            (queued if notice["topic"] in TOLD.values() else reminders)[notice["about"], notice["topic"]] += 1
    for place in due | queued:
        if due[place] != queued[place]:
            yield f"{place}: {due[place]} occasions, {queued[place]} notices"
    yield from (f"{place} was queued {count} times" for place, count in reminders.items() if count > 1)
    unsettled = ids["notice.queued"] - ids["notice.sent"] - ids["notice.failed"]
    yield from (f"{id} was never settled" for id in sorted(unsettled))
    unseen = ids["notice.sent"] - set(centre.mailbox.letters)
    yield from (f"{id} counts as sent and is in no mailbox" for id in sorted(unseen))


OF_COMMANDS = [answered, carried_out_once, one_holder]
OF_STATE = [views_are_replayed, versions_are_dense, everything_arrived, money_nets, told_once]
CHECKS = [*OF_COMMANDS, *OF_STATE]
