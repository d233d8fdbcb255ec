"""Decisions about repairs: to the maker and back."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, make, reads
from services.contracts.inventory.commands import ReturnRepair, SendRepair
from services.inventory.items import model as items  # as a module, since items fold the events of repairs
from services.inventory.repairs import model
from services.inventory.repairs.model import Repair


def _known(read: StateReader, repair_id: str) -> Repair:
    repair = read(Repair, repair_id)
    if repair is None:
        raise model.RepairUnknown(repair_id=repair_id)
    return repair


@reads(lambda command: [(Repair, command.repair_id)])
def send(command: SendRepair, read: StateReader, now: datetime) -> list[Any]:
    """Hand the item to its maker; a repair is sent once."""
    repair = _known(read, command.repair_id)
    if repair.state == "sent":
        return []
    if repair.state != "open":
        raise model.RepairNotSendable(repair_id=command.repair_id, state=repair.state)
    return [model.RepairSent(centre=repair.centre, barcode=repair.barcode, sent_at=now, **vars(command))]


@reads(lambda command: [(Repair, command.repair_id), (items.Item, items.item_id_of(command.repair_id))])
def take_back(command: ReturnRepair, read: StateReader, now: datetime) -> list[Any]:
    """Take the item back from its maker: mended, it is prepared to be lent again; otherwise it is retired."""
    repair = _known(read, command.repair_id)
    if repair.state == ("mended" if command.mended else "scrapped"):
        return []
    if repair.state not in ("open", "sent"):
        raise model.RepairNotReturnable(repair_id=command.repair_id, state=repair.state)
    about: dict[str, Any] = {"centre": repair.centre, "barcode": repair.barcode}
    returned = model.RepairReturned(**about, rental_id=repair.rental_id, returned_at=now, **vars(command))
    item = read(items.Item, items.item_id_of(command.repair_id))
    return [returned] if command.mended or item is None else [returned, make(items.ItemRetired, item)]
