"""Inventory: the catalogue, items, repairs. What crosses its border."""
