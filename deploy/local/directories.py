"""Directories that cannot always lie where we want them.

A server that runs as another user cannot enter a home that is closed to it, and the path of a unix socket is short.
Such a directory lies under /var/tmp, and a link stands in its place.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

SOCKET_PATH_LIMIT = 107  # bytes, of a unix socket address on Linux


def place(link: Path, *, user: str | None = None, longest_socket: str = "") -> Path:
    """Return the real directory behind `link`, made (0700, owned by `user`) if there is none."""
    if link.is_symlink() and not link.exists():
        link.unlink()  # /var/tmp was swept
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        if _fits(link, user, longest_socket):
            link.mkdir(mode=0o700)
        else:
            link.symlink_to(tempfile.mkdtemp(prefix=f"nanum-{link.name}-", dir="/var/tmp"))
    real = link.resolve()
    give(real, user)
    return real


def remove(link: Path) -> None:
    """Remove the directory, also the one behind a link."""
    shutil.rmtree(link.resolve(), ignore_errors=True)
    if link.is_symlink():
        link.unlink()


def give(path: Path, user: str | None) -> None:
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def _fits(path: Path, user: str | None, longest_socket: str) -> bool:
    if longest_socket and len(os.fsencode(path.parent.resolve() / path.name / longest_socket)) > SOCKET_PATH_LIMIT:
        return False
    return not user or _can_enter(path.parent.resolve(), user)


def _can_enter(directory: Path, user: str) -> bool:
    who = pwd.getpwnam(user)
    test = ["test", "-x", str(directory)]
    return subprocess.run(test, user=who.pw_uid, group=who.pw_gid, extra_groups=[]).returncode == 0
