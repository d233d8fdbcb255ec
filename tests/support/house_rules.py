"""The seed's house rules, whole or with some settings changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from deploy.seed.documents import HOUSE_RULES, read
from services.chassis.foundation.codec import convert
from services.contracts.house_rules import RulesDocument

SEED: dict[str, Any] = read(HOUSE_RULES)


def document(**sections: Any) -> dict[str, Any]:
    """The seed's rules as JSON; of each section named, the settings given are others, down to any depth."""
    rules = deepcopy(SEED)
    _merge(rules, sections)
    return rules


def house_rules(**sections: Any) -> RulesDocument:
    """The same as the typed document."""
    return convert(document(**sections), RulesDocument)


def _merge(rules: dict[str, Any], changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        if isinstance(value, dict) and isinstance(rules.get(name), dict):
            _merge(rules[name], value)
        else:
            rules[name] = value
