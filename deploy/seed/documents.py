"""The seed's documents, and the commands that they stand for.

A command's id is made of its content: whatever was seeded before, and has not changed in the documents, does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from services.chassis.foundation.codec import Malformed, convert
from services.contracts.base import snake
from services.contracts.house_rules import RulesDocument
from services.contracts.inventory.commands import DescribeCategory, MakeItemReady, RegisterItem
from services.contracts.rentals.commands import AdoptHouseRules
from services.contracts.schemas import problems

HERE = Path(__file__).parent
HOUSE_RULES, CATALOGUE = HERE / "house_rules.yaml", HERE / "catalogue.yaml"
Request = dict[str, Any]  # a command as POST /commands of a service takes it


class DocumentUnusable(Exception):
    """A document can't be seeded; the message says which and why."""


def read(path: Path) -> dict[str, Any]:
    """A YAML document as JSON would have it: dates as text, keys as text."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise DocumentUnusable(f"{path} can't be read: {wrong}") from None
    if not isinstance(document, dict):
        raise DocumentUnusable(f"{path} must be a mapping, as {HERE / path.name} is")
    plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return plain


def house_rules(path: Path = HOUSE_RULES, centre: str | None = None) -> list[Request]:
    """The adoption of the house rules, by the document's centre or by another one.

    Raises :class:`DocumentUnusable` with the path of all that is malformed.
    """
    rules = read(path)
    if centre and isinstance(rules.get("centre"), dict):
        rules["centre"]["id"] = centre
    wrong = problems(RulesDocument, rules)
    if wrong:
        raise DocumentUnusable(f"{path} can't be used: {' '.join(wrong)}")
    return [_request(AdoptHouseRules, {"centre": rules["centre"]["id"], "rules": rules})]


def stock(path: Path = CATALOGUE, centre: str | None = None) -> list[Request]:
    """Each category described, then each of its items registered and made ready; the same barcodes in any centre."""
    document = read(path)
    document |= {"centre": centre} if centre else {}
    requests: list[Request] = []
    try:
        for category in document["items"]:
            requests += [_request(type(command), asdict(command)) for command in _category(document, category)]
        promised = document.get("totals", {}).get("units")
    except (KeyError, TypeError, AttributeError, Malformed) as wrong:
        raise DocumentUnusable(f"{path} is not a catalogue (after {len(requests)} commands): {wrong!r}") from None
    items = sum(request["name"] == name_of(RegisterItem) for request in requests)
    if promised not in (None, items):
        raise DocumentUnusable(f"{path} promises {promised} items and lists {items}")
    return requests


def name_of(command: type) -> str:
    """The wire name of a command."""
    return snake(command.__name__)


def _category(
    document: dict[str, Any], entry: dict[str, Any]
) -> Iterator[DescribeCategory | RegisterItem | MakeItemReady]:
    centre, code = document["centre"], entry["code"]
    words = {"centre": centre, "max_nights": entry["max_days"], "parts": entry["accessories"]}
    yield convert({**entry, **words}, DescribeCategory)
    for number in range(1, entry["units"] + 1):
        barcode = f"{document.get('barcode_prefix', 'NG')}-{code}-{number:03}"
        yield RegisterItem(centre=centre, barcode=barcode, category=code)
        yield MakeItemReady(centre=centre, barcode=barcode)


def _request(command: type, data: dict[str, Any]) -> Request:
    name = name_of(command)
    id = str(uuid5(NAMESPACE_URL, f"seed:{name}:{json.dumps(data, sort_keys=True)}"))
    meta = {"actor": {"role": "seed", "centre": data["centre"]}, "correlation_id": id}
    return {"id": id, "name": name, "data": data, "meta": meta}
