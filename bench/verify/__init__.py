"""Verifying the views of rentals of many centres: `python -m bench.verify`."""
