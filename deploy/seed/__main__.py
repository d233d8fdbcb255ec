"""Seeds an installation: ``python -m deploy.seed``. Running it again changes nothing and takes a moment.

Environment: NANUM_SOURCES (``inventory=http://... rentals=http://...``) and NANUM_INTERNAL_SECRET_FILE; for other
documents NANUM_HOUSE_RULES and NANUM_CATALOGUE (paths); for other centres than the documents name NANUM_CENTRES (ids,
separated by spaces: each gets the whole of both documents).
"""

from __future__ import annotations

import sys
from collections import Counter

from environs import EnvError, FileAwareEnv

from deploy.seed.documents import CATALOGUE, HOUSE_RULES, DocumentUnusable, house_rules, name_of, stock
from deploy.seed.post import SeedRefused, Service
from services.contracts.inventory.commands import DescribeCategory, MakeItemReady, RegisterItem
from services.contracts.rentals.commands import AdoptHouseRules

WORDS = {
    AdoptHouseRules: "version of the house rules",
    DescribeCategory: "categories",
    RegisterItem: "items",
    MakeItemReady: "of them ready",
}


def seed() -> Counter[str]:
    """Post both documents. Returns how many commands of each name changed something."""
    env = FileAwareEnv(strip_whitespace=True)
    key = env.str("NANUM_INTERNAL_SECRET")
    places = dict(pair.split("=", 1) for pair in env.str("NANUM_SOURCES").split())
    rules, catalogue = env.path("NANUM_HOUSE_RULES", HOUSE_RULES), env.path("NANUM_CATALOGUE", CATALOGUE)
    centres: list[str | None] = [*env.str("NANUM_CENTRES", "").split()] or [None]
    documents = {
        "rentals": [command for centre in centres for command in house_rules(rules, centre)],
        "inventory": [command for centre in centres for command in stock(catalogue, centre)],
    }
    new: Counter[str] = Counter()
    for name, commands in documents.items():
        if name not in places:
            raise EnvError(f"NANUM_SOURCES lacks {name}, as {name}=http://127.0.0.1:8001")
        new += Service(name, places[name], key).carry_out(commands)
    return new


def main() -> int:
    """Seed, and say in one line what was new. Exits with 1 when it could not be done, 2 when a setting is wrong."""
    try:
        new = seed()
    except (DocumentUnusable, SeedRefused, EnvError, ValueError) as wrong:
        print(f"seed: {wrong}", file=sys.stderr)
        return 1 if isinstance(wrong, DocumentUnusable | SeedRefused) else 2
    what = ", ".join(f"{new[name_of(each)]} {words}" for each, words in WORDS.items() if new[name_of(each)])
    print(f"seed: new: {what}" if what else "seed: nothing new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
