"""Which mutants there are: every change that an operator makes at a place of the sources."""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from drills.mutation.operators import OPERATORS, sql_changes

SOURCES = ("services/chassis", "gateway/http", "gateway/upstream")
QUIET = ("log", "len", "isinstance", "cast", "TypeVar")  # calls that speak to people, or fail in the type check


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the text that it becomes, and the lines of the original that are concerned."""

    file: str
    operator: str
    lines: tuple[int, ...]
    text: str
    was: str
    becomes: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it in the list of the accepted ones: it stays the same when lines move."""
        return self.file, self.was, self.becomes

    def __str__(self) -> str:
        return f"{self.file}:{self.lines[-1]} ({self.operator})\n  - {self.was}\n  + {self.becomes}"


@dataclass(frozen=True)
class Place:
    """A change of a node, in a statement that begins at a line."""

    operator: str
    original: cst.CSTNode
    mutated: cst.CSTNode
    line: int


class Finder(cst.CSTVisitor):
    """Walks through a module and collects the places."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []
        self._statements = [1]

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Collect the changes of this node; False leaves out what is in it."""
        if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom | cst.Decorator) or _is_quiet(node):
            return False
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            position = self.get_metadata(PositionProvider, node)
            assert isinstance(position, CodeRange)
            self._statements.append(position.start.line)
        for kind, change in OPERATORS:
            if isinstance(node, kind):
                line = self._statements[-1]
                self.places += [Place(change.__name__, node, mutated, line) for mutated in change(node)]
        return not isinstance(node, cst.Raise)  # what an error says is for people

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Back to the statement around this one."""
        if isinstance(original_node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            self._statements.pop()


def _is_quiet(node: cst.CSTNode) -> bool:
    call = node.value if isinstance(node, cst.Expr) else node
    if not isinstance(call, cst.Call):
        return False
    called = call.func.value if isinstance(call.func, cst.Attribute) else call.func
    return isinstance(called, cst.Name) and called.value in QUIET


def places(root: Path, file: str) -> list[Callable[[], Mutant | None]]:
    """What makes each mutant of a file when it is called; None when the change changes nothing."""
    source = (root / file).read_text()
    if file.endswith(".sql"):
        return [partial(_mutant, file, "sql_changes", 1, source, text) for text in sql_changes(source)]
    wrapper, finder = MetadataWrapper(cst.parse_module(source)), Finder()
    wrapper.visit(finder)

    def written(place: Place) -> Mutant | None:
        module = wrapper.module.deep_replace(place.original, place.mutated)
        assert isinstance(module, cst.Module)
        return _mutant(file, place.operator, place.line, source, module.code)

    return [partial(written, place) for place in finder.places]


def _mutant(file: str, operator: str, line: int, source: str, text: str) -> Mutant | None:
    if text == source or (file.endswith(".py") and not _compiles(text)):
        return None
    old, new = source.splitlines(), text.splitlines()
    edits = [
        edit for edit in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if edit[0] != "equal"
    ]
    changed = range(edits[0][1], edits[-1][2])
    was = " ".join(part.strip() for part in old[changed.start : changed.stop])
    becomes = " ".join(part.strip() for part in new[edits[0][3] : edits[-1][4]])
    return Mutant(file, operator, tuple(sorted({line, *(at + 1 for at in changed)})), text, was, becomes)


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def sources(root: Path) -> list[str]:
    """The files that are mutated."""
    found = (path for base in SOURCES for path in (root / base).rglob("*") if path.suffix in (".py", ".sql"))
    return sorted(str(path.relative_to(root)) for path in found)


def sample(root: Path, size: int, seed: int, only: str = "") -> list[Mutant]:
    """So many mutants, one of a line, of the files with ``only`` in their name; a seed draws the same ones again."""
    every = [make for file in sources(root) if only in file for make in places(root, file)]
    random.Random(seed).shuffle(every)
    drawn: dict[tuple[str, int], Mutant] = {}
    for make in every:
        if len(drawn) == size:
            break
        if mutant := make():
            drawn.setdefault((mutant.file, mutant.lines[-1]), mutant)
    return list(drawn.values())
