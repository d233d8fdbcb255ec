"""Our payments against the card terminal's: ``python -m services.billing.reconciliation``.

After a restore the terminal knows of payments that billing does not: money was taken that nobody would ever see. What
billing asked for and has not recorded is recorded; what it never asked for is given back; the rest is reported.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import click
import structlog

from services.billing.adapters.card_terminal import PaymentAnswer, Terminal, card_terminal
from services.billing.payments.model import Payment, RecordCapture, RecordRefund
from services.billing.service import SERVICE
from services.chassis.cli import feeds_of, subscribers_of
from services.chassis.commands.handler import Metadata, decide_own, follow_up, reads_of
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation import database
from services.chassis.foundation.settings import Settings
from services.chassis.process.runtime import clock
from services.chassis.service import RetryLater
from services.contracts.base import Actor, centre_of

log = structlog.get_logger()
INSTANTS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"]
RECORDED, GIVEN_BACK, DIFFERS = "recorded", "given back", "differs"
TAKEN = database.text("SELECT payment_id FROM payment WHERE approval_number IS NOT NULL AND settled_at >= %s")


@dataclass(frozen=True)
class Finding:
    """A payment that the terminal knew otherwise, and what was done; ``differs``: nothing, a person decides."""

    payment_id: str
    done: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.payment_id}: {self.done} (ours: {self.ours}; the terminal's: {self.theirs})"


def reconcile(store: PostgresStore, terminal: Terminal, since: datetime, now: datetime) -> Iterator[Finding]:
    """Compare every payment that is new or has changed since an instant. Raises what the terminal raises."""
    with store.reading.connection() as conn:
        unseen = {id for (id,) in conn.execute(TAKEN, (since,))}
    for theirs in terminal.payments(since):
        unseen.discard(theirs.id)
        with store.read([(Payment, theirs.id)]) as read:
            ours = read(Payment, theirs.id)
        if finding := _compared(store, terminal, ours, theirs, now):
            log.warning("payment_reconciled", payment_id=finding.payment_id, done=finding.done)
            yield finding
    for id in sorted(unseen):
        yield Finding(id, DIFFERS, "taken", "unknown, or unchanged since then")


def _compared(
    store: PostgresStore, terminal: Terminal, ours: Payment | None, theirs: PaymentAnswer, now: datetime
) -> Finding | None:
    said = f"{theirs.state}, {theirs.amount_krw} won, {theirs.refunded_krw} given back"
    if ours is None:
        if theirs.state not in ("approved", "pending"):
            return None
        terminal.cancel(theirs.id)
        return Finding(theirs.id, GIVEN_BACK, "never asked for", said)
    mine = f"{ours.state}, {ours.amount_krw} won, {ours.refunded_krw} given back"
    number = theirs.approval_number
    if (number and theirs.amount_krw != ours.amount_krw) or (number and ours.approval_number not in (None, number)):
        return Finding(theirs.id, DIFFERS, mine, said)
    if number and ours.state != "pending" and theirs.refunded_krw > ours.refunded_krw:
        record = RecordRefund(payment_id=ours.payment_id, approval_number=number, refunded_krw=theirs.refunded_krw)
        _record(store, record, now)
        return Finding(theirs.id, RECORDED, mine, said)
    if theirs.state == "approved" and number and ours.approval_number is None:
        _record(store, RecordCapture(payment_id=ours.payment_id, approval_number=number), now)
        return Finding(theirs.id, RECORDED, mine, said)
    kept = ours.state == "captured"
    if theirs.refunded_krw < ours.refunded_krw or (kept and not number):
        return Finding(theirs.id, DIFFERS, mine, said)
    return None


def _record(store: PostgresStore, found: RecordCapture | RecordRefund, now: datetime) -> None:
    cause = uuid5(NAMESPACE_URL, f"reconciliation:{found}")
    command = follow_up(
        SERVICE, cause, "found", found, Metadata(Actor(role="service", centre=centre_of(found.payment_id)))
    )
    with store.begin(reads=reads_of([command])) as uow:
        decide_own(uow, command, now)
        uow.commit()


@click.command()
@click.option("--since", type=click.DateTime(INSTANTS), help="30 days ago, if not given.")
@click.option(
    "--wait", default=60.0, show_default=True, help="Seconds in which billing may take in what was published."
)
def main(since: datetime | None, wait: float) -> None:
    """Compare our payments with the card terminal's; the exit code is 1 if a person has to decide about one."""
    settings, now = Settings.from_env(), clock()
    (subscribers, store), feeds = subscribers_of(SERVICE, settings), feeds_of(SERVICE, settings)
    deadline = time.monotonic() + wait
    # A rental that billing has yet to hear of will ask for its payment: it must not be taken for one that is lost.
    heads = {source: feed(subscribers[source].position()).head for source, feed in feeds.items()}

    def lags(source: str) -> bool:
        return any(m.position <= heads[source] for m in feeds[source](subscribers[source].position()).messages)

    while behind := [source for source in feeds if lags(source)]:
        if time.monotonic() > deadline:
            raise click.ClickException(f"billing has not taken in all of {', '.join(behind)} yet; try again later")
        time.sleep(0.5)
    since = since and (since if since.tzinfo else since.replace(tzinfo=UTC))
    try:
        found = list(reconcile(store, card_terminal(), since or now - timedelta(days=30), now))
    except RetryLater as away:
        raise click.ClickException(f"{away}; try again later") from None
    click.echo("\n".join(map(str, found)) or "our payments and the card terminal's are the same")
    sys.exit(1 if any(finding.done == DIFFERS for finding in found) else 0)


if __name__ == "__main__":
    main()
