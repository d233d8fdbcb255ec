"""Who may import whom: the contracts in pyproject.toml, and what an import graph can't see."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

from tests.architecture.tree import ROOT, SERVICES, imported, short, under

ROOMS = {"model", "decisions", "projections", "policies", "queries"}
# A room that would be too long is split along the domain; what is split off is named here.
BESIDE = {
    "services/rentals/house_rules": {"contradictions"},
    "services/notifications/messages": {"dispatch", "letters"},
}
# From the top down, by SERVICES: a new service is named there alone.
LAYERS = (
    "drills",
    "deploy",
    "integrations",
    {"gateway", *(f"services.{service}" for service in SERVICES)},
    "services.chassis",
    "services.contracts",
)
CLOCKS = {"now", "utcnow", "today", "uuid1", "uuid4"}
CLOCK_OWNERS = {"datetime", "date", "uuid"}


def test_import_contracts_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    outcome = lint_imports(config_filename="pyproject.toml", cache_dir=str(tmp_path), show_timings=False)
    assert outcome == 0, capsys.readouterr().out


def test_services_meet_only_in_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer imports only those below it; the gateway and the services stand beside each other."""
    monkeypatch.syspath_prepend(str(ROOT))
    graph = grimp.build_graph("services", "gateway", "integrations", "deploy", "drills", cache_dir=None)
    wrong = [
        " -> ".join((*route.heads, *route.middle, *route.tails))
        for found in graph.find_illegal_dependencies_for_layers(LAYERS)
        for route in found.routes
    ]
    assert not wrong


def test_every_service_is_listed() -> None:
    folders = {file.parent.name for file in (ROOT / "services").glob("*/service.py")} - {"chassis"}
    assert folders == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_the_sum_of_its_capabilities(service: str) -> None:
    home = ROOT / "services" / service
    definition = import_module(f"services.{service}.service").SERVICE
    folders = {f.parent.name for f in home.glob("*/__init__.py")} - {"adapters"}
    assert {capability.name for capability in definition.capabilities} == folders
    assert all((home / name).is_file() for name in ("README.md", "service.py"))
    assert list((home / "sql/migrations").glob("*.sql"))


@pytest.mark.parametrize("service", SERVICES)
def test_every_capability_has_the_same_rooms_and_no_others(service: str) -> None:
    home = ROOT / "services" / service
    wrong = [
        short(file)
        for file in home.glob("*/*.py")
        if file.parent.name != "adapters"
        and file.stem not in ROOMS | {"__init__"} | BESIDE.get(short(file.parent), set())
    ]
    assert not wrong


def test_contracts_import_the_standard_library_and_the_schemas_libraries_only() -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "marshmallow", "email_validator"}
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
        for file in under(f"services/{service}", "model.py", "decisions.py")
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
