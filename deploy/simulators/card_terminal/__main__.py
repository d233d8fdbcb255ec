"""Runs the card terminal: ``python -m deploy.simulators.card_terminal``.

NANUM_LISTEN is its host:port, NANUM_TERMINAL_STATE the path of the SQLite file that it remembers everything in, and
NANUM_TERMINAL_SECRET_FILE names the file with the secret that it wants.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing

from environs import EnvError, FileAwareEnv

from deploy.simulators.card_terminal.app import server
from deploy.simulators.card_terminal.payment_store import PaymentStore


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exits with 2 when a setting is wrong."""
    env = FileAwareEnv(strip_whitespace=True)
    try:
        host, port = env.str("NANUM_LISTEN").rsplit(":", 1)
        secret, payments = env.str("NANUM_TERMINAL_SECRET"), PaymentStore(env.str("NANUM_TERMINAL_STATE"))
        serving = server(host, int(port), payments, secret)
    except (EnvError, ValueError, sqlite3.Error) as wrong:
        print(f"terminal: {wrong}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with closing(payments):
        serving.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
