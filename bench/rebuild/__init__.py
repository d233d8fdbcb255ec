"""Rebuilding the views of rentals from their events: `python -m bench.rebuild`."""
