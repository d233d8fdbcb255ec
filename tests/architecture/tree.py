"""The files of the project, as the tests here look at them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from services.contracts import SERVICES as SERVICES

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {".git", ".venv", ".nanum", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project: what git tracks, or, in an unpacked archive, what lies there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        files = [file for file in ROOT.rglob("*") if not NOT_OURS & set(file.relative_to(ROOT).parts)]
    return tuple(sorted(file for file in files if file.is_file()))


def named(*suffixes: str) -> list[Path]:
    """The files whose name ends in one of these."""
    return [file for file in tracked() if file.name.endswith(suffixes)]


def under(top: str, *suffixes: str) -> list[Path]:
    """The files below a folder whose name ends in one of these."""
    return [file for file in named(*suffixes) if file.is_relative_to(ROOT / top)]


def short(file: Path) -> str:
    """The file's path from the root of the project."""
    return str(file.relative_to(ROOT))


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in a Python file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(file: Path) -> Iterator[str]:
    """The dotted names of the modules that a Python file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
