"""The work of the office: new residents, suspensions that end early, new items, items out of the books."""

import random
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from drills.chaos.history import OK, Op
from drills.chaos.stock import CATEGORIES

Send = Callable[..., Awaitable[Op]]


class Office:
    """What clerks and the manager do: whom they verify may borrow, what they make ready may be lent."""

    def __init__(self, send: Send, residents: deque[str], free: deque[str]) -> None:
        self._send, self._residents, self._free = send, residents, free

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
        card = {"method": "id_card"}
        verified = await self._send(who, "verify", dice, f"{path}/verification", card, resident=resident)
        if dice.random() < 0.4:
            until = (datetime.now(UTC) + timedelta(days=dice.randint(7, 30))).date().isoformat()
            wanted = {"until": until, "reason": dice.choice(("late", "conduct", "unsettled"))}
            await self._send(who, "suspend", dice, f"{path}/suspension", wanted, resident=resident)
            await self._send(who, "reinstate", dice, f"{path}/suspension", None, method="DELETE", resident=resident)
        if verified.outcome == OK:
            self._residents.append(resident)

    async def _stock(self, who: str, dice: random.Random) -> None:
        category = dice.choice(CATEGORIES)
        barcode = f"CH-{category}-{dice.randrange(10**5, 10**8):08d}"
        new = {"barcode": barcode, "category": category}
        await self._send(who, "enter", dice, "/v1/items", new, role="manager", barcode=barcode)
        await self._send(who, "ready", dice, f"/v1/items/{barcode}/ready", {}, barcode=barcode)
        if dice.random() < 0.5:
            await self._send(who, "retire", dice, f"/v1/items/{barcode}/retire", {}, role="manager", barcode=barcode)
        else:
            self._free.append(barcode)
