"""Decisions about a membership: join, verify, suspend, reinstate."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, make, reads
from services.contracts.base import centre_of
from services.contracts.rentals.commands import JoinResident, ReinstateResident, SuspendResident, VerifyResident
from services.rentals.house_rules.model import HouseRules, in_force
from services.rentals.residents.model import (
    EndSuspension,
    Resident,
    ResidentJoined,
    ResidentReinstated,
    ResidentVerified,
    known_resident,
)

reads_resident = reads(lambda command: [(Resident, command.resident_id)])
reads_resident_and_rules = reads(
    lambda command: [(Resident, command.resident_id), (HouseRules, centre_of(command.resident_id))]
)


@reads_resident
def join(command: JoinResident, read: StateReader, now: datetime) -> list[Any]:
    """Joining twice is joining once."""
    if read(Resident, command.resident_id):
        return []
    return [ResidentJoined(**vars(command))]


@reads_resident_and_rules
def verify(command: VerifyResident, read: StateReader, now: datetime) -> list[Any]:
    """A verified resident stays verified."""
    resident = known_resident(read, command.resident_id)
    if resident.verified_on is not None:
        return []
    verified_on = in_force(read, centre_of(command.resident_id)).today(now)
    return [make(ResidentVerified, resident, method=command.method, verified_on=verified_on)]


@reads_resident_and_rules
def suspend(command: SuspendResident, read: StateReader, now: datetime) -> list[Any]:
    """A suspension is set or moved; the same one again changes nothing."""
    resident = known_resident(read, command.resident_id)
    if resident.suspended_until == command.until:
        return []
    rules = in_force(read, centre_of(command.resident_id))
    return [resident.suspended(command.until, rules.end_of(command.until), command.reason)]


@reads_resident
def reinstate(command: ReinstateResident, read: StateReader, now: datetime) -> list[Any]:
    """End a suspension early; a resident who isn't suspended stays as they are."""
    return _reinstated(known_resident(read, command.resident_id))


@reads_resident
def end_suspension(command: EndSuspension, read: StateReader, now: datetime) -> list[Any]:
    """The time of a suspension is over; one that was moved meanwhile has a timer of its own."""
    resident = known_resident(read, command.resident_id)
    return _reinstated(resident) if resident.suspended_until == command.until else []


def _reinstated(resident: Resident) -> list[Any]:
    if resident.suspended_until is None:
        return []
    return [make(ResidentReinstated, resident)]
