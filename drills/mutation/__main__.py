"""``./nanum mutate``: a sample of all mutants, two at a time, each against the tests that pass its lines."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from deploy.local.config import ROOT
from drills.mutants.planted import each_caught, listed
from drills.mutation.mutants import sample
from drills.mutation.project_copy import ProjectCopy
from drills.mutation.traces import traces
from drills.mutation.verdicts import Report, Verdict, judged

SIMULATED = "./nanum test tests/drills/test_mutants.py"
KEPT = ROOT / ".mutation"
out = Console(highlight=False, soft_wrap=True, markup=False)


@click.command()
@click.option("--sample", "size", default=500, show_default=True, help="How many mutants.")
@click.option("--seed", default=1, show_default=True, help="Which ones are drawn.")
@click.option("--only", default="", help="Only of files with this in their name.")
@click.option("--workers", default=2, show_default=True, help="How many at a time, each with servers of its own.")
@click.option("--at-least", default=0.0, help="The score in percent below which the exit code is 1.")
@click.option("--planted", is_flag=True, help="Instead: is each planted bug caught by the tests that it names?")
@click.option("--json", "file", type=click.Path(path_type=Path), default=KEPT / "report.json", show_default=True)
def mutate(size: int, seed: int, only: str, workers: int, at_least: float, planted: bool, file: Path) -> None:
    """Change the code at one place at a time, and see whether a test objects."""
    if planted:
        sys.exit(plant(workers, only))
    began = time.monotonic()
    mutants = sample(ROOT, size, seed, only)
    with ExitStack() as stack:
        running = [stack.enter_context(ProjectCopy()) for _ in range(min(workers, len(mutants)))]
        for copy in running:
            copy.serve()  # here, for the servers end with the thread that started them
        known = traces(running[0], KEPT / "traces.json")
        for test in known.broken:
            out.print(f"fails without a mutant, and is left out: {test}")
        report = judged(mutants, known, running, say)
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps([verdict.told() for verdict in report.verdicts], indent=1))
    show(report, time.monotonic() - began)
    sys.exit(report.score < at_least)


def plant(workers: int, only: str) -> bool:
    """Plant the bugs of the files with ``only`` in their name; whether one was missed."""
    bugs = [bug for bug in listed() if only in bug.file]
    with ExitStack() as stack:
        running = [stack.enter_context(ProjectCopy()) for _ in range(workers)]
        for copy in running:
            copy.serve()
        missed = each_caught(running, bugs, out.print)
    out.print(
        f"{len(bugs) - len(missed)} of {len(bugs)} planted bugs were caught; {SIMULATED} has those of the simulation."
    )
    return bool(missed)


def say(verdict: Verdict) -> None:
    """One line for each, as it comes."""
    out.print(f"{verdict.became:12} {verdict.mutant.file}:{verdict.mutant.lines[-1]} {verdict.by}")


def show(report: Report, seconds: float) -> None:
    """The survivors, the numbers, the score."""
    for verdict in report.survivors:
        out.print(f"\n{verdict.became}: {verdict.mutant}")
    table = Table("became", "mutants", box=None)
    for became, number in report.counts.most_common():
        table.add_row(became, str(number))
    out.print(table)
    out.print(f"{len(report.verdicts)} mutants in {seconds:.0f} s: {report.score:.1f} %")


if __name__ == "__main__":
    mutate(prog_name="./nanum mutate")
