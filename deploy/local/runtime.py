"""What the programs run with: interpreter, packages and sources, or a copy of them that the programs' users can read.

A copy is needed where root has Python or the checkout in a directory of its own, as in /root. Python and the packages
are then hard links, where the file system allows it; the sources are copied, for they are edited in place.
"""

from __future__ import annotations

import compileall
import contextlib
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from deploy.local.directories import enterable

ROOT = Path(__file__).resolve().parents[2]  # of the sources
PROGRAMS = ("services", "gateway", "integrations", "deploy", "docs/api", "tests/contract/samples")
UNUSED = shutil.ignore_patterns("test", "site-packages", "idlelib", "tkinter", "include", "share", "*.a")
PACKAGES = Path(sysconfig.get_path("purelib"))
PYTHON = Path(sys.executable).resolve()  # the real one, behind the links of a virtual environment


class Runtime:
    """The interpreter's path, the environment that it needs, and the directory that it runs in."""

    def __init__(self, home: Path) -> None:
        self._home = home / "programs"
        self._own_python = not _open_to_all(PYTHON)
        self.copied = os.geteuid() == 0 and (
            self._own_python or not all(map(_open_to_all, (PACKAGES, ROOT / "deploy")))
        )
        self.python, self.root, self.env = sys.executable, ROOT, {}
        if self.copied:
            self.python, self.root = str(PYTHON), self._home / "sources"
            self.env = {"PYTHONPATH": str(self._home / "packages")}
        if self.copied and self._own_python:
            python = self._home / "python"
            self.python = str(python / PYTHON.relative_to(sys.base_prefix))
            self.env["LD_LIBRARY_PATH"] = str(python / "lib")

    def prepare(self) -> None:
        """Make the copy, if one is needed, as everything is now. No program may be running from an older one."""
        if not self.copied:
            return
        shutil.rmtree(self._home, ignore_errors=True)
        if self._own_python:
            python = self._home / "python"
            shutil.copytree(sys.base_prefix, python, copy_function=_link, ignore=UNUSED, symlinks=True)
        shutil.copytree(PACKAGES, self._home / "packages", copy_function=_link, symlinks=True)
        for name in PROGRAMS:
            shutil.copytree(ROOT / name, self.root / name, copy_function=shutil.copyfile)
        for directory in (self._home, *(each for each in self._home.rglob("*") if each.is_dir())):
            directory.chmod(0o755)
        compileall.compile_dir(self.root, quiet=2)


def _open_to_all(path: Path) -> bool:
    held = (path, *path.iterdir()) if path.is_dir() else (path,)
    return enterable(path if path.is_dir() else path.parent) and all(
        each.stat().st_mode & 0o004 for each in held if each.exists()
    )


def _link(source: str, target: str) -> None:
    if os.stat(source).st_mode & 0o004:
        with contextlib.suppress(OSError):  # another file system
            os.link(source, target)
            return
    shutil.copy(source, target)
    os.chmod(target, os.stat(target).st_mode | 0o044)
