"""Whether a source's log is still the one that a subscriber has read so far; if not, it halts until a human decides.

A cursor is a position, id and time of the event there, the epoch, and the types that were subscribed to. A page of the
feed tells the same of the log as it is now. The time is needed because an event that is decided anew after a log went
back, as its command was sent again or its job done again, has the same id as before, and may be at the same position.
"""

from functools import cache
from importlib import import_module
from typing import Any

from services.chassis.eventstore.records import Cursor
from services.chassis.messaging.feed import Page
from services.chassis.service import Service
from services.contracts.base import is_integration_event


class Halted(Exception):
    """The source's log is not the one that was subscribed to so far; nothing is taken in until a human has decided."""


class EpochChanged(Halted):
    """The source's log has another name: it was restored, or a standby took its place."""


class LogRewound(Halted):
    """The source's log is no longer the one that was read: it ends earlier, or has another event where we are."""


class TypesPassed(Halted):
    """The source published events of a type that is subscribed to now, and was not when they were passed."""


class ContractMissing(Halted):
    """The source publishes a type that this release has no contract of; to go on would pass it silently."""


def check_same_log(service: Service, source: str, page: Page, cursor: Cursor) -> None:
    """Compare a page of the feed behind the cursor with the cursor. Raises :class:`Halted`."""
    way_on = f"run ./nanum resume {service.name} {source}"
    if cursor.resume_from is not None:
        raise Halted(f"a resume of {source} was broken off: {way_on}")
    if cursor.epoch not in (None, page.epoch):
        raise EpochChanged(f"{source} has the epoch {page.epoch}, subscribed was {cursor.epoch}: {way_on}")
    before = (page.previous, page.previous_id, page.previous_at)
    if page.head < cursor.position or before != (cursor.position, cursor.event_id, cursor.event_at):
        raise LogRewound(
            f"the log of {source} ends at {page.head} and has {page.previous_id} at {page.previous};"
            f" taken in was {cursor.event_id} at {cursor.position}: {way_on}"
        )
    new = set(types_of(service, source)) - set(cursor.types) if cursor.types is not None else set()
    passed = sorted(type for type in new if page.types.get(type, page.head + 1) <= cursor.position)
    if passed:
        raise TypesPassed(f"{source} had published {', '.join(passed)} before this release heard it: {way_on}")


@cache
def types_of(service: Service, source: str) -> tuple[str, ...]:
    """The types of a source that a service subscribes to, sorted."""
    return tuple(sorted(type for of, type in service.subscribed if of == source))


@cache
def contracts_of(source: str) -> frozenset[str]:
    """Every type that a service publishes, as far as this release knows."""
    declared: Any = vars(import_module(f"services.contracts.{source}.events")).values()
    return frozenset(each.TYPE for each in declared if isinstance(each, type) and is_integration_event(each))  # type: ignore[attr-defined]
