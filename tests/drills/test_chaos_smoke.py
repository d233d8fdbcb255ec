"""A short drill in every test run: 20 faults of many kinds under load, and every promise is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drills.chaos.faults import KINDS
from drills.chaos.run import Plan, play


@pytest.mark.timeout(400)
def test_every_promise_is_kept_under_twenty_faults(tmp_path: Path) -> None:
    kinds = [kind.name for kind in KINDS.values() if kind.smoke]
    plan = Plan(minutes=1, seed=7, faults=20, kinds=kinds, every=(1.2, 1.8), items=400, residents=600, desks=32)
    result = play(plan, tmp_path)
    broken = {name: check["examples"] for name, check in result["checks"].items() if check["violations"]}
    assert not broken, json.dumps(broken, indent=1, ensure_ascii=False)
    assert not result["errors_of_the_drill"]
    assert result["kinds"] >= 8
    assert result["totals"]["acknowledged"] >= 300
    assert result["quiet_s"] is not None and result["settled_s"] is not None
