"""The Unix users that the processes run as: one for each when root starts them, otherwise whoever does.

They are numbers without an entry in /etc/passwd, from the range that systemd hands out in the same way: nothing has to
be added to the machine, and nothing stays behind. Postgres alone wants a user with a name, and gets its package's.
"""

from __future__ import annotations

import json
import os
import pwd
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

RANGE = range(61_184, 65_520)
NAMED = {"postgres": "postgres"}


class Users:
    """The number of each process's user, chosen once and kept in a JSON file; None where we are not root."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __getitem__(self, process: str) -> int | None:
        if os.geteuid() != 0:
            return None
        if process in NAMED:
            return pwd.getpwnam(NAMED[process]).pw_uid
        known: dict[str, int] = json.loads(self._file.read_text()) if self._file.exists() else {}
        if process not in known:
            used = {*known.values(), *(each.pw_uid for each in pwd.getpwall()), *_running()}
            known[process] = random.choice([uid for uid in RANGE if uid not in used])
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(known, indent=1) + "\n")
        return known[process]


def _running() -> set[int]:
    return {each.info["uids"].real for each in psutil.process_iter(["uids"]) if each.info["uids"]}


def command_as(uid: int | None, argv: Sequence[str]) -> tuple[str, ...]:
    """The command run by that user, who can't become another one again."""
    if uid is None:
        return tuple(argv)
    who = ("--reuid", str(uid), "--regid", str(_group(uid)), "--clear-groups", "--no-new-privs")
    return ("setpriv", *who, "--", *argv)


def run_as(uid: int | None, command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as that user, or as ourselves."""
    return subprocess.run(command_as(uid, command), cwd=cwd, capture_output=True, text=True)


def give(path: Path, uid: int | None) -> None:
    """Make the user the owner of a file or directory."""
    if uid is not None:
        os.chown(path, uid, _group(uid), follow_symlinks=False)


def own_directory(path: Path, uid: int | None) -> Path:
    """A directory (0700) of the user, made if there is none."""
    path.mkdir(parents=True, mode=0o700, exist_ok=True)
    give(path, uid)
    return path


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid
