"""The drill as a command: plays it, says what came of it, writes the report where it is wanted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore", message=r"(?s).*Eventlet is deprecated.*")

from deploy.local import InstallationError  # noqa: E402
from tests.chaos import report  # noqa: E402
from tests.chaos.faults import KINDS  # noqa: E402
from tests.chaos.run import Plan, new_seed, play  # noqa: E402


def main(output: Path, published: Path | None, options: dict[str, Any], say: Callable[[str], None]) -> int:
    """Play the drill of the options of `./nanum chaos`; 0 when every promise was kept, else 1."""
    unknown = set(options["kinds"]) - KINDS.keys()
    if unknown:
        raise InstallationError(f"There is no fault {sorted(unknown)[0]!r}: use {', '.join(sorted(KINDS))}.")
    plan = Plan(**{**options, "seed": options["seed"] or new_seed()})
    say(f"seed {plan.seed}")
    result = play(plan, output, say)
    if published:
        report.write(result, published)
    totals, damage = result["totals"], result["damage"]
    say(f"{result['faults']} faults of {result['kinds']} kinds, {totals['acknowledged']} commands acknowledged")
    say(", ".join(f"{name.replace('_', ' ')} {number}" for name, number in damage.items()))
    for name, check in result["checks"].items():
        for example in check["examples"]:
            say(f"[red]{name}[/]: {example}")
    for error in result["errors_of_the_drill"]:
        say(f"[red]the drill itself failed[/]: {error}")
    say(f"the report is in {published or output}")
    return 0 if result["passed"] else 1
