"""A repair: a damaged unit goes to its maker and comes back. The district pays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.chassis.kernel import Refused, fact, intent, replace, state

OPEN, SENT, MENDED, SCRAPPED = "open", "sent", "mended", "scrapped"

# -- facts --


@fact("repair.opened", stream="repair-{repair_id}")
class RepairOpened:
    """A damaged unit waits to be sent."""

    centre: str
    repair_id: str
    barcode: str
    rental_id: str | None
    cause: str
    opened_at: datetime


@fact("repair.sent", stream="repair-{repair_id}")
class RepairSent:
    """The unit is at its maker."""

    centre: str
    repair_id: str
    barcode: str
    maker: str
    reference: str
    sent_at: datetime


@fact("repair.returned", stream="repair-{repair_id}")
class RepairReturned:
    """The unit is back; mended or not, the district bore the cost."""

    centre: str
    repair_id: str
    barcode: str
    rental_id: str | None
    mended: bool
    cost_krw: int
    returned_at: datetime


# -- intents --


@intent
class SendRepair:
    """Hand the unit to its maker."""

    repair_id: str
    maker: str
    reference: str = ""


@intent
class ReturnRepair:
    """The unit is back."""

    repair_id: str
    mended: bool
    cost_krw: int


# -- refusals --


class RepairUnknown(Refused):
    """There is no repair {repair_id}."""

    kind = "not_found"
    ko = "수리 건 {repair_id}을(를) 찾을 수 없습니다."


class RepairNotSendable(Refused):
    """Repair {repair_id} is {state}; only an open one can be sent."""

    kind = "conflict"
    ko = "수리 건 {repair_id}의 상태는 {state}입니다. 접수 상태인 건만 보낼 수 있습니다."


class RepairNotReturnable(Refused):
    """Repair {repair_id} is {state}; only a unit that was sent or waits to be sent can come back."""

    kind = "conflict"
    ko = "수리 건 {repair_id}의 상태는 {state}입니다. 수리 중인 건만 완료할 수 있습니다."


# -- state --


@state("repair", key="repair_id", stream="repair-{}")
class Repair:
    """A repair as it stands: open, sent, mended or scrapped."""

    repair_id: str
    centre: str
    barcode: str
    rental_id: str | None
    cause: str
    state: str
    maker: str | None
    reference: str | None
    cost_krw: int | None
    opened_at: datetime
    sent_at: datetime | None
    returned_at: datetime | None
    version: int = 0


def evolve(now: Repair | None, fact: Any) -> Repair | None:
    """The repair after a fact."""
    match fact:
        case RepairOpened():
            return Repair(
                repair_id=fact.repair_id,
                centre=fact.centre,
                barcode=fact.barcode,
                rental_id=fact.rental_id,
                cause=fact.cause,
                state=OPEN,
                maker=None,
                reference=None,
                cost_krw=None,
                opened_at=fact.opened_at,
                sent_at=None,
                returned_at=None,
            )
        case RepairSent() if now:
            return replace(now, state=SENT, maker=fact.maker, reference=fact.reference, sent_at=fact.sent_at)
        case RepairReturned() if now:
            state = MENDED if fact.mended else SCRAPPED
            return replace(now, state=state, cost_krw=fact.cost_krw, returned_at=fact.returned_at)
        case _:
            return now
