"""Bugs that other systems have had, planted one at a time: the simulation must catch each of them."""
