"""Runs the card terminal: ``python -m deploy.simulators.card_terminal``.

NANUM_LISTEN is its host:port, NANUM_TERMINAL_STATE the path of the SQLite file that it remembers everything in.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing

from deploy.simulators.card_terminal.app import server
from deploy.simulators.card_terminal.payment_store import PaymentStore


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exits with 2 when a setting is wrong."""
    try:
        host, port = os.environ["NANUM_LISTEN"].rsplit(":", 1)
        payments = PaymentStore(os.environ["NANUM_TERMINAL_STATE"])
        serving = server(host, int(port), payments)
    except (KeyError, ValueError, sqlite3.Error) as wrong:
        example = "NANUM_LISTEN=127.0.0.1:8085 NANUM_TERMINAL_STATE=/path/of/its.sqlite"
        print(f"terminal: {wrong!r}: set {example}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with closing(payments):
        serving.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
