"""Release after release of these sources, as trees of their own: each adds what an older one can't know.

Release ``n`` of inventory stores ``repair.sent`` in a new schema, and when a repair is sent, a new scheduled command
makes a new event, ``promise.made_<n>``, with a view of its own. The event leaves the service, and release ``n`` of
rentals takes it in.
"""

import re
import shutil
import subprocess
from pathlib import Path

from deploy.local.config import ROOT

CONTRACT = '''

@integration_event("promise.made_{n}")
class PromiseMade{n}:
    """The maker promised an item back."""

    centre: str
    repair_id: str
    promise_id: str
'''

PROMISES = '''"""Promises of the maker, of the kind that release {n} knows."""

from services.chassis.domain import ScheduledCommand, command, event, make, reads, state
from services.chassis.service import Capability, CommandHandler, Projection, Schedule
from services.contracts.base import centre_of
from services.contracts.inventory import events
from services.inventory.repairs.model import RepairSent


@event(stream="promise_{n}-{{promise_id}}")
class PromiseMade(events.PromiseMade{n}):
    """The maker promised an item back."""


@command
class MakePromise{n}:
    """Note what the maker promised."""

    repair_id: str


@state("promise_{n}", key="promise_id", stream="promise_{n}-{{}}")
class Promise:
    """A promise."""

    promise_id: str
    centre: str
    repair_id: str
    version: int = 0


@reads(lambda command: [(Promise, command.repair_id)])
def make_promise(command, read, now):
    """Note a promise once."""
    if read(Promise, command.repair_id):
        return []
    centre = centre_of(command.repair_id)
    return [PromiseMade(centre=centre, repair_id=command.repair_id, promise_id=command.repair_id)]


def promised(event):
    """A repair that is sent is promised."""
    yield ScheduledCommand(MakePromise{n}(repair_id=event.repair_id), event.sent_at)


CAPABILITY = Capability(
    "promises_{n}",
    commands=(CommandHandler(MakePromise{n}, make_promise),),
    projections=(Projection(Promise, lambda promise, event: make(Promise, event), (PromiseMade,)),),
    schedules=(Schedule(RepairSent, promised),),
    upcasts={{("repair.sent", {n}): lambda data: data}},
)
'''

SEEN = '''"""Promises of the maker, as rentals hears of them."""

from services.chassis.domain import make, state
from services.chassis.service import Capability, Projection
from services.contracts.inventory.events import PromiseMade{n}


@state("promise_{n}", key="promise_id")
class Promise:
    """A promise."""

    promise_id: str
    repair_id: str


CAPABILITY = Capability(
    "promises_{n}", projections=(Projection(Promise, lambda promise, event: make(Promise, event), (PromiseMade{n},)),)
)
'''

OWN_TABLE = (
    "create table promise_{n} (promise_id text primary key, centre text not null, repair_id text not null,"
    " version integer not null);\n"
)
SEEN_TABLE = "create table promise_{n} (promise_id text primary key, repair_id text not null);\n"


def release(number: int, root: Path) -> None:
    """Write the tree of a release to ``root``: these sources when 0, else the release before it and what is new."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if not name.startswith(("tests/", "docs/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    for each in range(1, number + 1):
        _add(root, each)


def _add(root: Path, n: int) -> None:
    _append(root / "services/contracts/inventory/events.py", CONTRACT.format(n=n))
    for service, capability, table in (("inventory", PROMISES, OWN_TABLE), ("rentals", SEEN, SEEN_TABLE)):
        home = root / "services" / service
        (home / f"promises_{n}").mkdir()
        (home / f"promises_{n}" / "__init__.py").write_text(capability.format(n=n))
        (home / "sql" / "migrations" / f"1{n:03}_promises.sql").write_text(table.format(n=n))
        _append(home / "service.py", _joined(service, n))
    model = root / "services/inventory/repairs/model.py"
    _replace(model, r"(@event\(stream=\"repair-\{repair_id\}\")[^)]*(\)\nclass RepairSent)", rf"\1, schema={n + 1}\2")


def _joined(service: str, n: int) -> str:
    return (
        f"\nfrom services.{service} import promises_{n}  # noqa: E402\n\n"
        f"SERVICE = Service(SERVICE.name, *SERVICE.capabilities, promises_{n}.CAPABILITY)\n"
    )


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def _replace(file: Path, pattern: str, by: str) -> None:
    text, times = re.subn(pattern, by, file.read_text(encoding="utf-8"))
    if times != 1:
        raise ValueError(f"{file} has {times} times: {pattern}")
    file.write_text(text, encoding="utf-8")
