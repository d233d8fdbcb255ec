"""What must be true of every history, once everything has healed and come to rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from services.billing.domain.ledger import Account
from services.billing.domain.payment import Payment, payment_id
from services.chassis.codec import decode, encode
from services.chassis.definition import OWN
from services.chassis.kernel import Heard
from services.chassis.refold import Shadow
from services.rentals.domain.rental import OUT, Rental
from tests.simulation.disk import Disk, meta_of

if TYPE_CHECKING:
    from tests.simulation.play import Play

Problems = Iterator[str]


def answered(play: Play) -> Problems:
    """Every command has an answer; however often it is asked, the answer has the same bytes, and it is kept."""
    for request in play.desk.requests:
        said, kept = set(request.answers), play.disks[request.service].outcomes.get(request.asked.id)
        if not said:
            yield f"{request.asked.name} {request.asked.id} was lost"
        elif len(said) > 1:
            yield f"{request.asked.name} {request.asked.id} was answered differently: {sorted(said)}"
        elif kept is None or kept[1] not in said:
            yield f"{request.asked.name} {request.asked.id} is not kept as it was answered"


def carried_out_once(play: Play) -> Problems:
    """An accepted command's facts are in the log where its answer says, together and once; a refused one has none."""
    for name, disk in play.disks.items():
        places: dict[str, list[int]] = defaultdict(list)
        for event in disk.events:
            places[meta_of(event)["command_id"]].append(event[0])
        for id, found in places.items():
            if found != list(range(found[0], found[0] + len(found))):
                yield f"{name}: the facts of {id} lie at {found}"
        for request in play.desk.requests:
            if request.service == name and request.answers:
                answer, found = decode(request.answers[0]), places.get(str(request.asked.id), [0])
                said = answer.get("pos") or 0
                if said != found[-1]:
                    yield f"{request.asked.name} {request.asked.id} was answered {answer}, its facts end at {found[-1]}"
                if answer.get("refused", {}).get("kind") == "fault":
                    yield f"{request.asked.name} {request.asked.id} failed by a fault of ours"


def one_holder(play: Play) -> Problems:
    """No unit is in two rentals at any prefix of the log, from the request until it is free or back on the shelf."""
    holder: dict[str, str] = {}
    for event in play.disks["rentals"].events:
        type, data = event[2], event[7]
        if type == "rental.requested":
            said = decode(data)
            for barcode in (item["barcode"] for item in said["items"]):
                if barcode in holder:
                    yield f"{barcode} went to {said['rental_id']} while {holder[barcode]} had it"
                holder[barcode] = said["rental_id"]
        elif type == "rental.cancelled":
            for barcode in decode(data)["barcodes"]:
                holder.pop(barcode, None)
        elif type == "rental.item_released":
            holder.pop(decode(data)["barcode"], None)


def views_are_folds(play: Play) -> Problems:
    """Every row of every view is what the facts come to when they are folded from the first one on."""
    for name, disk in play.disks.items():
        expected = _folded(play, disk)
        for view in disk.service.views:
            if not view.source:
                continue  # a record
            found = disk.rows.get(view.kind, {})
            wanted = expected.get(view.kind, {})
            for key in sorted(found.keys() | wanted.keys()):
                if found.get(key) != wanted.get(key):
                    view_name = view.kind.VIEW  # type: ignore[attr-defined]
                    yield f"{name}.{view_name} {key} is {found.get(key)!r}, the facts say {wanted.get(key)!r}"


def _folded(play: Play, disk: Disk) -> dict[type, dict[str, bytes]]:
    service = disk.service
    shadow = Shadow(service, [view.kind for view in service.views])
    for _, _, type, schema, stream, version, _, data, _ in disk.events:
        shadow.own(type, schema, stream, version, data)
    for source in {view.source for view in service.views} - {OWN, ""}:
        for message in play.disks[source].published:
            if (source, message.type) in service.touched_by:
                data = service.contracts_heard[source, message.type].read(message.data, message.schema)
                shadow.hear(source, Heard(message.type, data, message.stream, message.id, message.at))
    kinds: list[Any] = [view.kind for view in shadow.views]
    return {kind: {getattr(row, kind.KEY): encode(row) for row in shadow.rows(kind)} for kind in kinds}


def versions_are_dense(play: Play) -> Problems:
    """The versions of each stream are 1..n, in the order of the log."""
    for name, disk in play.disks.items():
        last: Counter[str] = Counter()
        for event in disk.events:
            last[event[4]] += 1
            if event[5] != last[event[4]]:
                yield f"{name}: {event[4]} has version {event[5]} where {last[event[4]]} is due"


