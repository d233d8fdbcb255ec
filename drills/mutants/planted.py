"""Bugs of SQL, messaging, commands and the gateway, planted in a copy of the project: their tests have to fail."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.mutation.project_copy import SERVERS_OF, ProjectCopy, spread

LIST = Path(__file__).with_name("planted.toml")
PATIENCE = 300.0  # seconds for the tests of one bug
CAUGHT, MISSED, UNSETTLED = "caught", "missed", "fails without it, too"


@dataclass(frozen=True)
class Planted:
    """A bug: words that are in a file once, what is there instead, and the tests of which one has to fail.

    A test is named by its file, its name, or both and its parameters.
    """

    name: str
    file: str
    was: str
    becomes: str
    tests: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether its tests need no servers."""
        return not any(test.startswith(SERVERS_OF) for test in self.tests)

    def in_text(self, text: str) -> str:
        """The text of the file with the bug in it. Raises ValueError when the words are not there once."""
        if text.count(self.was) != 1:
            raise ValueError(f"{self.name}: {self.was!r} is {text.count(self.was)} times in {self.file}; adapt the bug")
        return text.replace(self.was, self.becomes)


def listed(file: Path = LIST) -> list[Planted]:
    """All of them."""
    return [Planted(**{**each, "tests": tuple(each["tests"])}) for each in tomllib.loads(file.read_text())["bug"]]


def caught(copy: ProjectCopy, bug: Planted) -> tuple[str, str]:
    """Whether one of its tests fails with the bug, and passes without it where servers are shared; and which one."""
    text = bug.in_text((copy.tree / bug.file).read_text())
    with copy.written({bug.file: text}):
        ended = copy.run(bug.tests, PATIENCE)
    if ended.passed:
        return MISSED, ""
    by = ended.failed[0] if ended.failed else "the end of patience" if ended.timeout else f"exit code {ended.code}"
    if bug.alone or copy.run(ended.failed or bug.tests, PATIENCE).passed:
        return CAUGHT, by
    return UNSETTLED, by


def each_caught(
    copies: Sequence[ProjectCopy], bugs: Sequence[Planted], say: Callable[..., Any] = print
) -> list[Planted]:
    """Plant all of them, in each copy one at a time; returns those that were not caught."""

    def tried(copy: ProjectCopy, bug: Planted) -> bool:
        became, by = caught(copy, bug)
        say(f"{became:8} {bug.name}: {by}")
        return became == CAUGHT

    return [bug for bug, noticed in zip(bugs, spread(tried, bugs, copies), strict=True) if not noticed]
