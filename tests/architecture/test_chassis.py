"""The chassis speaks no word of the domain: it would run the books of a library too. It keeps centres apart."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import short, under

WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        item rental rentals lend lending borrow borrower resident residents member membership barcode barcodes
        category categories catalogue unit units checklist repair repairs maker damage damaged fee fees krw won
        payment payments card refund receipt ledger account charge deposit quote nights desk shelf manual holiday
        house suspend suspended overdue inventory billing notifications notice announcement contact phone birth
        """,
    )
)
UNIT_OF_WORK = re.compile(r"units?[ _]?of[ _]?work|in_one_unit", re.I)  # a term of the field, no unit of an item
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def test_the_chassis_speaks_no_word_of_the_domain() -> None:
    """Names, texts and comments. A docstring may give an example."""
    wrong = [
        f"{short(file)}:{line} says {', '.join(sorted(said))}"
        for file in under("services/chassis", ".py")
        for line, text in _spoken(file)
        if (said := WORDS & {part.lower() for part in PARTS.findall(text)})
    ]
    assert not wrong


def test_the_log_speaks_no_word_of_the_domain() -> None:
    wrong = [
        f"{short(file)} says {', '.join(sorted(said))}"
        for file in under("services/chassis", ".sql")
        if (said := WORDS & {part.lower() for part in PARTS.findall(file.read_text(encoding="utf-8"))})
    ]
    assert not wrong


def _spoken(file: Path) -> Iterator[tuple[int, str]]:
    source = file.read_text(encoding="utf-8")
    silent = _docstring_lines(source)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_said = token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT)
        if is_said and token.start[0] not in silent:
            yield token.start[0], UNIT_OF_WORK.sub("", token.string)


def _docstring_lines(source: str) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            lines |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines
