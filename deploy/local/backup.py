"""Backup and restore of a whole installation: all databases as of one instant, and a new epoch after a restore.

A backup holds the locks of all logs for the moment in which the snapshots are taken: no service's cursor can then be
ahead of the log that it reads. A restore gives every log a new epoch, so that readers of the old ones notice. The
services' own cursors were restored with the logs and get the new epochs; the broker is emptied, as its messages may
tell of events that the restored logs do not have.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from deploy.local import programs
from deploy.local.config import Config, Progress
from deploy.local.postgres import find_programs
from deploy.local.problems import InstallationError
from services.contracts import SERVICES

MANIFEST = "manifest.json"
PARTS = (MANIFEST, *(f"{service}.dump" for service in SERVICES))


def backup(config: Config, file: Path, progress: Progress) -> None:
    """Write everything that must not be lost into one file, readable by its owner alone; the desk goes on meanwhile."""
    with tempfile.TemporaryDirectory(dir=config.home) as there, contextlib.ExitStack() as stack:
        heads = {}
        connections = {s: stack.enter_context(config.postgres.session(f"nanum_{s}")) for s in SERVICES}
        for connection in connections.values():
            connection.execute("SELECT pg_advisory_lock(log_key())")
        snapshots = {}
        for service, connection in connections.items():
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot(), coalesce(max(position), 0) FROM event").fetchone()
            snapshots[service], heads[service] = row if row else ("", 0)
        for connection in connections.values():
            connection.execute("SELECT pg_advisory_unlock(log_key())")
        for service, snapshot in snapshots.items():
            dump = ["--format=custom", f"--snapshot={snapshot}", "--file", str(Path(there) / f"{service}.dump")]
            _run("pg_dump", *dump, config.postgres.superuser_dsn(f"nanum_{service}"))
            progress(f"{service}: {heads[service]} events")
        manifest = {"made_at": datetime.now(UTC).isoformat(), "heads": heads, "format": 2}
        (Path(there) / MANIFEST).write_text(json.dumps(manifest, indent=1))
        unfinished = file.with_name(file.name + ".unfinished")
        unfinished.touch(mode=0o600)
        with zipfile.ZipFile(unfinished, "w") as archive:
            for part in PARTS:
                archive.write(Path(there) / part, part)
        unfinished.rename(file)


@contextlib.contextmanager
def opened(config: Config, file: Path) -> Iterator[Path]:
    """The directory of a backup's parts. Raises InstallationError when the file is none, or not complete."""
    with tempfile.TemporaryDirectory(dir=config.home) as there:
        try:
            with zipfile.ZipFile(file) as archive:
                archive.extractall(there, PARTS)  # these, and nothing else that is in it
            manifest = json.loads((Path(there) / MANIFEST).read_text())
        except KeyError as error:
            raise InstallationError(f"{file} is not a complete backup: {error.args[0]}") from None
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise InstallationError(f"{file} is not a backup of Nanum: {error}") from None
        if manifest.get("format") != 2:
            raise InstallationError(f"{file} is a backup of another format: restore it with the Nanum that made it.")
        yield Path(there)


def restore(config: Config, parts: Path, progress: Progress) -> None:
    """Put the parts of a backup in the place of all data, under new epochs. The programs must be down."""
    heads, epochs = json.loads((parts / MANIFEST).read_text())["heads"], {}
    for service in SERVICES:
        with config.postgres.session() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS nanum_{service} WITH (FORCE)")
        config.postgres.create_databases((service,))
        dsn = config.postgres.superuser_dsn(f"nanum_{service}")
        _run("pg_restore", "--exit-on-error", "--dbname", dsn, str(parts / f"{service}.dump"))
        progress(f"{service}: {heads[service]} events")
        with config.postgres.session(f"nanum_{service}") as connection:
            row = connection.execute("UPDATE log SET epoch = gen_random_uuid() RETURNING epoch").fetchone()
            epochs[service] = row[0] if row else None
    for service in SERVICES:
        with config.postgres.session(f"nanum_{service}") as connection:
            for source, epoch in epochs.items():
                connection.execute("UPDATE subscription SET epoch = %s WHERE source = %s", (epoch, source))
    programs.migrate(config, list(SERVICES))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(find_programs() / program), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise InstallationError(f"{program} failed: {done.stderr.strip()[-1500:]}")
