"""Inventory: what the centre owns. Start at service.py."""
