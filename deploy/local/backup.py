"""Backup and restore of a whole installation: four databases as of one instant, and a new epoch after a restore.

A backup holds the locks of all logs for the moment in which the snapshots are taken: no service's cursor can then be
ahead of the log that it follows. A restore names every log anew (its epoch), so that whoever followed the old ones
notices; the services' own cursors are moved to the new names, as they were restored with them; the broker is emptied,
as its messages belong to a past that may not have happened.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from deploy.local import programs
from deploy.local.postgres import find_programs
from deploy.local.problems import InstallationError
from deploy.local.processes import SERVICES

if TYPE_CHECKING:
    from deploy.local.installation import Installation, Progress

MANIFEST = "manifest.json"


def backup(installation: Installation, file: Path, progress: Progress) -> None:
    """Write everything that must not be lost into one file, readable by its owner alone; the desk goes on meanwhile."""
    with tempfile.TemporaryDirectory(dir=installation.home) as there, contextlib.ExitStack() as stack:
        heads = {}
        connections = {s: stack.enter_context(_session(installation, s)) for s in SERVICES}
        for connection in connections.values():
            connection.execute("SELECT pg_advisory_lock(log_key())")
        snapshots = {}
        for service, connection in connections.items():
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot(), coalesce(max(pos), 0) FROM event").fetchone()
            snapshots[service], heads[service] = row if row else ("", 0)
        for connection in connections.values():
            connection.execute("SELECT pg_advisory_unlock(log_key())")
        for service, snapshot in snapshots.items():
            dump = ["--format=custom", f"--snapshot={snapshot}", "--file", str(Path(there) / f"{service}.dump")]
            _run("pg_dump", *dump, installation.postgres.superuser_dsn(f"nanum_{service}"))
            progress(f"{service}: {heads[service]} facts")
        manifest = {"made_at": datetime.now(UTC).isoformat(), "heads": heads, "format": 1}
        (Path(there) / MANIFEST).write_text(json.dumps(manifest, indent=1))
        _pack(Path(there), file)


@dataclass(frozen=True)
class Dumps:
    """An opened backup: a dump of each database, and where its log ended."""

    directory: Path
    heads: dict[str, int]


@contextlib.contextmanager
def opened(installation: Installation, file: Path) -> Iterator[Dumps]:
    """The dumps in a backup. Raises InstallationError when the file is none, or not complete."""
    with tempfile.TemporaryDirectory(dir=installation.home) as there:
        yield Dumps(Path(there), _unpack(file, Path(there)))


def restore(installation: Installation, dumps: Dumps, progress: Progress) -> None:
    """Put the dumps in the place of all data, under new epochs. The programs must be down."""
    for service in SERVICES:
        _replace(installation, service, dumps.directory / f"{service}.dump")
        progress(f"{service}: {dumps.heads[service]} facts")
    epochs = {service: _new_epoch(installation, service) for service in SERVICES}
    for service in SERVICES:
        with _session(installation, service) as connection:
            for source, epoch in epochs.items():
                connection.execute("UPDATE followed SET epoch = %s WHERE source = %s", (epoch, source))
    programs.migrate(installation, list(SERVICES))


def _session(installation: Installation, service: str) -> psycopg.Connection:
    return psycopg.connect(installation.postgres.superuser_dsn(f"nanum_{service}"), autocommit=True)


def _pack(directory: Path, file: Path) -> None:
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.touch(mode=0o600)
    with tarfile.open(unfinished, "w") as archive:
        for each in sorted(directory.iterdir()):
            archive.add(each, each.name)
    unfinished.rename(file)


def _unpack(file: Path, directory: Path) -> dict[str, int]:
    try:
        with tarfile.open(file) as archive:
            for name in (
                MANIFEST,
                *(f"{service}.dump" for service in SERVICES),
            ):  # these, and nothing else that is in it
                _extract(archive, name, directory / name)
        manifest = json.loads((directory / MANIFEST).read_text())
    except (OSError, tarfile.TarError, ValueError) as error:
        raise InstallationError(f"{file} is not a backup of Nanum: {error}") from None
    missing = [service for service in SERVICES if not (directory / f"{service}.dump").exists()]
    if missing or manifest.get("format") != 1:
        raise InstallationError(f"{file} is not a complete backup: it lacks {', '.join(missing) or 'a known format'}.")
    heads: dict[str, int] = manifest["heads"]
    return heads


def _extract(archive: tarfile.TarFile, name: str, to: Path) -> None:
    if name not in archive.getnames():
        return  # told by name below
    packed = archive.extractfile(name)
    if packed:
        with packed, to.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)


def _replace(installation: Installation, service: str, dump: Path) -> None:
    name = f"nanum_{service}"
    with psycopg.connect(installation.postgres.superuser_dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    installation.postgres.create_databases((service,))
    _run("pg_restore", "--exit-on-error", "--dbname", installation.postgres.superuser_dsn(name), str(dump))


def _new_epoch(installation: Installation, service: str) -> str:
    with _session(installation, service) as connection:
        row = connection.execute("UPDATE log SET epoch = gen_random_uuid() RETURNING epoch::text").fetchone()
        return str(row[0]) if row else ""


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(find_programs() / program), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise InstallationError(f"{program} failed: {done.stderr.strip()[-1500:]}")
