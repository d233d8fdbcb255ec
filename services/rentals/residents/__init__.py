"""Residents as members: joined, verified, suspended, reinstated."""

from services.chassis.readmodels.paging import row_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.rentals import commands
from services.contracts.rentals.queries import Membership
from services.rentals.checkout.model import RentalCancelled, RentalItemsReturned, RentalRequested
from services.rentals.residents import decisions, model
from services.rentals.residents.model import EndSuspension, Resident
from services.rentals.residents.policies import POLICIES, SCHEDULES

MEMBERSHIP = (model.ResidentJoined, model.ResidentVerified, model.ResidentSuspended, model.ResidentReinstated)
HOLDINGS = (RentalRequested, RentalCancelled, RentalItemsReturned)
CAPABILITY = Capability(
    name="residents",
    commands=(
        CommandHandler(commands.JoinResident, decisions.join, Resident),
        CommandHandler(commands.VerifyResident, decisions.verify, Resident),
        CommandHandler(commands.SuspendResident, decisions.suspend, Resident),
        CommandHandler(commands.ReinstateResident, decisions.reinstate, Resident),
        CommandHandler(EndSuspension, decisions.end_suspension),
    ),
    projections=(Projection(Resident, model.evolve, (*MEMBERSHIP, *HOLDINGS)),),
    policies=POLICIES,
    schedules=SCHEDULES,
    queries=(row_query(Membership, Resident),),
)
