"""The seed's documents, and the commands that they stand for.

A command's id is made of its content: whatever was seeded before, and has not changed in the documents, does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

HERE = Path(__file__).parent
HOUSE_RULES, CATALOGUE = HERE / "house_rules.yaml", HERE / "catalogue.yaml"
Command = dict[str, Any]


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


def house_rules(path: Path = HOUSE_RULES) -> list[Command]:
    """The adoption of the house rules."""
    rules = read(path)
    try:
        centre = rules["centre"]["id"]
    except (KeyError, TypeError):
        raise DocumentUnusable(f"{path} lacks centre.id, the centre that the rules are for") from None
    return [_command("adopt_house_rules", {"centre": centre, "rules": rules})]


def stock(path: Path = CATALOGUE) -> list[Command]:
    """Each category described, then each of its units registered and made ready."""
    document = read(path)
    commands: list[Command] = []
    try:
        for item in document["items"]:
            commands += _category(document, item)
        promised = document.get("totals", {}).get("units")
    except KeyError as lacking:
        raise DocumentUnusable(f"{path} lacks {lacking} (after {len(commands)} commands)") from None
    except (TypeError, AttributeError) as wrong:
        raise DocumentUnusable(f"{path} is not a catalogue: {wrong}") from None
    units = len([command for command in commands if command["name"] == "register_item"])
    if promised not in (None, units):
        raise DocumentUnusable(f"{path} promises {promised} units and lists {units}")
    return commands


def _category(document: dict[str, Any], item: dict[str, Any]) -> Iterable[Command]:
    centre, code = document["centre"], item["code"]
    same = ("group", "name_ko", "name_en", "purchase_price_krw", "fee_krw", "hazard", "briefing_required")
    said = {name: item[name] for name in (*same, "manual_ko", "manual_en")}
    parts = [{name: part[name] for name in ("ko", "en", "qty")} for part in item["accessories"]]
    data = {"centre": centre, "code": code, "max_nights": item["max_days"], "parts": parts, **said}
    yield _command("describe_category", data)
    for number in range(1, item["units"] + 1):
        barcode = f"{document.get('barcode_prefix', 'NG')}-{code}-{number:03}"
        yield _command("register_item", {"centre": centre, "barcode": barcode, "category": code})
        yield _command("make_item_ready", {"barcode": barcode})


def _command(name: str, data: dict[str, Any]) -> Command:
    id = str(uuid5(NAMESPACE_URL, f"seed:{name}:{json.dumps(data, sort_keys=True)}"))
    meta = {"actor": {"role": "seed", "subject": "seed"}, "correlation_id": id}
    return {"id": id, "name": name, "data": data, "meta": meta}
