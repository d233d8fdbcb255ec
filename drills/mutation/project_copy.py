"""A copy of the project that mutants are written into, servers of its own, and a warm process for the tests."""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from deploy.local import Installation
from deploy.local.config import ROOT, SERVERS

Thing = TypeVar("Thing")
Result = TypeVar("Result")
NO_TESTS = pytest.ExitCode.NO_TESTS_COLLECTED
SERVERS_OF = ("tests/integration", "tests/journeys")  # the tests that need Postgres and RabbitMQ


@dataclass
class Ended:
    """What became of a run of tests."""

    failed: list[str]
    timeout: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)
    lines: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    code: int = 0
    died: bool = False

    @property
    def passed(self) -> bool:
        """Whether no test objects; one that is no longer there does not."""
        return not (self.failed or self.timeout or self.code not in (pytest.ExitCode.OK, NO_TESTS))


class ProjectCopy:
    """One of these works on one mutant at a time. Use it as a context; what it made is gone afterwards."""

    def __init__(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="nanum-mutation-"))
        self._place.chmod(0o711)
        self.tree = self._place / "tree"
        self._servers: Installation | None = None
        self._warm: subprocess.Popen[str] | None = None

    def __enter__(self) -> ProjectCopy:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        # By their content, for a mutant may be as old and as long as what it replaces.
        checked = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(self.tree, quiet=1, invalidation_mode=checked)
        return self

    def __exit__(self, *_: object) -> None:
        if self._warm:
            assert self._warm.stdin
            self._warm.stdin.close()
            self._warm.wait()
        if self._servers:
            self._servers.remove()
        shutil.rmtree(self._place, ignore_errors=True)

    def serve(self) -> None:
        """Have the servers run, those that a test left stopped, too."""
        self._servers = self._servers or Installation(self._place / "home", profile="test")
        self._servers.up(only=set(SERVERS))

    def renew(self) -> None:
        """Take away what a mutant left at the servers."""
        if self._servers:
            self._servers.remove()
        self.serve()

    @contextmanager
    def written(self, texts: Mapping[str, str]) -> Iterator[None]:
        """The files with other texts for a while."""
        before = {file: (self.tree / file).read_text() for file in texts}
        try:
            for file, text in texts.items():
                (self.tree / file).write_text(text)
            yield
        finally:
            for file, text in before.items():
                (self.tree / file).write_text(text)

    def run(self, tests: Collection[str], patience: float) -> Ended:
        """Run these tests, in this order of their files, until one fails or patience (in seconds) is at an end."""
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        return self._ask({"files": files, "tests": list(tests), "patience": patience})

    def trace(self, suites: Collection[str], sources: Collection[str], patience: float) -> Ended:
        """Run whole suites, and record which test passes which line."""
        return self._ask({"files": list(suites), "trace": list(sources), "patience": patience})

    def _ask(self, run: Mapping[str, Any]) -> Ended:
        if any(file.startswith(SERVERS_OF) for file in run["files"]):
            self.serve()
        process = self._warm = self._warm or self._started()
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(run) + "\n")
        process.stdin.flush()
        return Ended(**json.loads(process.stdout.readline()))

    def _started(self) -> subprocess.Popen[str]:
        env = {**os.environ, "NANUM_TEST_HOME": str(self._place / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-W", "ignore", "-m", "drills.mutation.warm"]
        return subprocess.Popen(
            command, cwd=self.tree, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )


def spread(
    work: Callable[[ProjectCopy, Thing], Result], things: Sequence[Thing], copies: Sequence[ProjectCopy]
) -> list[Result]:
    """Do the work for each of the things, as many at a time as there are copies. Raises what the work raises."""
    free = queue.SimpleQueue[ProjectCopy]()
    for copy in copies:
        free.put(copy)

    def one(thing: Thing) -> Result:
        copy = free.get()
        try:
            return work(copy, thing)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(one, things))
