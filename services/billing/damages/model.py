"""Liability for a damage. Causes that the no-fault rule covers are waived; a manager settles all others."""

from datetime import datetime

from services.chassis.domain import Refused, command, event, make, state
from services.contracts.base import id_of
from services.contracts.billing import events, views
from services.contracts.inventory.words import Cause
from services.contracts.rentals.events import HouseRulesAdopted
from services.contracts.texts import IdRef


def damage_id_of(rental_id: str, barcode: str) -> str:
    """The id of what is assessed: one item of one rental."""
    return id_of(rental_id, barcode)


# -- events --


@event(stream="damage-{damage_id}")
class ChargeWaived(events.ChargeWaived):
    """Nobody pays for this damage."""

    damage_id: IdRef
    resident_id: IdRef
    assessed_at: datetime


@event(stream="damage-{damage_id}")
class ChargeOpened(events.ChargeOpened):
    """The rules don't cover this damage; a manager settles it with the resident."""

    damage_id: IdRef
    resident_id: IdRef
    assessed_at: datetime


# -- commands --


@command
class AssessDamage:
    """Decide who pays for a damaged or lost item."""

    damage_id: str
    centre: str
    rental_id: str
    resident_id: str
    barcode: str
    cause: Cause


# -- refusals --


class NoDamageRules(Refused):
    """The centre {centre} has no house rules yet; a manager adopts them with POST /v1/house-rules."""

    kind = "unavailable"
    ko = "{centre} 센터의 운영 규칙이 아직 등록되지 않았습니다."


# -- state --


@state("no_fault_rule", key="centre")
class NoFaultRule:
    """The rule of the house rules in force that covers every cause but those of ``not_covered``."""

    centre: str
    rule: str
    rules_version: int
    not_covered: tuple[Cause, ...]


@state("damage", key="damage_id", stream="damage-{}")
class Damage(views.Damage):
    """A damage as it was assessed."""

    version: int = 0


def evolve_rule(rule: NoFaultRule | None, event: HouseRulesAdopted) -> NoFaultRule:
    """The rule after an adoption."""
    return make(NoFaultRule, event, rule=event.rules.damage.policy, not_covered=event.rules.damage.not_covered)


def evolve(damage: Damage | None, event: ChargeWaived | ChargeOpened) -> Damage:
    """The damage after its assessment."""
    if isinstance(event, ChargeWaived):
        return make(Damage, event, state="waived")
    return make(Damage, event, state="open", rule=None)
