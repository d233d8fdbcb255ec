"""Rebuilding the views of rentals from their facts: `python -m bench.rebuild`."""
