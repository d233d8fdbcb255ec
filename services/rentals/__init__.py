"""Rentals: who has what until when. Start at service.py."""
