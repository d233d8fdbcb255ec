"""Many seeds, over a few operating system processes; what failed is told with the command that plays it again."""

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from drills.simulation.play import Outcome, Play
from drills.simulation.rewound import Rewound

REWOUND = 15  # one history in so many
TIDY_EVERY = 50  # histories; collecting garbage all the time costs a tenth of it


@dataclass
class Report:
    """What many histories came to."""

    seeds: int = 0
    steps: int = 0
    commands: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.seeds += 1
        self.steps += outcome.steps
        self.commands += outcome.commands
        self.faults.update(outcome.faults)
        self.crashes.update(outcome.crashes)
        if outcome.problems:
            self.failed.append(outcome)

    def __str__(self) -> str:
        return (
            f"{self.seeds} seeds, {self.commands} commands, {self.faults.total()} faults of {len(self.faults)} kinds,"
            f" crashes at {len(self.crashes)} points, {self.steps} steps in {self.seconds:.0f} s:"
            f" {len(self.failed)} failed"
        )


def history(seed: int, *, tell: bool = False) -> Play:
    """The history of a seed; in some of them a log goes back."""
    return (Rewound if seed % REWOUND == REWOUND - 1 else Play)(seed, tell=tell)


def play(seed: int) -> Outcome:
    """One history."""
    try:
        return history(seed).run()
    finally:
        if seed % TIDY_EVERY == 0:
            gc.collect()


def many(seeds: Sequence[int], processes: int = 2) -> Report:
    """Play all of them."""
    began, report = time.monotonic(), Report()
    with multiprocessing.get_context("spawn").Pool(processes, gc.disable) as pool:
        for outcome in pool.imap_unordered(play, seeds, chunksize=10):
            report.add(outcome)
    report.seconds = time.monotonic() - began
    return report


def story(outcome: Outcome) -> str:
    """What failed, and how to see it again."""
    told = "\n".join(f"  {problem[:600]}" for problem in outcome.problems[:5])
    more = f"\n  and {len(outcome.problems) - 5} more" if len(outcome.problems) > 5 else ""
    return f"seed {outcome.seed} failed:\n{told}{more}\n  again: ./nanum simulate --replay {outcome.seed}"
