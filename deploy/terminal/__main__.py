"""Runs the card terminal: ``python -m deploy.terminal``.

NANUM_LISTEN is its host:port, NANUM_TERMINAL_STATE the path of the SQLite file that it remembers everything in.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading

from deploy.terminal.door import Door
from deploy.terminal.till import Till


def main() -> int:
    """Serve until SIGTERM or SIGINT. Exits with 2 when a setting is wrong."""
    host, _, port = os.environ.get("NANUM_LISTEN", "").rpartition(":")
    path = os.environ.get("NANUM_TERMINAL_STATE", "")
    if not host or not port.isdigit() or not path:
        print("terminal: set NANUM_LISTEN=127.0.0.1:8085 and NANUM_TERMINAL_STATE=/path/of/its.sqlite", file=sys.stderr)
        return 2
    try:
        till = Till(path)
        door = Door((host, int(port)), till)
    except (sqlite3.Error, OSError) as wrong:
        print(f"terminal: can't start on {host}:{port} with {path}: {wrong}", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=door.shutdown).start())
    door.serve_forever()
    door.server_close()
    till.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
