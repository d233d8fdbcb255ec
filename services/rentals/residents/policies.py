"""What follows for memberships from what other services publish."""

from collections.abc import Iterable

from services.chassis.domain import ScheduledCommand
from services.chassis.service import Policy, Schedule
from services.contracts.notifications.events import ContactRegistered
from services.contracts.rentals.commands import JoinResident
from services.rentals.residents.model import EndSuspension, ResidentSuspended


def join(event: ContactRegistered) -> Iterable[JoinResident]:
    """A resident with a contact is a member: this completes a registration that was interrupted."""
    yield JoinResident(resident_id=event.resident_id, centre=event.centre)


POLICIES = (Policy(ContactRegistered, join),)


def end_suspension(event: ResidentSuspended) -> Iterable[ScheduledCommand]:
    """When its last day is over, a suspension ends by itself."""
    yield ScheduledCommand(EndSuspension(resident_id=event.resident_id, until=event.until), event.ends_at)


SCHEDULES = (Schedule(ResidentSuspended, end_suspension),)
