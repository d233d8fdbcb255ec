"""Decisions about house rules."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, reads
from services.contracts.rentals.commands import AdoptHouseRules
from services.rentals.house_rules.contradictions import Contradiction, contradictions
from services.rentals.house_rules.model import HouseRules, HouseRulesAdopted, HouseRulesUnusable


@reads(lambda command: [(HouseRules, command.centre)])
def adopt(command: AdoptHouseRules, read: StateReader, now: datetime) -> list[Any]:
    """Adopt rules that contradict nothing; the same rules again change nothing."""
    current = read(HouseRules, command.centre)
    if current and current.rules == command.rules:
        return []
    if command.rules.centre.id != command.centre:
        ko = f"{command.centre}이(가) 아닙니다"
        found = [Contradiction(path="centre.id", en=f"is not {command.centre}", ko=ko)]
    else:
        found = contradictions(command.rules)
    if found:
        raise HouseRulesUnusable(
            path=found[0].path,
            problem="; ".join(f"{each.path} {each.en}" for each in found),
            problem_ko="; ".join(f"{each.path}: {each.ko}" for each in found),
        )
    return [HouseRulesAdopted(**vars(command), rules_version=current.version + 1 if current else 1)]
