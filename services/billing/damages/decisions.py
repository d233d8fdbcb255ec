"""Decisions about a damage."""

from datetime import datetime
from typing import Any

from services.billing.damages.model import AssessDamage, ChargeOpened, ChargeWaived, Damage, NoDamageRules, NoFaultRule
from services.chassis.domain import StateReader, reads


@reads(lambda command: [(Damage, command.damage_id), (NoFaultRule, command.centre)])
def assess(command: AssessDamage, read: StateReader, now: datetime) -> list[Any]:
    """A damage is assessed once, by the rules in force when the item came back."""
    if read(Damage, command.damage_id):
        return []
    no_fault = read(NoFaultRule, command.centre)
    if no_fault is None:
        raise NoDamageRules(centre=command.centre)
    about: dict[str, Any] = {**vars(command), "rules_version": no_fault.rules_version, "assessed_at": now}
    if command.cause in no_fault.not_covered:
        return [ChargeOpened(**about)]
    return [ChargeWaived(**about, rule=no_fault.rule)]
