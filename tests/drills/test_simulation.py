"""A fraction of the histories that `./nanum simulate --seeds 10000` plays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drills.simulation.many import Report, many, story
from drills.simulation.play import Play

ROOT = Path(__file__).resolve().parents[2]
POINT = re.compile(r'failpoints\.reach\("([a-z_.]+)"\)')
TRACES = "from drills.simulation.play import Play; print(*(Play(seed).run().trace for seed in range(20)))"


@pytest.fixture(scope="module")
def report() -> Report:
    return many(range(150))


def test_no_check_objects_to_any_history(report: Report) -> None:
    assert not report.failed, "\n".join(story(outcome) for outcome in report.failed[:3])


def test_the_histories_are_hard_enough(report: Report) -> None:
    assert report.commands >= 50 * report.seeds
    assert report.faults.total() >= 10 * report.seeds and len(report.faults) >= 15


def test_processes_have_died_at_every_failpoint(report: Report) -> None:
    named = {name for file in (ROOT / "services/chassis").rglob("*.py") for name in POINT.findall(file.read_text())}
    assert len(named) >= 7 and named <= set(report.crashes)


def test_the_same_seed_has_the_same_trace_in_another_process_with_other_hashes() -> None:
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRACES],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    traces = [Play(seed).run().trace for seed in range(20)]
    assert told.stdout.split() == traces
    assert len(set(traces)) == 20
