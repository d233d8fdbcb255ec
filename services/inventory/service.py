"""Inventory as a sum of its capabilities."""

from services.chassis.service import Service
from services.inventory import catalogue, items, repairs

SERVICE = Service("inventory", catalogue.CAPABILITY, items.CAPABILITY, repairs.CAPABILITY)
