"""Who pays for a damage: nobody, for ignorance or inexperience. What the house rules don't cover, a manager settles."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.chassis.kernel import Heard, Look, Refused, fact, intent, needs, state

WAIVED, OPEN = "waived", "open"
NO_FAULT = "no_fault"
_NAMES_IN_RULES = {"transferred": "transferred_to_another"}  # the desk's word for a cause, and the rules' word for it


def damage_id(rental_id: str, barcode: str) -> str:
    """The id of what was assessed: one unit of one rental."""
    return f"{rental_id}.{barcode}"


# -- facts --


@fact("charge.waived", stream="damage-{rental_id}.{barcode}")
class ChargeWaived:
    """Nobody pays for this damage."""

    centre: str
    rental_id: str
    resident_id: str
    barcode: str
    cause: str
    rule: str
    rules_version: int
    assessed_at: datetime


@fact("charge.opened", stream="damage-{rental_id}.{barcode}")
class ChargeOpened:
    """The rules don't cover this damage; a manager settles it with the resident."""

    centre: str
    rental_id: str
    resident_id: str
    barcode: str
    cause: str
    rules_version: int
    assessed_at: datetime


# -- intents --


@intent
class AssessDamage:
    """Decide who pays for a damaged or lost unit."""

    centre: str
    rental_id: str
    resident_id: str
    barcode: str
    cause: str

    @property
    def damage_id(self) -> str:
        """What is assessed."""
        return damage_id(self.rental_id, self.barcode)


# -- refusals --


class NoDamageRules(Refused):
    """The centre {centre} has no house rules yet; a manager adopts them with POST /v1/house-rules."""

    kind = "unavailable"
    ko = "{centre} 센터의 운영 규칙이 아직 등록되지 않았습니다."


# -- state --


@state("damage_rules", key="centre")
class DamageRules:
    """What the house rules in force say of damage, as rentals has published them."""

    centre: str
    rules_version: int
    not_covered: tuple[str, ...]

    def covers(self, cause: str) -> bool:
        """Whether a damage by this cause costs the resident nothing."""
        return not {cause, _NAMES_IN_RULES.get(cause, cause)} & set(self.not_covered)


@state("damage", key="damage_id", stream="damage-{}")
class Damage:
    """A damage as it was assessed: waived, or open until a manager has settled it."""

    damage_id: str
    centre: str
    rental_id: str
    resident_id: str
    barcode: str
    cause: str
    state: str
    rule: str | None
    rules_version: int
    assessed_at: datetime
    version: int = 0


def evolve_rules(now: DamageRules | None, heard: Heard) -> DamageRules:
    """What the rules say of damage after an adoption. Rules that name no exception cover everything."""
    not_covered = heard.data["rules"].get("damage", {}).get("not_covered", ())
    return DamageRules(
        centre=heard.data["centre"], rules_version=heard.data["rules_version"], not_covered=tuple(not_covered)
    )


def evolve(now: Damage | None, fact: ChargeWaived | ChargeOpened) -> Damage:
    """The damage after its assessment."""
    return Damage(
        damage_id=damage_id(fact.rental_id, fact.barcode),
        centre=fact.centre,
        rental_id=fact.rental_id,
        resident_id=fact.resident_id,
        barcode=fact.barcode,
        cause=fact.cause,
        state=WAIVED if isinstance(fact, ChargeWaived) else OPEN,
        rule=fact.rule if isinstance(fact, ChargeWaived) else None,
        rules_version=fact.rules_version,
        assessed_at=fact.assessed_at,
    )


# -- decisions --


@needs(lambda cmd: [(Damage, cmd.damage_id), (DamageRules, cmd.centre)])
def assess(cmd: AssessDamage, look: Look, at: datetime) -> list[Any]:
    """A damage is assessed once, by the rules in force when the unit came back."""
    if look(Damage, cmd.damage_id):
        return []
    rules = look(DamageRules, cmd.centre)
    if rules is None:
        raise NoDamageRules(centre=cmd.centre)
    about: dict[str, Any] = {
        "centre": cmd.centre,
        "rental_id": cmd.rental_id,
        "resident_id": cmd.resident_id,
        "barcode": cmd.barcode,
        "cause": cmd.cause,
        "rules_version": rules.rules_version,
        "assessed_at": at,
    }
    return [ChargeWaived(**about, rule=NO_FAULT)] if rules.covers(cmd.cause) else [ChargeOpened(**about)]
