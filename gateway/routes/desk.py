"""The desk's scanner: what a barcode is, who has it, and what can be done next."""

from __future__ import annotations

import asyncio

import msgspec

from gateway import answers
from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import MANAGER, STAFF
from gateway.route import Routes
from services.contracts.inventory import Category, Item
from services.contracts.rentals import Holder

routes = Routes("desk")

# What a unit's state allows while no rental has it.
BY_STATE = {
    "preparing": ("make_ready", "report_damage", "report_lost", "retire"),
    "ready": ("lend", "report_damage", "report_lost", "retire"),
    "cleaning": ("make_ready", "report_damage", "report_lost", "retire"),
    "damaged": ("send_repair", "report_lost", "retire"),
    "repair": ("return_repair", "report_lost", "retire"),
    "lost": ("make_ready", "report_damage", "retire"),
}
# What the rental that has it allows.
BY_HOLDER = {"awaiting_payment": ("await_payment",), "out": ("return",)}
MANAGERS_ONLY = frozenset({"retire"})


class Scan(Item):
    """A barcode as the scanner read it."""


class Unit(msgspec.Struct):
    """What the scanner needs to know of a unit."""

    state: str
    category: str


class Held(msgspec.Struct):
    """What the scanner needs to know of the rental that has a unit."""

    state: str


def actions(item_state: str, holder_state: str | None, role: str | None) -> list[str]:
    """What can be done next with a unit.

    The rental that has it comes first: rentals decides who has a unit, and inventory's state follows a moment later.
    """
    allowed = BY_STATE.get(item_state, ()) if holder_state is None else BY_HOLDER.get(holder_state, ())
    return [action for action in allowed if role == MANAGER or action not in MANAGERS_ONLY]


@routes.post("/v1/desk/scan", who=STAFF, body=Scan, key="none", answer=answers.Scanned)
async def scan(ask: Ask) -> Answer:
    """Say what a scanned barcode is, who has it, and what can be done next."""
    barcode = ask.body["barcode"]
    item, holder = await asyncio.gather(
        ask.query_for(Item, barcode=barcode), ask.query_or_none(Holder, barcode=barcode)
    )
    unit = ask.here(item, "item").peek(Unit)
    category = await ask.query_or_none(Category, centre=ask.who.centre, code=unit.category)
    next_steps = actions(unit.state, None if holder is None else holder.peek(Held).state, ask.who.role)
    rows = {"item": item, "category": category, "holder": holder}
    shown = {name: None if row is None else msgspec.Raw(row.body) for name, row in rows.items()}
    return Answer.made({**shown, "actions": next_steps})
