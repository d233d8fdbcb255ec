"""The errors of an installation: each says in one sentence what is wrong and what to do."""

from pathlib import Path


class InstallationError(Exception):
    """Something the operator has to know; the message is shown as it is."""


class NotReady(Exception):
    """A process does not answer yet; the message says why."""


def end_of(log: Path) -> str:
    """The last lines of a log that show the reason, for a message."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join([f"The end of {log}:", *lines[-15:]])
