"""The file of a backup: its parts, a manifest with their digests, and how many such files are kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local.problems import InstallationError
from services.contracts import SERVICES

FORMAT = 3
MANIFEST, KEYS = "manifest.json", "keys.json"
CONTENTS = (KEYS, *(f"{service}.dump" for service in SERVICES))
NAME = "nanum-%Y%m%dT%H%M%S.%fZ.backup"
NAMES = "nanum-*Z.backup"


def packed(parts: Path, file: Path, manifest: dict[str, Any]) -> None:
    """Write the parts and the manifest into a file (0600), which then is there as a whole. Raises InstallationError."""
    digests = {name: _digest(parts / name) for name in CONTENTS}
    try:
        # Made anew under a name that nobody can guess: what lies in the directory already is never written to.
        number, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(number, "wb") as stream:
                with zipfile.ZipFile(stream, "w") as archive:
                    archive.writestr(MANIFEST, json.dumps({**manifest, "format": FORMAT, "sha256": digests}, indent=1))
                    for name in CONTENTS:
                        archive.write(parts / name, name)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(unfinished, file)
        except BaseException:
            os.unlink(unfinished)
            raise
        directory = os.open(file.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except OSError as error:
        raise InstallationError(f"{file} can't be written: {error.strerror or error}") from None


@contextlib.contextmanager
def opened(file: Path, beside: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The directory of a backup's parts, and its manifest.

    Raises InstallationError when the file is no backup, is not complete, or has another content than it was made with.
    """
    with tempfile.TemporaryDirectory(dir=beside) as there:
        try:
            with zipfile.ZipFile(file) as archive:
                manifest = json.loads(archive.read(MANIFEST))
                if manifest.get("format") != FORMAT:
                    raise InstallationError(f"{file} is a backup of another format: restore it with the Nanum of then.")
                archive.extractall(there, CONTENTS)  # these, and nothing else that is in it
            wrong = [name for name in CONTENTS if _digest(Path(there) / name) != manifest["sha256"][name]]
        except KeyError as error:
            raise InstallationError(f"{file} is not a complete backup: {error.args[0]}") from None
        except (OSError, zipfile.BadZipFile, ValueError, AttributeError, TypeError) as error:
            raise InstallationError(f"{file} is not a backup of Nanum: {error}") from None
        if wrong:
            raise InstallationError(f"{file} is damaged ({', '.join(wrong)}): restore another backup.")
        yield Path(there), manifest


def name_now() -> str:
    """The name of a backup that is made now, in a directory that holds several."""
    return datetime.now(UTC).strftime(NAME)


def prune(directory: Path, keep: int | None, days: float | None) -> list[Path]:
    """Delete the backups of a directory but the newest ``keep``, and those older than ``days``; returns them."""
    found = sorted((file for file in directory.glob(NAMES) if file.is_file() and not file.is_symlink()), reverse=True)
    too_many = found[keep:] if keep is not None else []
    too_old = [] if days is None else [f for f in found if f.stat().st_mtime < time.time() - days * 86_400]
    over = sorted({*too_many, *too_old})
    for file in over:
        file.unlink()
    return over


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
