"""Runs the mailbox: ``python -m deploy.simulators.mailbox``.

NANUM_LISTEN is its host:port, NANUM_MAILBOX_DIRECTORY the Maildir that it fills, and NANUM_MAILBOX_PASSWORD_FILE names
the file with the password of its one user, ``nanum``.
"""

from __future__ import annotations

import hmac
import signal
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import AuthResult, LoginPassword
from environs import EnvError, FileAwareEnv

USER = b"nanum"


def controller(host: str, port: int, directory: Path, password: str) -> Controller:
    """The server, not started yet. It listens on this machine alone, so a password may come without TLS."""

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and given.login == USER
        return AuthResult(success=known and hmac.compare_digest(given.password, password.encode()), handled=False)

    for part in ("tmp", "new", "cur"):  # what a Maildir consists of
        (directory / part).mkdir(parents=True, mode=0o700, exist_ok=True)
    login: dict[str, Any] = {"authenticator": knows, "auth_required": True, "auth_require_tls": False}
    return Controller(Mailbox(directory), hostname=host, port=port, **login)


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exits with 2 when a setting is wrong."""
    env = FileAwareEnv(strip_whitespace=True)
    try:
        host, port = env.str("NANUM_LISTEN").rsplit(":", 1)
        settings = env.path("NANUM_MAILBOX_DIRECTORY"), env.str("NANUM_MAILBOX_PASSWORD")
        serving = controller(host, int(port), *settings)
    except (EnvError, ValueError) as wrong:
        print(f"mailbox: {wrong}", file=sys.stderr)
        return 2
    serving.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serving.stop()
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
