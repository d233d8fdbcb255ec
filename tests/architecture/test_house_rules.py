"""Each setting of the house rules is read by a service, or is marked as informative; none only looks in force."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from msgspec import inspect

from deploy.seed.documents import HOUSE_RULES
from services.contracts.house_rules import RulesDocument
from tests.architecture.tree import ROOT, functions, under

# What only compares settings with each other does not put them into force.
NOT_READERS = (ROOT / "services/contracts", ROOT / "services/rentals/house_rules/contradictions.py")


def settings(
    contract: type = RulesDocument, path: str = "rules", informative: bool = False
) -> Iterator[tuple[str, bool]]:
    """(path, whether it is informative) of every setting."""
    for each in inspect.type_info(contract).fields:  # type: ignore[attr-defined]
        kind, marked = each.type, informative
        while True:
            if isinstance(kind, inspect.Metadata):
                marked, kind = marked or "x-informative" in (kind.extra_json_schema or {}), kind.type
            elif isinstance(kind, inspect.VarTupleType):
                kind = kind.item_type
            elif isinstance(kind, inspect.UnionType):
                kind = next(inner for inner in kind.types if not isinstance(inner, inspect.NoneType))
            else:
                break
        if isinstance(kind, inspect.DataclassType):
            yield from settings(kind.cls, f"{path}.{each.name}", marked)
        else:
            yield f"{path}.{each.name}", marked


def names(node: ast.AST, known: dict[str, list[str]]) -> list[str]:
    """The names of an expression ``a.b.c``; a local variable stands for what was assigned to it."""
    if isinstance(node, ast.Attribute):
        return [*names(node.value, known), node.attr]
    return known.get(node.id, [node.id]) if isinstance(node, ast.Name) else []


def assigned(function: ast.AST) -> dict[str, list[str]]:
    """The names behind each local variable of a function that is one of ``a.b.c``."""
    known: dict[str, list[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            pairs = (
                zip(target.elts, value.elts, strict=True)
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                else [(target, value)]
            )
            known |= {
                to.id: names(of, known)
                for to, of in pairs
                if isinstance(to, ast.Name) and isinstance(of, ast.Attribute)
            }
    return known


def read_in(file: Path) -> Iterator[str]:
    """``parent.name`` of every attribute that a file reads; ``parent.*`` where getattr reads any of them.

    ``make(Row, parent)`` reads what the class ``Row`` of the same file has.
    """
    fields = {
        row.name: [field.target.id for field in row.body if isinstance(field, ast.AnnAssign)]  # type: ignore[union-attr]
        for row in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(row, ast.ClassDef)
    }
    for function in functions(file):
        known = assigned(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                yield ".".join(names(node, known)[-2:])
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
                yield ".".join([*names(node.args[0], known)[-1:], "*"])
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "make":
                row, parent = (names(argument, known)[-1:] for argument in node.args[:2])
                yield from (f"{parent[0]}.{field}" for field in fields.get(row[0], ()) if parent)


READ = {
    found
    for file in under("services", ".py")
    if not any(file.is_relative_to(place) for place in NOT_READERS)
    for found in read_in(file)
}


def is_read(path: str) -> bool:
    *_, parent, name = path.split(".")
    return f"{parent}.{name}" in READ or f"{parent}.*" in READ


def test_every_setting_is_known() -> None:
    found = dict(settings())
    assert len(found) > 110
    assert found["rules.fees.minimum_nights"] is False
    assert found["rules.late.grace_days"] is True
    assert found["rules.membership.minimum_age"] is True  # as its whole section


def test_every_setting_that_is_not_informative_is_read_by_a_service() -> None:
    assert [path for path, informative in settings() if not informative and not is_read(path)] == []


def test_no_informative_setting_is_read_by_a_service() -> None:
    assert [path for path, informative in settings() if informative and is_read(path)] == []


def test_the_seed_says_which_settings_are_informative() -> None:
    """Its comments mark them with [I]: on the line of the setting, or of its section."""
    marked, section = set(), ""
    for line in HOUSE_RULES.read_text(encoding="utf-8").splitlines():
        key, _, rest = line.partition(":")
        if not key.strip().isidentifier():
            continue
        if not key.startswith(" "):
            section = key
        if "[I]" in rest:
            marked.add(f"rules.{key}" if key == section else f"rules.{section}.{key.strip()}")
    wrong = [
        path
        for path, informative in settings()
        if informative != any(path == mark or path.startswith(f"{mark}.") for mark in marked)
    ]
    assert wrong == []
