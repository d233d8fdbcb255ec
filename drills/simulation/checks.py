"""What must be true of every history, once everything has healed and come to rest."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from drills.simulation.disk import Disk
from drills.simulation.installation import Installation
from drills.simulation.stock import CENTRES
from services.billing.ledger.model import Account
from services.billing.payments.model import Payment, payment_id_of
from services.chassis.foundation.codec import decode, encode
from services.chassis.readmodels.replay import ReplayedViews
from services.chassis.service import OWN
from services.contracts.base import id_of
from services.notifications.messages.decisions import REMINDERS
from services.notifications.rental_summaries.model import Centre
from services.rentals.checkout.model import Rental

Problems = Iterator[str]
LATE, SKEW = datetime.max.replace(tzinfo=UTC), timedelta(minutes=10)  # two clocks may be wrong, each by five minutes
TOPICS = {"started": "receipt", "cancelled": "payment_failed", "returned": "returned", "marked_overdue": "overdue"}
CENTRE = re.compile(rb'"(' + "|".join(sorted(CENTRES, key=len, reverse=True)).encode() + rb')["./:]')
TOLD = {f"rental.{name}": topic for name, topic in TOPICS.items()}


def answered(installation: Installation) -> Problems:
    """Every command has an answer; however often it is sent, the answer has the same bytes, and it is kept.

    What names another centre's things is refused by its words alone: that needs not be kept.
    """
    for request in installation.desks.requests:
        answers, kept = set(request.answers), installation.disks[request.service].outcomes.get(request.message.id)
        if not answers:
            yield f"{request} was lost"
        elif len(answers) > 1:
            yield f"{request} was answered differently: {sorted(answers)}"
        elif not request.foreign and (kept is None or kept[1] not in answers):
            yield f"{request} is not kept as it was answered"


def carried_out_once(installation: Installation) -> Problems:
    """An accepted command's events are in the log where its answer says, together and once; a refused one has none."""
    places: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in installation.disks}
    for name, disk in installation.disks.items():
        for event in disk.events:
            places[name][decode(event.meta)["command_id"]].append(event.position)
        for id, found in places[name].items():
            if found != list(range(found[0], found[0] + len(found))):
                yield f"{name}: the events of {id} lie at {found}"
    for request in installation.desks.requests:
        if request.answers:
            answer, found = decode(request.answers[0]), places[request.service].get(str(request.message.id), [0])
            if (answer.get("position") or 0) != found[-1]:
                yield f"{request} was answered {answer}, its events end at {found[-1]}"
            if answer.get("refused", {}).get("kind") == "fault":
                yield f"{request} failed by a fault of ours"


def one_holder(installation: Installation) -> Problems:
    """No item is in two rentals at any prefix of the log, from the request until it is free or can be lent again."""
    holder: dict[str, str] = {}
    for event in installation.disks["rentals"].events:
        if event.type not in ("rental.requested", "rental.cancelled", "rental.item_released"):
            continue
        data = decode(event.data)
        if event.type == "rental.requested":
            for item_id in (id_of(data["centre"], item["barcode"]) for item in data["items"]):
                if item_id in holder:
                    yield f"{item_id} went to {data['rental_id']} while {holder[item_id]} had it"
                holder[item_id] = data["rental_id"]
        else:
            for barcode in data.get("barcodes") or [data["barcode"]]:
                holder.pop(id_of(data["centre"], barcode), None)


def views_are_replayed(installation: Installation) -> Problems:
    """Every row of every view is what the events come to when they are replayed from the first one on."""
    for name, disk in installation.disks.items():
        replayed = _replayed(installation, disk)
        for projection in replayed.projections:
            row_type: Any = projection.row_type
            found = disk.rows.get(row_type, {})
            wanted = {getattr(row, row_type.KEY): encode(row) for row in replayed.rows(row_type)}
            for key in sorted(found.keys() | wanted.keys()):
                if found.get(key) != wanted.get(key):
                    row = found.get(key)
                    yield f"{name}.{row_type.VIEW} {key} is {row!r}, the events say {wanted.get(key)!r}"


