"""Billing: who owes what and what was paid. Start at service.py."""
