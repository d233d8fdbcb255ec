"""Who may import whom: the contracts in pyproject.toml, and what an import graph can't see."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.architecture.tree import ROOT, SERVICES, imported, short, under

ROOMS = ("README.md", "service.py", "reactions.py", "projections.py", "queries.py", "publish.py", "domain/__init__.py")
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4"}
CLOCK_OWNERS = {"datetime", "date", "uuid"}


def test_import_contracts_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    outcome = lint_imports(config_filename="pyproject.toml", cache_dir=str(tmp_path), show_timings=False)
    assert outcome == 0, capsys.readouterr().out


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_all_rooms(service: str) -> None:
    home = ROOT / "services" / service
    lacking = [room for room in ROOMS if not (home / room).is_file()]
    assert not lacking
    assert list((home / "sql/migrations").glob("*.sql"))


def test_contracts_import_the_standard_library_and_marshmallow_only() -> None:
    allowed = sys.stdlib_module_names | {"marshmallow"}
    wrong = [
        f"{short(file)} imports {name}"
        for file in under("services/contracts", ".py")
        for name in imported(file)
        if name.partition(".")[0] not in allowed and not name.startswith("services.contracts")
    ]
    assert not wrong


def test_no_domain_reads_a_clock_or_makes_up_an_id() -> None:
    wrong = [
        f"{short(file)}:{node.lineno} calls {name}"
        for service in SERVICES
        for file in under(f"services/{service}/domain", ".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (name := _asks_the_outside(node.func))
    ]
    assert not wrong


def _asks_the_outside(called: ast.expr) -> str | None:
    """``datetime.now`` or ``uuid4``, however it was imported; a domain's own ``rules.today(at)`` is another thing."""
    match called:
        case ast.Name(id=name) if name in CLOCKS:
            return name
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in CLOCK_OWNERS and name in CLOCKS:
            return f"{owner}.{name}"
    return None
