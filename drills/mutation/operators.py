"""The ways in which a place in the code is changed: mutmut's, without what says nothing here, and a few of our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import libcst as cst
from mutmut.mutation import mutators as mutmut

Operator = tuple[type[cst.CSTNode], Callable[[Any], Any]]

SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WHERE|ORDER BY|ON CONFLICT|FOR UPDATE)\b", re.I)
REPLACED = (mutmut.operator_string, mutmut.operator_arg_removal)  # by other_word and other_argument

SQL_CHANGES = tuple(
    (re.compile(pattern, re.I), text)
    for pattern, text in (
        (r"<=", "<"),
        (r">=", ">"),
        (r"(?<= )<(?= )", "<="),
        (r"(?<= )>(?= )", ">="),
        (r"(?<= )<>(?= )", "="),
        (r"\bAND\b", "OR"),
        (r"\bOR\b(?! REPLACE)", "AND"),
        (r"\bIS NOT NULL\b", "IS NULL"),
        (r"\bIS NULL\b", "IS NOT NULL"),
        (r"\bNOT EXISTS\b", "EXISTS"),
        (r" ORDER BY [\w.]+", ""),
        (r" DESC\b", ""),
        (r"\bDISTINCT ", ""),
        (r" FOR UPDATE( OF \w+)?( SKIP LOCKED)?", ""),
        (r" SKIP LOCKED", ""),
        (r" WHERE [\w.]+ = (%\(\w+\)s|%s|ANY\(%s\))", ""),
        (r"\bmax\(", "min("),
        (r"\bmin\(", "max("),
        (r"(?<=\w) \+ (?=\w)", " - "),
        (r"(?<=\w )\+ 1\b", "+ 2"),
        (r"\bDO NOTHING\b", "DO UPDATE"),
        (r"\bperform \w+\([^;]*\);", ""),
        (r"\b(unique|not null|references \w+)\b", ""),
    )
)


def sql_changes(text: str) -> Iterator[str]:
    """The text with one of the changes, at one place, each in its turn."""
    for pattern, replacement in SQL_CHANGES:
        for found in pattern.finditer(text):
            yield text[: found.start()] + replacement + text[found.end() :]


def changed_sql(node: cst.SimpleString | cst.FormattedStringText) -> Iterator[cst.CSTNode]:
    """A statement, or a piece of one, that says something else."""
    if SQL.search(node.value):
        for value in sql_changes(node.value):
            yield node.with_changes(value=value)


def other_word(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """A name that is not the one meant. Sentences are left alone: a test that repeats one proves nothing."""
    if re.fullmatch(r"[bru]*(['\"])[^\s'\"]+\1", node.value, re.I):
        at = node.value.index(node.value[-1]) + 1
        yield node.with_changes(value=f"{node.value[:at]}XX{node.value[at:]}")


def opposite(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """The other branch."""
    yield node.with_changes(test=_not(node.test))


def left_out(node: cst.Expr | cst.Raise) -> Iterator[cst.CSTNode]:
    """A statement that only has an effect, without it."""
    if isinstance(node, cst.Raise) or not isinstance(node.value, cst.BaseString | cst.Ellipsis | cst.Yield):
        yield cst.Pass()


def nothing_returned(node: cst.Return) -> Iterator[cst.CSTNode]:
    """No answer."""
    if node.value and not (isinstance(node.value, cst.Name) and node.value.value == "None"):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


def undecorated(node: cst.FunctionDef) -> Iterator[cst.CSTNode]:
    """Without what a decorator adds."""
    for at in range(len(node.decorators)):
        yield node.with_changes(decorators=[*node.decorators[:at], *node.decorators[at + 1 :]])


def _not(test: cst.BaseExpression) -> cst.BaseExpression:
    return cst.UnaryOperation(cst.Not(), test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))


def other_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """None in the place of an argument, or the default in that of one with a name."""
    for at, argument in enumerate(node.args):
        if argument.star or (isinstance(argument.value, cst.Name) and argument.value.value == "None"):
            continue
        yield node.with_changes(
            args=[*node.args[:at], argument.with_changes(value=cst.Name("None")), *node.args[at + 1 :]]
        )
        if argument.keyword:
            yield node.with_changes(args=[*node.args[:at], *node.args[at + 1 :]])


OPERATORS: tuple[Operator, ...] = (
    *((kind, change) for kind, change in mutmut.mutation_operators if change not in REPLACED),
    (cst.Call, other_argument),
    (cst.SimpleString, changed_sql),
    (cst.FormattedStringText, changed_sql),
    (cst.SimpleString, other_word),
    (cst.If, opposite),
    (cst.While, opposite),
    (cst.Expr, left_out),
    (cst.Raise, left_out),
    (cst.Return, nothing_returned),
    (cst.FunctionDef, undecorated),
)
