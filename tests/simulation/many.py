"""Many seeds, over a few operating system processes; what failed is told with the command that plays it again."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence

from tests.simulation.play import Outcome, Play

REPLAY = "python -m tests.simulation --replay {seed}"


def play(seed: int) -> Outcome:
    """One history."""
    return Play(seed).run()


def many(seeds: Sequence[int], processes: int = 2, shown: int = 3) -> bool:
    """Play all of them; whether no check objects to any."""
    began, failed, count = time.monotonic(), 0, Counter[str]()
    faults: Counter[str] = Counter()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for outcome in pool.imap_unordered(play, seeds, chunksize=20):
            count.update(seeds=1, steps=outcome.steps, commands=outcome.commands)
            faults.update(outcome.faults)
            if outcome.problems:
                failed += 1
                if failed <= shown:
                    print(story(outcome), flush=True)
    seconds = time.monotonic() - began
    print(
        f"{count['seeds']} seeds, {count['commands']} commands, {faults.total()} faults of {len(faults)} kinds,"
        f" {count['steps']} steps in {seconds:.0f} s: {failed} failed"
    )
    return not failed


def story(outcome: Outcome) -> str:
    """What failed, and how to see it again."""
    told = "\n".join(f"  {problem[:600]}" for problem in outcome.problems[:5])
    more = f"\n  and {len(outcome.problems) - 5} more" if len(outcome.problems) > 5 else ""
    return f"seed {outcome.seed} failed:\n{told}{more}\n  again: {REPLAY.format(seed=outcome.seed)}"
