"""The load: desks that lend, take back, scan and do the office's work, and keepers who make items ready again."""

import asyncio
import os
import random
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import uvloop

from deploy.local.processes import NICE
from drills.chaos.client import Client
from drills.chaos.history import MEDDLE, OK, Op
from drills.chaos.office import Office

CONDITIONS = ("good",) * 40 + ("dirty",) * 4 + ("damaged",) * 2 + ("incomplete", "lost")
CAUSES = ("wear", "ignorance", "inexperience", "accident", "wilful")
REST = 3.0  # seconds before a keeper looks at an item that came back
HOT = 12  # items that every desk wants


class Load:
    """Runs one centre's desks and keepers in a thread of their own until :meth:`stop`.

    ``pace``: commands per second, at most. ``others``: residents of other centres, whom these desks may not reach.
    """

    def __init__(
        self,
        client: Client,
        seed: int,
        barcodes: list[str],
        residents: list[str],
        pace: float,
        others: list[str],
    ) -> None:
        self._client, self._seed, self._pace = client, seed, pace
        self._hot, self._free = barcodes[:HOT], deque(barcodes[HOT:])
        self._residents, self._rest = deque(residents), deque[tuple[float, str]]()
        self._others = others
        self._office = Office(self._command, self._residents, self._free)
        self._stopping = False
        self._next = 0.0
        self._old: deque[tuple[Op, Any, str]] = deque(maxlen=400)
        self.errors: list[str] = []

    def start(self, desks: int, keepers: int = 12) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._alone, args=(desks, keepers), name="load", daemon=True)
        self._thread.start()

    def stop(self, grace: float = 30.0) -> None:
        """No new operations; those under way get ``grace`` seconds for a definite answer."""
        self._stopping = True
        self._thread.join(grace)
        self._client.giving_up = True
        self._thread.join(15)

    def _alone(self, desks: int, keepers: int) -> None:
        # Clients have machines of their own: what these use must not hold up a service that starts.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE + 5)
        uvloop.run(self._run(desks, keepers))

    async def _run(self, desks: int, keepers: int) -> None:
        async with self._client:
            work = [self._forever(f"desk-{n}", self._serve) for n in range(desks)]
            work += [self._forever(f"keeper-{n}", self._keep) for n in range(keepers)]
            await asyncio.gather(*work)

    async def _forever(self, name: str, work: Any) -> None:
        dice = random.Random(f"{self._seed}:{name}")
        while not self._stopping:
            try:
                await work(name, dice)
            except Exception as error:  # a bug of the drill: it must not end quietly
                self.errors.append(f"{name}: {type(error).__name__}: {error}")
                await asyncio.sleep(1)

    def _op(self, who: str, kind: str, dice: random.Random, **about: Any) -> Op:
        # Another centre's desk of this name draws the same keys.
        about["centre"] = self._client.centre
        return Op(who, kind, str(UUID(int=dice.getrandbits(128), version=4)), self._client._now(), about)

    async def _command(
        self, who: str, kind: str, dice: random.Random, path: str, body: Any, *, method: str = "POST", **about: Any
    ) -> Op:
        # All together send no more than the pace.
        now = time.monotonic()
        self._next = max(self._next + 1 / self._pace, now - 0.5)
        await asyncio.sleep(max(0.0, self._next - now))
        op = self._op(who, kind, dice, **{"path": path, "role": "desk", **about})
        await self._client.do(op, body, method)
        self._old.append((op, body, method))
        return op

    # -- the desk --

    async def _serve(self, who: str, dice: random.Random) -> None:
        chance = dice.random()
        if chance < 0.35:
            await self._office.work(who, dice)
        elif chance < 0.38:
            await self._ask_again(who, dice)
        elif chance < 0.42:
            await self._scan(who, dice, dice.choice(self._hot))
        elif chance < 0.43:
            await self._meddle(who, dice)
        else:
            await self._lend(who, dice)

    async def _ask_again(self, who: str, dice: random.Random) -> None:
        """An old request once more, with its old key: nothing may happen, and the answer must be the same."""
        done = [each for each in self._old if each[0].definite]
        if not done:
            return await asyncio.sleep(0.1)
        old, body, method = dice.choice(done)
        again = Op(who, old.kind, old.id, self._client._now(), dict(old.about), repeats=True)
        await self._client.do(again, body, method)

    async def _meddle(self, who: str, dice: random.Random) -> None:
        """Somebody of another centre is lent to, verified or suspended: it must not work."""
        other = dice.choice(self._others)
        path, order = f"/v1/residents/{other}", self._order(other, [dice.choice(self._hot)], 1)
        until = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
        asked = [
            ("/v1/rentals", order),
            (f"{path}/verification", {"method": "id_card"}),
            (f"{path}/suspension", {"until": until, "reason": "late"}),
        ]
        await self._command(who, MEDDLE, dice, *dice.choice(asked))

    async def _scan(self, who: str, dice: random.Random, barcode: str) -> Op:
        op = self._op(who, "scan", dice, barcode=barcode)
        return await self._client.read(op, "POST", "/v1/desk/scan", {"barcode": barcode})

    def _choose(self, dice: random.Random) -> list[str]:
        if dice.random() < 0.12:
            return [dice.choice(self._hot)]
        count = min(dice.choice((1, 1, 1, 2, 2, 3)), len(self._free))
        return [self._free.popleft() for _ in range(count)]

    async def _lend(self, who: str, dice: random.Random) -> None:
        barcodes = self._choose(dice)
        if not barcodes:
            return await asyncio.sleep(0.2)
        resident = self._residents.popleft()
        order = self._order(resident, barcodes, dice.randint(1, 3))
        try:
            op = await self._command(who, "lend", dice, "/v1/rentals", order, barcodes=barcodes, resident=resident)
            if op.outcome == OK and await self._paid(who, dice, op):
                await self._take_back(who, dice, op.seen["rental_id"], barcodes)
        finally:
            self._residents.append(resident)
            self._rest.extend((time.monotonic() + REST, barcode) for barcode in barcodes)

    @staticmethod
    def _order(resident: str, barcodes: list[str], nights: int) -> dict[str, Any]:
        return {
            "resident_id": resident,
            "barcodes": barcodes,
            "nights": nights,
            "payment": {"method": "card_terminal"},
            "manual_acknowledged": True,
        }

    async def _paid(self, who: str, dice: random.Random, lent: Op) -> bool:
        rental, version = lent.seen["rental_id"], lent.version
        until = time.monotonic() + 25
        while time.monotonic() < until and not self._stopping:
            headers = {"If-None-Match": f'"{version}"', "Prefer": "wait=2"}
            op = self._op(who, "read", dice, rental=rental)
            await self._client.read(op, "GET", f"/v1/rentals/{rental}", **headers)
            if op.outcome == OK and op.status == 200:
                if op.seen["state"] != "awaiting_payment":
                    return bool(op.seen["state"] == "out")
                version = op.version
            elif op.status != 304:
                await asyncio.sleep(0.3)
        return False

    async def _take_back(self, who: str, dice: random.Random, rental: str, barcodes: list[str]) -> None:
        parts = [barcodes[:1], barcodes[1:]] if len(barcodes) > 1 and dice.random() < 0.2 else [barcodes]
        for part in parts:
            found = [self._found(barcode, dice) for barcode in part]
            path = f"/v1/rentals/{rental}/return"
            await self._command(who, "return", dice, path, {"items": found}, rental=rental, barcodes=part)

    def _found(self, barcode: str, dice: random.Random) -> dict[str, Any]:
        condition = dice.choice(CONDITIONS)
        if condition == "incomplete":
            return {"barcode": barcode, "condition": "good", "missing": [{"part": 1, "count": 1}]}
        cause = {"cause": dice.choice(CAUSES)} if condition == "damaged" else {}
        return {"barcode": barcode, "condition": condition, **cause}

    # -- the keeper --

    async def _keep(self, who: str, dice: random.Random) -> None:
        """Look at an item that came back and do the one thing that it needs next, until it can be lent again."""
        if not self._rest or self._rest[0][0] > time.monotonic():
            return await asyncio.sleep(0.1)
        _, barcode = self._rest.popleft()
        scanned = await self._scan(who, dice, barcode)
        if not scanned.definite:
            await asyncio.sleep(REST / 2)  # a gateway that does not answer is not asked again at once
        seen = scanned.seen
        item, holder = seen.get("item"), seen.get("holder")
        if item and item["state"] == "ready" and holder is None:
            if barcode not in self._hot:
                self._free.append(barcode)
            return
        if holder and holder["state"] in ("held", "out"):
            await self._mind(who, dice, barcode, holder)
        elif item:
            await self._mend(who, dice, barcode, item)
        self._rest.append((time.monotonic() + REST, barcode))

    async def _mind(self, who: str, dice: random.Random, barcode: str, holder: dict[str, Any]) -> None:
        """An item is out though its desk is through with it: the desk never saw the payment. Take it back."""
        if holder["state"] == "out" and dice.random() < 0.3:
            path, rental = f"/v1/rentals/{holder['rental_id']}/return", holder["rental_id"]
            body = {"items": [{"barcode": barcode, "condition": "good"}]}
            await self._command(who, "return", dice, path, body, rental=rental, barcodes=[barcode])

    async def _mend(self, who: str, dice: random.Random, barcode: str, item: dict[str, Any]) -> None:
        repair = item.get("repair_id")
        match item["state"]:
            case "damaged":
                body: dict[str, Any] = {"maker": "kovea", "reference": "A-1"}
                await self._command(who, "repair", dice, f"/v1/repairs/{repair}/sent", body)
            case "repair":
                body = {"mended": True, "cost_krw": 10000}
                await self._command(who, "repair", dice, f"/v1/repairs/{repair}/returned", body)
            case "cleaning" | "preparing" | "lost":
                await self._command(who, "ready", dice, f"/v1/items/{barcode}/ready", {}, barcode=barcode)
