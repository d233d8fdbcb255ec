"""``./nanum simulate --seeds 10000``: many histories, two at a time; ``--replay 17`` tells one of them."""

import sys
import warnings

import click

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet announces its retirement
    from drills.simulation.many import history, many, story


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many histories.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--processes", default=2, show_default=True, help="How many at a time.")
@click.option("--replay", type=int, help="Tell the history of this seed, step by step.")
def simulate(seeds: int, first: int, processes: int, replay: int | None) -> None:
    """Simulate the centre under faults, one history for each seed; the exit code is 1 if a check objects to one."""
    if replay is not None:
        outcome = history(replay, tell=True).run()
        print("\n".join(outcome.problems) or "no objection", outcome.trace, sep="\n")
        sys.exit(bool(outcome.problems))
    report = many(range(first, first + seeds), processes)
    for outcome in sorted(report.failed, key=lambda outcome: outcome.seed)[:5]:
        print(story(outcome))
    print(report)
    sys.exit(bool(report.failed))


if __name__ == "__main__":
    simulate(prog_name="./nanum simulate")
