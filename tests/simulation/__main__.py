"""``python -m tests.simulation --seeds 10000``: many histories, side by side; ``--replay 17`` tells one of them."""

from __future__ import annotations

import sys

import click

from tests.simulation.many import many
from tests.simulation.play import Play


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many histories.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--processes", default=2, show_default=True, help="How many at a time.")
@click.option("--replay", type=int, help="Tell the history of this seed, step by step.")
def simulate(seeds: int, first: int, processes: int, replay: int | None) -> None:
    """Simulate the centre under faults, one history for each seed; the exit code is 1 when a check objects."""
    if replay is not None:
        outcome = Play(replay, tell=True).run()
        print("\n".join(outcome.problems) or "no objection", outcome.trace, sep="\n")
        sys.exit(bool(outcome.problems))
    sys.exit(not many(range(first, first + seeds), processes))


if __name__ == "__main__":
    simulate()
