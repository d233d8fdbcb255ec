"""`POST /v1/rentals` against pgbench running the same SQL: `python -m bench.rentals`."""
