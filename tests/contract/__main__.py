"""Brings up to date whatever is made from the contracts and the routes: ``python -m tests.contract``.

The golden samples that are missing, docs/api/events.json, openapi.json and asyncapi.json. A change that would break a
reader of the events ends it before anything is written.
"""

import sys

from gateway.api import ROUTES
from gateway.docs import asyncapi, openapi
from services.contracts import catalogue
from tests.contract import samples

API = catalogue.KEPT.parent


def main() -> int:
    """Write everything; 1 when a reader would break."""
    if catalogue.main():
        return 1
    samples.main()
    (API / "openapi.json").write_text(openapi.text(ROUTES), encoding="utf-8")
    (API / "asyncapi.json").write_text(asyncapi.text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
