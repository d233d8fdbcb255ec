"""Which tests pass which line, and how long each takes: from one run of the suites, kept until a file changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drills.mutation.mutants import SOURCES, Mutant
from drills.mutation.project_copy import ProjectCopy

SUITES = ("tests/unit", "tests/contract", "tests/integration")
LEFT_OUT = ("tests/integration/test_installation.py", "tests/integration/test_bench.py")  # they run none of the sources
PATIENCE = 1800.0
# What runs in a process of its own, where nothing is traced: the tests that start it.
ELSEWHERE = {
    "services/chassis/process/": ("tests/journeys/test_main_job.py", "tests/journeys/test_operations.py"),
    "services/chassis/cli.py": ("tests/journeys/test_operations.py",),
}


@dataclass(frozen=True)
class Traces:
    """What a traced run of the suites told."""

    seconds: Mapping[str, float]
    lines: Mapping[str, Mapping[str, list[str]]]
    broken: list[str]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """The tests that may object to a mutant, fast files first."""
        if mutant.file.endswith(".sql"):
            return self._in_order(self._of_file("services/chassis/eventstore/store.py"))
        passed = self.lines.get(mutant.file, {})
        found = {test for line in mutant.lines for test in passed.get(str(line), ())}
        at_import = found == {""}
        tests = self._in_order(self._of_file(mutant.file) if at_import else found)
        return [*tests, *(test for place, more in ELSEWHERE.items() if mutant.file.startswith(place) for test in more)]

    def _of_file(self, file: str) -> set[str]:
        return {test for tests in self.lines.get(file, {}).values() for test in tests}

    def _in_order(self, tests: Iterable[str]) -> list[str]:
        known = [test for test in tests if test in self.seconds and test not in self.broken]
        files: dict[str, float] = {}
        for test in known:
            file = test.partition("::")[0]
            files[file] = files.get(file, 0.0) + self.seconds[test]
        return sorted(known, key=lambda test: (SUITES.index(_suite(test)), files[test.partition("::")[0]], test))


def _suite(test: str) -> str:
    return next(suite for suite in SUITES if test.startswith(suite))


def traces(copy: ProjectCopy, kept: Path) -> Traces:
    """The traces of these sources and tests: what was kept, or what a run tells now."""
    digest = hashlib.sha256()
    for base in ("services", "gateway", "tests", "deploy"):
        for file in sorted((copy.tree / base).rglob("*")):
            if file.suffix in (".py", ".sql", ".toml"):
                digest.update(f"{file.relative_to(copy.tree)}\n".encode() + file.read_bytes())
    name = digest.hexdigest()
    if kept.exists() and (told := json.loads(kept.read_text()))["of"] == name:
        return Traces(told["seconds"], told["lines"], told["broken"])
    suites = [
        str(file.relative_to(copy.tree))
        for suite in SUITES
        for file in sorted((copy.tree / suite).rglob("test_*.py"))
        if str(file.relative_to(copy.tree)) not in LEFT_OUT
    ]
    ended = copy.trace(suites, SOURCES, PATIENCE)
    if not ended.seconds:
        raise RuntimeError(f"The suites could not be run: {ended}")
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps({"of": name, "seconds": ended.seconds, "lines": ended.lines, "broken": ended.failed}))
    return traces(copy, kept)
