"""Inventory's items and categories, as far as lending needs them."""

from services.chassis.service import Capability
from services.rentals.inventory_items.projections import PROJECTIONS

CAPABILITY = Capability(name="inventory_items", projections=PROJECTIONS)