def _replayed(installation: Installation, disk: Disk) -> ReplayedViews:
    views = ReplayedViews(disk.service, [projection.row_type for projection in disk.service.projections])
    for event in disk.events:
        views.own(event.type, event.schema, event.stream, event.version, event.data)
    for source in {projection.source for projection in views.projections} - {OWN}:
        for message in installation.disks[source].published:
            views.foreign(message)
    return views


def versions_are_dense(installation: Installation) -> Problems:
    """The versions of each stream are 1..n, in the order of the log."""
    for name, disk in installation.disks.items():
        last: Counter[str] = Counter()
        for event in disk.events:
            last[event.stream] += 1
            if event.version != last[event.stream]:
                yield f"{name}: {event.stream} has version {event.version} where {last[event.stream]} is due"


def everything_arrived(installation: Installation) -> Problems:
    """Every cursor is at its source's last event, every relay has published everything, no job and no event waits."""
    for name, disk in installation.disks.items():
        for source in disk.service.sources:
            position, head = disk.cursor(source).position, installation.disks[source].head
            if position != head:
                yield f"{name} has taken in {source} to {position} of {head}"
        if disk.relay_cursor != disk.head and not installation.broker_gone:
            yield f"{name} has published {disk.relay_cursor} of {disk.head}"
        if disk.jobs:
            yield f"{name} has jobs left: {[job.name for job in disk.jobs.values()]}"
        for parked in disk.parked.values():
            yield f"{name} has parked {parked.source} {parked.position} ({parked.stream}): {parked.error}"


def money_nets(installation: Installation) -> Problems:
    """The card terminal, the ledger and the rentals agree to the won; nothing is taken twice or kept wrongly."""
    billing = installation.disks["billing"]
    accounts = billing.all(Account)
    for centre in CENTRES:
        own = [account for account in accounts if account.centre == centre]
        debit, credit = sum(a.debit_krw for a in own), sum(a.credit_krw for a in own)
        if debit != credit:
            yield f"{centre}: debits of {debit}, credits of {credit}"
        receivable = sum(a.debit_krw - a.credit_krw for a in own if a.account == "terminal_receivable")
        if receivable != installation.terminal.net_krw(centre):
            yield f"{centre}: the ledger has {receivable}, the terminal {installation.terminal.net_krw(centre)}"
    payments = {payment.payment_id: payment for payment in billing.all(Payment)}
    for rental in installation.disks["rentals"].all(Rental):
        id = payment_id_of(rental.rental_id)
        booked, payment = installation.terminal.booked.get(id), payments.get(id)
        net = booked.amount_krw - booked.refunded_krw if booked and booked.number else 0
        owed = rental.fee_krw if rental.started_at else 0
        if net != owed:
            yield f"{rental.rental_id} ({rental.state}) owes {owed}, {net} was taken"
        if rental.fee_krw and (payment is None or (payment.state == "captured") != bool(rental.started_at)):
            yield f"{rental.rental_id} is {rental.state}, its payment {payment and payment.state}"
        if rental.state == "awaiting_payment":
            yield f"{rental.rental_id} still awaits its payment"
        if rental.state == "out" and rental.due_at <= installation.now and not rental.overdue:
            yield f"{rental.rental_id} was due at {rental.due_at} and is not overdue"


def told_once(installation: Installation) -> Problems:
    """Each occasion has one notice, no notice has no occasion, and what counts as sent is in the mailbox."""
    due = Counter(
        (decode(event.data)["rental_id"], TOLD[event.type])
        for event in installation.disks["rentals"].events
        if event.type in TOLD
    )
    queued: Counter[tuple[str, str]] = Counter()
    reminders: Counter[tuple[str, str]] = Counter()
    ids: dict[str, set[str]] = defaultdict(set)
    for event in installation.disks["notifications"].events:
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
    unseen = ids["notice.sent"] - set(installation.mailbox.letters)
    yield from (f"{id} counts as sent and is in no mailbox" for id in sorted(unseen))


