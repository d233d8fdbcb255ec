"""Decisions about items: register, make ready, receive from a rental, damage, lose, retire."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, make, reads
from services.contracts.base import id_of, within
from services.contracts.inventory import commands
from services.contracts.inventory.words import Cause, ReadyReason
from services.inventory.catalogue.model import Category, CategoryUnknown
from services.inventory.items import model
from services.inventory.items.model import Finding, Item, RentedOut
from services.inventory.repairs.model import RepairOpened

reads_item = reads(lambda command: [(Item, command.item_id)])
reads_item_and_rental = reads(lambda command: [(Item, command.item_id), (RentedOut, command.item_id)])


def _known(read: StateReader, item_id: str) -> Item:
    item = read(Item, item_id)
    if item is None:
        raise model.ItemNotRegistered(barcode=within(item_id))
    return item


def _at_the_centre(read: StateReader, item_id: str) -> Item:
    item, rented_out = _known(read, item_id), read(RentedOut, item_id)
    if rented_out and item.state == "ready":
        raise model.ItemIsOut(barcode=item.barcode, rental_id=rented_out.rental_id)
    return item


@reads(lambda command: [(Item, command.item_id), (Category, id_of(command.centre, command.category))])
def register(command: commands.RegisterItem, read: StateReader, now: datetime) -> list[Any]:
    """Enter a barcode once in its centre; the same item again changes nothing."""
    item = read(Item, command.item_id)
    if item and item.category == command.category:
        return []
    if item:
        raise model.BarcodeTaken(barcode=command.barcode)
    if read(Category, id_of(command.centre, command.category)) is None:
        raise CategoryUnknown(category=command.category)
    return [model.ItemRegistered(**vars(command))]


@reads_item
def make_ready(command: commands.MakeItemReady, read: StateReader, now: datetime) -> list[Any]:
    """Make a prepared, cleaned, found or repaired item ready; the event says which of these it was."""
    item = _known(read, command.item_id)
    match item.state:
        case "ready":
            return []
        case "damaged" | "repair" | "retired":
            raise model.ItemCannot(barcode=item.barcode, state=item.state)
        case "cleaning":
            return [_made_ready(item, "cleaned")]
        case "lost":
            return [_made_ready(item, "found")]
    if item.repair_id:
        return [_made_ready(item, "repaired")]
    return [_made_ready(item, "cleaned" if item.last_rental else "new")]


def _made_ready(item: Item, reason: ReadyReason) -> model.ItemMadeReady:
    repair_id = item.repair_id if reason == "repaired" else None
    return make(model.ItemMadeReady, item, reason=reason, after_rental=item.last_rental, repair_id=repair_id)


@reads_item_and_rental
def report_damage(command: commands.ReportDamage, read: StateReader, now: datetime) -> list[Any]:
    """Take the item out of lending and open its repair."""
    item = _at_the_centre(read, command.item_id)
    if item.state == "damaged":
        return []
    if item.state not in ("ready", "preparing", "cleaning", "lost"):
        raise model.ItemCannot(barcode=item.barcode, state=item.state)
    return _damaged(item, None, command.cause, now)


def _damaged(item: Item, rental_id: str | None, cause: Cause, now: datetime) -> list[Any]:
    about: dict[str, Any] = {"centre": item.centre, "barcode": item.barcode, "rental_id": rental_id, "cause": cause}
    return [
        model.ItemDamaged(**about, category=item.category),
        RepairOpened(**about, repair_id=model.repair_id(item), opened_at=now),
    ]


@reads_item_and_rental
def report_lost(command: commands.ReportLost, read: StateReader, now: datetime) -> list[Any]:
    """Take an item that can't be found out of lending."""
    item = _at_the_centre(read, command.item_id)
    if item.state == "lost":
        return []
    if item.state == "retired":
        raise model.ItemCannot(barcode=item.barcode, state=item.state)
    return [make(model.ItemLost, item, rental_id=None)]


@reads_item_and_rental
def retire(command: commands.RetireItem, read: StateReader, now: datetime) -> list[Any]:
    """Take the item out of the books for good."""
    item = _at_the_centre(read, command.item_id)
    return [] if item.state == "retired" else [make(model.ItemRetired, item)]


@reads_item
def receive(command: model.ReceiveItem, read: StateReader, now: datetime) -> list[Any]:
    """Sort an item that came back: to repair, to be completed, to be cleaned, or ready. One rental returns it once."""
    item, found = _known(read, command.item_id), _finding(command)
    if item.last_rental == command.rental_id and item.found != found:
        was, now_said = (item.found or found).condition, found.condition
        raise model.ItemReceivedOtherwise(barcode=item.barcode, rental_id=command.rental_id, was=was, now=now_said)
    if item.last_rental == command.rental_id or item.state == "retired":
        return []
    about: dict[str, Any] = {"centre": item.centre, "barcode": item.barcode, "rental_id": command.rental_id}
    if command.condition == "damaged":
        return _damaged(item, command.rental_id, command.cause or "wear", now)
    if command.condition == "lost":
        return [model.ItemLost(**about, category=item.category)]
    if command.missing:
        return [model.ItemReturnedIncomplete(**about, missing=command.missing)]
    if command.condition == "dirty":  # rests until somebody has cleaned it
        return [model.ItemCleaningStarted(**about, category=item.category, missing=(), until=None)]
    until = command.ready_from or now
    rests = model.ItemCleaningStarted(**about, category=item.category, missing=(), until=until)
    if command.ready_from:
        return [rests]
    return [rests, _made_ready(model.evolve(item, rests) or item, "cleaned")]


def _finding(command: model.ReceiveItem) -> Finding:
    """What is told again when the same item is received again from the same rental."""
    if command.condition == "damaged":
        return Finding(condition="damaged", cause=command.cause or "wear")
    if command.condition == "lost":
        return Finding(condition="lost")
    return (
        Finding(condition="good", missing=command.missing) if command.missing else Finding(condition=command.condition)
    )


@reads_item
def finish_cleaning(command: model.FinishCleaning, read: StateReader, now: datetime) -> list[Any]:
    """Make the item ready, unless it was damaged, lost or lent again since the buffer began."""
    item = read(Item, command.item_id)
    if item is None or item.state != "cleaning" or item.last_rental != command.rental_id:
        return []
    return [_made_ready(item, "cleaned")]
