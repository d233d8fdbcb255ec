"""A bug as a change of text: the source of a function with some words exchanged, put in its place for a while.

Production code knows nothing of it. When the words are no longer there, planting fails, and the bug has to be adapted.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

Change = tuple[Callable[..., Any], str, str]  # in the source of a function, the words that are there once, and others


class Mutant:
    """A bug to plant: its name, and the changes that make it.

    Words within a line are exchanged as they are; a text of several lines stands for whole lines.
    """

    def __init__(self, name: str, *changes: Change) -> None:
        self.name, self._changes = name, changes

    @contextmanager
    def planted(self) -> Iterator[None]:
        """While this runs, the bug is there, wherever the changed functions are referred to."""
        sources: dict[Any, str] = {}
        for function, *words in self._changes:
            source = sources.get(function) or textwrap.dedent(inspect.getsource(function))
            old, new = (textwrap.dedent(text).strip("\n") for text in words)
            sources[function] = _lines(source, old, new) if "\n" in old + new else _words(source, old, new)
        with ExitStack() as stack:
            for function, source in sources.items():
                names: dict[str, Any] = {}
                exec(compile(source, inspect.getfile(function), "exec"), {**function.__globals__}, names)
                stack.callback(setattr, function, "__code__", function.__code__)
                function.__code__ = names[function.__name__].__code__
            yield


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
