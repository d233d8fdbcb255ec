"""Where directories lie: those of the servers' programs, and our own, which cannot always lie where we want them.

A server that runs as another user cannot enter a home that is closed to it, and the path of a unix socket is short.
Such a directory lies under /var/tmp, and a link is in its place.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deploy.local.problems import InstallationError

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


def give(path: Path, user: str | None) -> None:
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def _fits(path: Path, user: str | None, longest_socket: str) -> bool:
    if longest_socket and len(os.fsencode(path.parent.resolve() / path.name / longest_socket)) > SOCKET_PATH_LIMIT:
        return False
    return not user or run_as(user, ["test", "-x", str(path.parent.resolve())], cwd=Path("/")).returncode == 0


def run_as(user: str | None, command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as another user, or as ourselves (None)."""
    group, groups = (pwd.getpwnam(user).pw_gid, ()) if user else (None, None)
    return subprocess.run(command, cwd=cwd, user=user, group=group, extra_groups=groups, capture_output=True, text=True)


def of_program(program: str, variable: str, usual: Iterable[Path], package: str) -> Path:
    """The directory of a server's own programs: the one that the variable names, or the newest of the usual ones."""
    given = os.environ.get(variable)
    found = [directory for directory in ([Path(given)] if given else usual) if (directory / program).exists()]
    if found:
        return max(found, key=lambda directory: [int(digits) for digits in re.findall(r"\d+", str(directory))])
    if given:
        raise InstallationError(f"There is no {program} in {variable}={given}: correct it, or unset it.")
    raise InstallationError(f"There is no {program} here: run `apt-get install {package}` as root.")