def centres_are_apart(installation: Installation) -> Problems:
    """Nobody changes a thing of another centre: whoever names one is refused; what an event, a row or a job holds, and
    what caused it, is of one centre.
    """
    for request in installation.desks.requests:
        if request.foreign and request.answers and b'"refused"' not in request.answers[0]:
            yield f"{request} of another centre was answered {request.answers[0]!r}"
    centre_of: dict[str, bytes] = {}
    for name, disk in installation.disks.items():
        for event in disk.events:
            found, meta = {*CENTRE.findall(event.data)}, decode(event.meta)
            found |= {*CENTRE.findall(b'"%b."' % event.stream.partition("-")[2].encode())}
            found |= {actor["centre"].encode()} if (actor := meta["actor"]) and actor.get("centre") else set()
            if len(found) != 1:
                yield f"{name} {event.position} ({event.type}, {event.stream}) is of {sorted(found)}"
            centre_of[event.id] = min(found, default=b"")
        for row_type, rows in disk.rows.items():
            mixed = [key for key, row in rows.items() if len({*CENTRE.findall(row)}) > 1]
            yield from (f"{name}.{row_type.__name__} {key} holds things of two centres" for key in mixed)
    for name, disk in installation.disks.items():
        for event in disk.events:
            cause = decode(event.meta)["causation_id"]
            if cause and centre_of.get(cause) != centre_of[event.id]:
                yield f"{name} {event.position} ({event.type}) follows from {cause} of {centre_of.get(cause)!r}"


def reminded(installation: Installation) -> Problems:
    """Whoever has a rental out is reminded at the times that the house rules name, unless it is back by then."""
    notifications, rentals = installation.disks["notifications"], installation.disks["rentals"]
    due_on: dict[str, date] = {}
    back_at: dict[str, datetime] = {}
    for event in rentals.events:
        if event.type == "rental.started":
            data = decode(event.data)
            due_on[data["rental_id"]] = date.fromisoformat(data["due_on"])
        elif event.type == "rental.returned":
            back_at[decode(event.data)["rental_id"]] = event.at
    notices = [(e, decode(e.data)) for e in notifications.events if e.type in ("notice.queued", "notice.dropped")]
    told = {notice["notice_id"]: event for event, notice in notices}
    for event, receipt in notices:
        if receipt["topic"] != "receipt":
            continue
        centre: Any = notifications.one(Centre, receipt["centre"])
        rental_id = receipt["about"]
        times = [centre.instant(due_on[rental_id] - before, centre.remind_at) for before in REMINDERS.values()]
        promised = {each["notice_id"]: datetime.fromisoformat(each["due_at"]) for each in receipt["reminders"]}
        if sorted(promised.values()) != sorted(at for at in times if at > event.at):
            yield f"{rental_id} is due on {due_on[rental_id]} and has reminders at {sorted(promised.values())}"
        for id, at in promised.items():
            reminder = told.get(id)
            if reminder is None or reminder.at < at:
                yield f"{rental_id}: the reminder of {at} was told {reminder and reminder.at}"
            elif reminder.type == "notice.dropped" and not back_at.get(rental_id, LATE) <= reminder.at + SKEW:
                yield f"{rental_id}: the reminder of {at} was dropped, it came back {back_at.get(rental_id)}"


OF_COMMANDS = [answered, carried_out_once, one_holder]
OF_STATE = [
    centres_are_apart,
    views_are_replayed,
    versions_are_dense,
    everything_arrived,
    money_nets,
    told_once,
    reminded,
]
CHECKS = [*OF_COMMANDS, *OF_STATE]
