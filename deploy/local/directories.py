"""Where directories lie: those of the servers' programs, and our own, which cannot always lie where we want them.

The programs of an installation that root starts run as other users, and these cannot enter every directory of root's;
and the path of a unix socket is short. Then a link is where the directory was wanted.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from deploy.local.problems import InstallationError

SOCKET_PATH_LIMIT = 107  # bytes, of a unix socket address on Linux
ELSEWHERE = Path("/var/lib/nanum")


def home_of(given: Path) -> Path:
    """Where the files of an installation lie: where they are wanted, or else in a directory of their own."""
    wanted = given.resolve()
    if os.geteuid() != 0 or enterable(wanted.parent) or (wanted.is_dir() and any(wanted.iterdir())):
        return wanted
    return ELSEWHERE / f"{wanted.name.lstrip('.')}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"


def make_home(given: Path, home: Path) -> None:
    """Make the directory, and the link to it if it lies elsewhere. Raises InstallationError when others can't enter."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)  # the programs' users pass through, and see nothing
    if given.resolve() != home:
        if given.is_dir():
            given.rmdir()
        given.symlink_to(home)
    if os.geteuid() == 0 and not enterable(home):
        raise InstallationError(
            f"The programs run as users of their own, and these can't enter {home}: let others pass "
            "(`chmod o+x`) through the directories above it, or move it, with all that is in it, to where they can."
        )


def enterable(path: Path) -> bool:
    """Whether every user of the machine can enter the directory, as far as it is there."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents) if each.exists())


def place(link: Path, longest_socket: str) -> Path:
    """Return the real directory behind `link`, made (0700) if there is none: its sockets' paths are short enough."""
    if link.is_symlink() and not link.exists():
        link.unlink()  # /var/tmp was swept
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        if len(os.fsencode(link.parent.resolve() / link.name / longest_socket)) <= SOCKET_PATH_LIMIT:
            link.mkdir(mode=0o700)
        else:
            link.symlink_to(tempfile.mkdtemp(prefix=f"nanum-{link.name}-", dir="/var/tmp"))
    return link.resolve()


def of_program(program: str, variable: str, usual: Iterable[Path], package: str) -> Path:
    """The directory of a server's own programs: the one that the variable names, or the newest of the usual ones."""
    given = os.environ.get(variable)
    found = [directory for directory in ([Path(given)] if given else usual) if (directory / program).exists()]
    if found:
        return max(found, key=lambda directory: [int(digits) for digits in re.findall(r"\d+", str(directory))])
    if given:
        raise InstallationError(f"There is no {program} in {variable}={given}: correct it, or unset it.")
    raise InstallationError(f"There is no {program} here: run `apt-get install {package}` as root.")
