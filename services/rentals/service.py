"""Rentals: the sum of its capabilities."""

from services.chassis.service import Service
from services.rentals import checkout, house_rules, inventory_items, residents, returns

SERVICE = Service(
    "rentals",
    house_rules.CAPABILITY,
    residents.CAPABILITY,
    inventory_items.CAPABILITY,
    checkout.CAPABILITY,
    returns.CAPABILITY,
)
