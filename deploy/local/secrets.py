"""The secrets of an installation: made at the first need, one file each, readable by their owner alone."""

import os
import secrets
from pathlib import Path


class Secrets:
    """A directory (0700) of generated secrets (0600, 43 URL-safe characters each)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str) -> Path:
        """The file of a secret; the secret is made if it is new."""
        file = self.directory / name
        if not file.exists():
            self.directory.mkdir(parents=True, mode=0o700, exist_ok=True)
            write_private(file, secrets.token_urlsafe(32))
        return file

    def replace(self, name: str, value: str) -> None:
        """Take another value from now on."""
        write_private(self.path(name), value)

    def value(self, name: str) -> str:
        return self.path(name).read_text().strip()


def write_private(file: Path, text: str, uid: int | None = None) -> bool:
    """Write a file that only its owner can read, whole or not at all; False if it already holds the text.

    The owner is the user of that number, who can then not write it, or ourselves.
    """
    if file.exists() and file.read_text() == text and uid in (None, file.stat().st_uid):
        return False
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
        if uid is not None:
            os.fchmod(stream.fileno(), 0o400)
            os.fchown(stream.fileno(), uid, -1)
    part.replace(file)
    return True
