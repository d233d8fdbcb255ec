"""What keeps the source readable: its size, its style, its types. The tools are those of the lock file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.architecture.tree import ROOT, functions, named, short

LONGEST_FILE = 300  # lines
LONGEST_FUNCTION = 40


def test_no_file_is_too_long() -> None:
    lengths = {short(file): len(file.read_text(encoding="utf-8").splitlines()) for file in named(".py")}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}


def test_no_function_is_too_long() -> None:
    wrong = [
        f"{short(file)}:{each.lineno} {each.name} has {lines} lines"
        for file in named(".py")
        for each in functions(file)
        if (lines := (each.end_lineno or each.lineno) - each.lineno + 1) > LONGEST_FUNCTION
    ]
    assert not wrong


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check", "--no-cache", "."), ("ruff", "format", "--no-cache", "--check", "."), ("mypy",)],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_style_and_types_are_clean(tool: Sequence[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
