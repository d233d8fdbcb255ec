"""Seeds an installation: ``python -m deploy.seed``. Running it again changes nothing and takes a moment.

Environment: NANUM_SOURCES (``inventory=http://... rentals=http://...``), NANUM_INTERNAL_SECRET_FILE, and, for another
centre's documents, NANUM_HOUSE_RULES and NANUM_CATALOGUE (paths).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from deploy.seed.documents import CATALOGUE, HOUSE_RULES, DocumentUnusable, house_rules, stock
from deploy.seed.post import SeedRefused, Service
from services.chassis.settings import SettingMissing, required, secret

WORDS = {
    "adopt_house_rules": "version of the house rules",
    "describe_category": "categories",
    "register_item": "items",
    "make_item_ready": "of them ready",
}


def seed() -> Counter[str]:
    """Post both documents. Returns how many commands of each name changed something."""
    key = secret(os.environ, "NANUM_INTERNAL_SECRET_FILE")
    places = dict(pair.split("=", 1) for pair in required(os.environ, "NANUM_SOURCES").split() if "=" in pair)
    for name in ("rentals", "inventory"):
        if name not in places:
            raise SettingMissing(f"NANUM_SOURCES lacks {name}, as {name}=http://127.0.0.1:8001")
    rules = house_rules(Path(os.environ.get("NANUM_HOUSE_RULES") or HOUSE_RULES))
    units = stock(Path(os.environ.get("NANUM_CATALOGUE") or CATALOGUE))
    new = Service("rentals", places["rentals"], key).carry_out(rules)
    return new + Service("inventory", places["inventory"], key).carry_out(units)


def main() -> int:
    """Seed, and say in one line what was new. Exits with 1 when it could not be done, 2 when a setting is wrong."""
    try:
        new = seed()
    except SettingMissing as wrong:
        print(f"seed: {wrong}", file=sys.stderr)
        return 2
    except (DocumentUnusable, SeedRefused) as wrong:
        print(f"seed: {wrong}", file=sys.stderr)
        return 1
    what = ", ".join(f"{new[name]} {words}" for name, words in WORDS.items() if new[name])
    print(f"seed: new: {what}" if what else "seed: nothing new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
