"""Rentals: residents' membership, rentals, house rules. What crosses its border."""
