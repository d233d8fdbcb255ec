"""``./nanum chaos``: plays the drill, says what came of it, writes the report where it is wanted."""

import random
import re
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated.*")

from deploy.local import InstallationError  # noqa: E402
from drills.chaos import report  # noqa: E402
from drills.chaos.faults import KINDS  # noqa: E402
from drills.chaos.run import Plan, play  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
out = Console(highlight=False, soft_wrap=True)


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long the load is under fire.")
@click.option("--seed", type=int, help="The order of the draws; another one each time when none is given.")
@click.option("--faults", type=int, help="Stop after so many faults.")
@click.option("--kind", "kinds", multiple=True, help="Of these kinds alone; may be given several times.")
@click.option("--every", nargs=2, type=float, default=(1.9, 2.9), show_default=True, help="Seconds between two faults.")
@click.option("--pace", default=48.0, show_default=True, help="Commands per second, at most.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / ".chaos", show_default=".chaos")
@click.option("--publish", is_flag=True, help="Write the report to docs/ as well.")
@click.option("--restore", is_flag=True, help="Put a backup back under load at the end.")
@click.option("--alone", is_flag=True, help="Play each kind by itself for a minute, on an installation of its own.")
@click.option("--keep", is_flag=True, help="Keep the installation of the drill, to look at it.")
def chaos(output: Path, publish: bool, alone: bool, kinds: tuple[str, ...], seed: int | None, **options: Any) -> None:
    """Play faults against an installation of its own under load; the exit code is 1 if a promise was broken."""
    unknown = sorted(set(kinds) - KINDS.keys())
    if unknown:
        raise click.UsageError(f"There is no fault {unknown[0]!r}: use {', '.join(sorted(KINDS))}.")
    plan = Plan(kinds=kinds, seed=seed or random.randrange(1, 10**6), **options)
    say(f"seed {plan.seed}")
    if alone:
        sys.exit(0 if each_alone(plan, output) else 1)
    try:
        result = play(plan, output, say)
    except InstallationError as error:
        raise click.ClickException(str(error)) from None
    if publish:
        report.write(result, ROOT / "docs")
    summarize(result)
    say(f"the report is in {ROOT / 'docs' if publish else output}")
    sys.exit(0 if result["passed"] else 1)


def each_alone(plan: Plan, output: Path) -> bool:
    """Play each kind for a minute by itself; whether every promise was kept under each of them."""
    passed = {}
    for kind in plan.kinds or KINDS:
        say(f"{kind}, alone")
        result = play(replace(plan, kinds=[kind], minutes=1.0), output / re.sub(r"\W+", "-", kind))
        summarize(result)
        passed[kind] = result["passed"] and result["faults"] > 0
    failed = [kind for kind, kept in passed.items() if not kept]
    say(f"{len(passed)} kinds, each alone for a minute; {', '.join(failed) or 'none'} failed")
    return not failed


def summarize(result: dict[str, Any]) -> None:
    """Numbers, broken promises, and failures of the drill itself."""
    totals, damage = result["totals"], result["damage"]
    say(f"{result['faults']} faults of {result['kinds']} kinds, {totals['acknowledged']} commands acknowledged")
    say(", ".join(f"{name.replace('_', ' ')} {number}" for name, number in damage.items()))
    for name, check in result["checks"].items():
        for example in check["examples"]:
            say(f"[red]{name}[/]: {example}")
    for error in result["errors_of_the_drill"]:
        say(f"[red]the drill itself failed[/]: {error}")


def say(step: str) -> None:
    """Show one step."""
    out.print(f"[green]✓[/] {step}")


if __name__ == "__main__":
    chaos(prog_name="./nanum chaos")