def everything_arrived(play: Play) -> Problems:
    """Every cursor is at its source's last fact, every relay has published everything, no job and no fact waits."""
    for name, disk in play.disks.items():
        for source in disk.service.sources:
            at, head = disk.followed.get(source, (None, 0))[1], play.disks[source].head
            if at != head:
                yield f"{name} has followed {source} to {at} of {head}"
        if disk.relayed != disk.head and not play.broker_gone:
            yield f"{name} has published {disk.relayed} of {disk.head}"
        if disk.jobs:
            yield f"{name} has jobs left: {[job.kind for job in disk.jobs.values()]}"
        for parked in disk.parked.values():
            yield f"{name} has parked {parked.source} {parked.pos} ({parked.stream}): {parked.error}"


def money_nets(play: Play) -> Problems:
    """The card terminal, the ledger and the rentals agree to the won; nothing is taken twice or kept wrongly."""
    billing = play.disks["billing"]
    accounts = billing.all(Account)
    debit, credit = sum(a.debit_krw for a in accounts), sum(a.credit_krw for a in accounts)
    if debit != credit:
        yield f"debits of {debit}, credits of {credit}"
    receivable = sum(a.debit_krw - a.credit_krw for a in accounts if a.account == "terminal_receivable")
    if receivable != play.terminal.net_krw():
        yield f"the ledger has {receivable}, the terminal {play.terminal.net_krw()}"
    payments = {payment.payment_id: payment for payment in billing.all(Payment)}
    for rental in play.disks["rentals"].all(Rental):
        id = payment_id(rental.centre, rental.rental_id)
        booked, payment = play.terminal.booked.get(id), payments.get(id)
        net = booked.amount_krw - booked.refunded_krw if booked and booked.number else 0
        owed = rental.fee_krw if rental.started_at else 0
        if net != owed:
            yield f"{rental.rental_id} ({rental.state}) owes {owed}, {net} was taken"
        if rental.fee_krw and (payment is None or (payment.state == "captured") != bool(rental.started_at)):
            yield f"{rental.rental_id} is {rental.state}, its payment {payment and payment.state}"
        if rental.state == "awaiting_payment":
            yield f"{rental.rental_id} awaits its payment for ever"
        if rental.state == OUT and rental.due_at <= play.now and not rental.overdue:
            yield f"{rental.rental_id} was due at {rental.due_at} and is not overdue"


TOLD = {
    "rental.started": "receipt",
    "rental.cancelled": "payment_failed",
    "rental.returned": "returned",
    "rental.overdue": "overdue",
}


def told_once(play: Play) -> Problems:
    """Each occasion has one notice, no notice has no occasion, and what counts as sent is in the mailbox."""
    due: Counter[tuple[str, str]] = Counter()
    for event in play.disks["rentals"].events:
        if kind := TOLD.get(event[2]):
            due[decode(event[7])["rental_id"], kind] += 1
    queued: Counter[tuple[str, str]] = Counter()
    others: Counter[tuple[str, str, str | None]] = Counter()
    sent, settled, opened = set(), set(), set()
    for event in play.disks["notifications"].events:
        said = decode(event[7])
        if event[2] in ("notice.queued", "notice.dropped"):
            opened.add(said["notice_id"]) if event[2] == "notice.queued" else None
            if said["kind"] in TOLD.values():
                queued[said["about"], said["kind"]] += 1
            elif said["kind"] != "repair_closed":
                others[said["about"], said["kind"], None] += 1
        elif event[2] in ("notice.sent", "notice.failed"):
            settled.add(said["notice_id"])
            sent.update([said["notice_id"]] if event[2] == "notice.sent" else [])
    yield from (
        f"{place}: {due[place]} occasions, {queued[place]} notices"
        for place in due | queued
        if due[place] != queued[place]
    )
    yield from (f"{place} was queued {count} times" for place, count in others.items() if count > 1)
    yield from (f"{id} was never settled" for id in sorted(opened - settled))
    yield from (f"{id} counts as sent and is in no mailbox" for id in sorted(sent - set(play.mailbox.letters)))


CHECKS: dict[str, Callable[[Any], Problems]] = {
    check.__name__: check
    for check in (
        answered,
        carried_out_once,
        one_holder,
        views_are_folds,
        versions_are_dense,
        everything_arrived,
        money_nets,
        told_once,
    )
}
