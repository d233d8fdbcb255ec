"""The desk's scanner: what a barcode is, who has it, and what can be done next."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.api.views import Scan, Scanned
from gateway.http.auth import MANAGER, STAFF
from gateway.http.request import RequestContext, or_none
from gateway.http.response import Response
from gateway.http.route import Routes
from services.contracts.inventory.queries import Category, Item
from services.contracts.inventory.words import ItemState
from services.contracts.rentals.queries import Holder
from services.contracts.rentals.words import HolderState

routes = Routes("desk")

# What an item's state allows while no rental has it. `held` and `out` allow nothing: its rental does.
BY_ITEM_STATE: dict[ItemState, tuple[str, ...]] = {
    "preparing": ("make_ready", "report_damage", "report_lost", "retire"),
    "ready": ("lend", "report_damage", "report_lost", "retire"),
    "cleaning": ("make_ready", "report_damage", "report_lost", "retire"),
    "damaged": ("send_repair", "report_lost", "retire"),
    "repair": ("return_repair", "report_lost", "retire"),
    "lost": ("make_ready", "report_damage", "retire"),
}
# What the rental that has it allows. One that is `checking` has given it back: inventory's state decides.
BY_HOLDER_STATE: dict[HolderState, tuple[str, ...]] = {"held": ("await_payment",), "out": ("return",)}
MANAGERS_ONLY = frozenset({"retire"})


class ItemFields(msgspec.Struct):
    """What the scanner needs to know of an item."""

    state: ItemState
    category: str


class HolderFields(msgspec.Struct):
    """What the scanner needs to know of the rental that has an item."""

    state: HolderState


def actions(item_state: ItemState, holder_state: HolderState | None, role: str | None) -> list[str]:
    """What can be done next with an item.

    The rental that has it comes first: rentals decides who has an item, and inventory's state follows a moment later.
    """
    allowed = BY_HOLDER_STATE.get(holder_state or "checking", BY_ITEM_STATE.get(item_state, ()))
    return [action for action in allowed if role == MANAGER or action not in MANAGERS_ONLY]


@routes.post("/v1/desk/scan", who=STAFF, body=Scan, key="none", answer=Scanned)
async def scan(context: RequestContext) -> Response:
    """Say what a scanned barcode is, who has it, and what can be done next."""
    barcode = context.body["barcode"]
    item, holder = await asyncio.gather(
        context.ask(Item, barcode=barcode), or_none(context.ask(Holder, barcode=barcode))
    )
    known = item.peek(ItemFields)
    category = await or_none(context.ask(Category, code=known.category))
    next_steps = actions(known.state, None if holder is None else holder.peek(HolderFields).state, context.caller.role)
    found = {"item": item, "category": category, "holder": holder}
    shown = {name: None if each is None else msgspec.Raw(each.body) for name, each in found.items()}
    return Response.json({**shown, "actions": next_steps})
