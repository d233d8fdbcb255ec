"""A repair: a damaged item goes to its maker and comes back. The district pays."""

from datetime import datetime
from typing import Any

from services.chassis.domain import Refused, event, replace, state
from services.contracts import refusals
from services.contracts.inventory import events, views
from services.contracts.texts import ReferenceRef

# -- events --


@event(stream="repair-{repair_id}")
class RepairOpened(events.RepairOpened):
    """A damaged item waits to be sent."""

    opened_at: datetime


@event(stream="repair-{repair_id}")
class RepairSent(events.RepairSent):
    """The item is at its maker."""

    reference: ReferenceRef | None
    sent_at: datetime


@event(stream="repair-{repair_id}")
class RepairReturned(events.RepairReturned):
    """The item is back; mended or not, the district bore the cost."""

    returned_at: datetime


# -- refusals --


class RepairUnknown(Refused):
    """There is no repair {repair_id}."""

    kind = refusals.NOT_FOUND
    ko = "수리 건 {repair_id}을(를) 찾을 수 없습니다."


class RepairNotSendable(Refused):
    """Repair {repair_id} is {state}; only an open one can be sent."""

    kind = refusals.CONFLICT
    ko = "수리 건 {repair_id}의 상태는 {state}입니다. 접수 상태인 건만 보낼 수 있습니다."


class RepairNotReturnable(Refused):
    """Repair {repair_id} is {state}; only an item that was sent or waits to be sent can come back."""

    kind = refusals.CONFLICT
    ko = "수리 건 {repair_id}의 상태는 {state}입니다. 수리 중인 건만 완료할 수 있습니다."


# -- state --


@state("repair", key="repair_id", stream="repair-{}")
class Repair(views.Repair):
    """A repair as it stands: open, sent, mended or scrapped."""

    version: int = 0


def evolve(repair: Repair | None, event: Any) -> Repair | None:
    """The repair after an event."""
    match event:
        case RepairOpened():
            return Repair(
                **vars(event), state="open", maker=None, reference=None, cost_krw=None, sent_at=None, returned_at=None
            )
        case RepairSent() if repair:
            sent = {"maker": event.maker, "reference": event.reference, "sent_at": event.sent_at}
            return replace(repair, state="sent", **sent)
        case RepairReturned() if repair:
            state = "mended" if event.mended else "scrapped"
            return replace(repair, state=state, cost_krw=event.cost_krw, returned_at=event.returned_at)
    return repair
