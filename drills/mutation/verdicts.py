"""What becomes of each mutant, and the list of survivors that are accepted."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from drills.mutation.mutants import Mutant
from drills.mutation.project_copy import SERVERS_OF, Ended, ProjectCopy, spread
from drills.mutation.traces import Traces

ACCEPTED = Path(__file__).with_name("accepted.toml")
KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"
NO_COVERAGE, UNSETTLED, EQUAL = "no coverage", "unsettled", "accepted"
ENOUGH = 60.0  # seconds of tests for one mutant; those behind are left out
SLOWER = 3.0  # times what the tests usually take, and then it hangs
START = 30.0  # seconds for what comes before the first test
WHOLE = 600.0  # seconds for the tests of a whole installation


@dataclass(frozen=True)
class Verdict:
    """A mutant, what became of it, and the test that objected."""

    mutant: Mutant
    became: str
    by: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {**{k: v for k, v in asdict(self.mutant).items() if k != "text"}, "became": self.became, "by": self.by}


@dataclass
class Report:
    """All verdicts; of the survivors those that are accepted count neither way."""

    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """How many became what."""
        return Counter(verdict.became for verdict in self.verdicts)

    @property
    def score(self) -> float:
        """Percent of the mutants, without the accepted ones, that a test objects to."""
        counts = self.counts
        counted = counts.total() - counts[EQUAL]
        return 100.0 * (counts[KILLED] + counts[TIMEOUT]) / counted if counted else 100.0

    @property
    def survivors(self) -> list[Verdict]:
        """Those that nobody objects to, by file."""
        found = [verdict for verdict in self.verdicts if verdict.became in (SURVIVED, NO_COVERAGE, UNSETTLED)]
        return sorted(found, key=lambda verdict: (verdict.mutant.file, verdict.mutant.lines))


def accepted(file: Path = ACCEPTED) -> dict[tuple[str, str, str], str]:
    """The survivors that are accepted, each with the reason why it is equal or harmless."""
    listed = tomllib.loads(file.read_text())["mutant"]
    return {(each["file"], each["was"], each["becomes"]): each["reason"] for each in listed}


def judge(copy: ProjectCopy, mutant: Mutant, traces: Traces) -> Verdict:
    """Write the mutant into the copy, and run the tests that may object to it."""
    tests = list(_enough(traces.tests_for(mutant), traces))
    if not tests:
        return Verdict(mutant, NO_COVERAGE)
    patience = START + SLOWER * sum(traces.seconds.get(test, WHOLE / SLOWER) for test in tests)
    for _ in range(2):
        with copy.written({mutant.file: mutant.text}):
            ended = copy.run(tests, patience)
        if ended.passed:
            return Verdict(mutant, SURVIVED)
        if not _of_servers(ended) or copy.run(ended.failed, patience).passed:
            by = ended.failed[0] if ended.failed else f"exit code {ended.code}"
            return Verdict(mutant, TIMEOUT if ended.timeout else KILLED, by)
        copy.renew()  # the test fails without the mutant, too: an earlier one left something behind
    return Verdict(mutant, UNSETTLED, ended.failed[0])


def _enough(tests: Sequence[str], traces: Traces) -> Iterator[str]:
    spent = 0.0
    for test in tests:
        if spent > ENOUGH:
            return
        spent += traces.seconds.get(test, 0.0)
        yield test


def _of_servers(ended: Ended) -> bool:
    return any(test.startswith(SERVERS_OF) and "::" in test for test in ended.failed)


def judged(
    mutants: Sequence[Mutant], traces: Traces, copies: Sequence[ProjectCopy], say: Callable[[Verdict], None]
) -> Report:
    """The verdicts on all of them, in each copy one at a time."""
    known = accepted()

    def one(copy: ProjectCopy, mutant: Mutant) -> Verdict:
        verdict = judge(copy, mutant, traces)
        if verdict.became in (SURVIVED, NO_COVERAGE) and mutant.key in known:
            verdict = Verdict(mutant, EQUAL, known[mutant.key])
        say(verdict)
        return verdict

    return Report(spread(one, mutants, copies))
