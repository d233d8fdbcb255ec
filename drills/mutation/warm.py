"""A process that has imported what the tests need of others' libraries, and forks for each run of tests.

It stands in a copy of the project and imports nothing of it, so that each fork imports the copy as it is at that time.
It reads a run from a line of its input, as JSON, and answers with a line: `python -m drills.mutation.warm`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

LIBRARIES = (
    "aiohttp", "amqp", "apispec", "cryptography.hazmat.primitives.serialization", "falcon.asgi", "falcon.testing",
    "hypothesis.strategies", "jinja2", "joserfc.jwt", "kombu", "libcst", "marshmallow", "msgspec", "prometheus_client",
    "psutil", "psycopg", "requests", "rich.console", "structlog", "supervisor.xmlrpc", "uvicorn", "yaml",
)  # fmt: skip
FIXTURE = "fixture "
STEP = 0.01  # seconds between two looks at a run


class Only:
    """Of the tests that pytest collects those that are wanted; and what became of them."""

    def __init__(self, wanted: list[str] | None) -> None:
        self.wanted = None if wanted is None else set(wanted)
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the others."""
        if self.wanted is not None:
            items[:] = [
                i for i in items if self.wanted & {i.nodeid, i.nodeid.partition("[")[0], i.nodeid.partition("::")[0]}
            ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep who failed, and how long each took."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file of tests that can't be imported has failed, too."""
        if report.failed:
            self.failed.append(report.nodeid)


class Traced(Only):
    """Records beside it which lines each test passes. What a shared fixture passes, each test that uses it passes."""

    def __init__(self, sources: list[str]) -> None:
        import coverage

        super().__init__(None)
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, source=sources, concurrency=["thread", "greenlet"]
        )
        self._coverage.start()
        self._at = ""
        self._users: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep who uses which fixture."""
        for item in items:
            for name in getattr(item, "fixturenames", ()):
                self._users.setdefault(FIXTURE + name, []).append(item.nodeid)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """From here on it is this test."""
        self._switch(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """For a while it is a fixture that many tests share."""
        before = self._at
        if fixturedef.scope != "function":
            self._switch(FIXTURE + fixturedef.argname)
        try:
            return (yield)
        finally:
            self._switch(before)

    def _switch(self, to: str) -> None:
        self._at = to
        self._coverage.switch_context(to)

    def lines(self) -> dict[str, dict[int, list[str]]]:
        """The tests that pass each line of each file; "" is the import of it."""
        self._coverage.stop()
        data, here = self._coverage.get_data(), Path.cwd()

        def tests(contexts: list[str]) -> list[str]:
            return sorted({test for context in contexts for test in self._users.get(context, [context])})

        return {
            str(Path(file).relative_to(here)): {line: tests(by) for line, by in data.contexts_by_lineno(file).items()}
            for file in data.measured_files()
        }


def play(run: dict[str, Any], answer: Path) -> None:
    """Run the tests in this process, which ends with it."""
    arguments = [*run["files"], "-q", "-p", "no:cacheprovider", "--timeout", str(run["patience"])]
    sys.dont_write_bytecode = not run.get("trace")  # the first run keeps what pytest makes of the tests
    plugin = Traced(run["trace"]) if run.get("trace") else Only(run.get("tests"))
    code = pytest.main(arguments if run.get("trace") else [*arguments, "-x"], plugins=[plugin])
    told: dict[str, Any] = {"code": int(code), "failed": plugin.failed, "seconds": plugin.seconds}
    if isinstance(plugin, Traced):
        told["lines"] = plugin.lines()
    answer.write_text(json.dumps(told))


def forked(run: dict[str, Any], log: Path) -> dict[str, Any]:
    """Fork, play, and wait until the end, or until patience is at an end; nothing of it runs afterwards."""
    answer = log.with_suffix(".json")
    for file in (log, answer):
        file.unlink(missing_ok=True)
    pid = os.fork()
    if not pid:
        try:
            os.setsid()
            for stream, target in enumerate((os.devnull, str(log), str(log))):
                os.dup2(os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND), stream)
            play(run, answer)
        finally:
            os._exit(0)
    deadline = time.monotonic() + run["patience"]
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return {"timeout": True, "failed": []}
        time.sleep(STEP)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what a test left behind
    return dict(json.loads(answer.read_text())) if answer.exists() else {"failed": [], "code": 3, "died": True}


def main() -> None:
    """Answer runs until the input ends."""
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory(prefix="nanum-warm-") as directory:
        for line in sys.stdin:
            print(json.dumps(forked(json.loads(line), Path(directory) / "log")), flush=True)


if __name__ == "__main__":
    main()
