"""A bug as a change of text: the source of a function with some words exchanged, put in its place for a while.

Production code knows nothing of it. When the words are no longer there, planting fails, and the bug has to be adapted.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any


@dataclass(frozen=True)
class Change:
    """In the source of ``function``, other words: each key of ``words`` is there once, and its value takes its place.

    Words within a line are exchanged as they are; a text of several lines stands for whole lines.
    """

    function: Callable[..., Any]
    words: Mapping[str, str]

    @contextmanager
    def made(self) -> Iterator[None]:
        """While this runs, the function does something else, wherever it is referred to."""
        function: Any = self.function
        original = function.__code__
        function.__code__ = self._code()
        try:
            yield
        finally:
            function.__code__ = original

    def _code(self) -> CodeType:
        changed = textwrap.dedent(inspect.getsource(self.function))
        for words in self.words.items():
            old, new = (textwrap.dedent(text).strip("\n") for text in words)
            changed = _lines(changed, old, new) if "\n" in old + new else _words(changed, old, new)
        names: dict[str, Any] = {}
        code = compile(changed, inspect.getfile(self.function), "exec", flags=annotations.compiler_flag)
        exec(code, {**self.function.__globals__}, names)
        made: CodeType = names[self.function.__name__].__code__
        return made


def _words(source: str, old: str, new: str) -> str:
    """Exchange words within a line."""
    assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
    return source.replace(old, new)


def _lines(source: str, old: str, new: str) -> str:
    """Exchange whole lines; both blocks are indented as the place where ``old`` is found."""
    lines, wanted = source.splitlines(), old.splitlines()
    for at, line in enumerate(lines):
        indent = line[: len(line) - len(line.lstrip())]
        if lines[at : at + len(wanted)] == [indent + one if one else one for one in wanted]:
            return "\n".join([*lines[:at], *(indent + one for one in new.splitlines()), *lines[at + len(wanted) :]])
    raise AssertionError(f"{old!r} is not there")


@dataclass(frozen=True)
class Mutant:
    """A bug to plant: its name, and the changes that make it."""

    name: str
    changes: tuple[Change, ...]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """While this runs, the bug is there."""
        with ExitStack() as stack:
            for change in self.changes:
                stack.enter_context(change.made())
            yield
