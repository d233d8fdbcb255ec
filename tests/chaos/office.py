"""The work of the office: new residents, suspensions that end early, new units, units out of the books."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from tests.chaos.history import OK, Op
from tests.chaos.stock import CATEGORIES

Send = Callable[..., Awaitable[Op]]


class Office:
    """What clerks and the manager do: whom they verify may borrow, what they make ready may be lent."""

    def __init__(self, send: Send, residents: deque[str], shelf: deque[str]) -> None:
        self._send, self._residents, self._shelf = send, residents, shelf

    async def work(self, who: str, dice: random.Random) -> None:
        """One piece of work, to its end."""
        await (self._welcome if dice.random() < 0.75 else self._stock)(who, dice)

    async def _welcome(self, who: str, dice: random.Random) -> None:
        number = dice.randrange(10**8)
        person = {"name": f"새 주민 {number}", "phone": f"010-{number // 10000:04d}-{number % 10000:04d}"}
        op = await self._send(who, "register", dice, "/v1/residents", person)
        if op.outcome != OK:
            return
        resident = op.seen["resident_id"]
        path = f"/v1/residents/{resident}"
        verified = await self._send(
            who, "verify", dice, f"{path}/verification", {"method": "id_card"}, resident=resident
        )
        if dice.random() < 0.4:
            until = (datetime.now(UTC) + timedelta(days=dice.randint(7, 30))).date().isoformat()
            wanted = {"until": until, "reason": dice.choice(("late", "conduct", "unsettled"))}
            await self._send(who, "suspend", dice, f"{path}/suspension", wanted, resident=resident)
            await self._send(who, "reinstate", dice, f"{path}/suspension", None, method="DELETE", resident=resident)
        if verified.outcome == OK:
            self._residents.append(resident)

    async def _stock(self, who: str, dice: random.Random) -> None:
        category = dice.choice(CATEGORIES)
        unit = f"CH-{category}-{dice.randrange(10**5, 10**8):08d}"
        new = {"barcode": unit, "category": category}
        await self._send(who, "enter", dice, "/v1/items", new, role="manager", barcode=unit)
        await self._send(who, "ready", dice, f"/v1/items/{unit}/ready", {}, barcode=unit)
        if dice.random() < 0.5:
            await self._send(who, "retire", dice, f"/v1/items/{unit}/retire", {}, role="manager", barcode=unit)
        else:
            self._shelf.append(unit)
