"""Repairs (수리): a damaged item goes to its maker and comes back."""

from services.chassis.readmodels.paging import list_query, row_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.inventory import queries
from services.contracts.inventory.commands import ReturnRepair, SendRepair
from services.inventory.repairs import decisions, model

CAPABILITY = Capability(
    "repairs",
    commands=(
        CommandHandler(SendRepair, decisions.send, model.Repair),
        CommandHandler(ReturnRepair, decisions.take_back, model.Repair),
    ),
    projections=(Projection(model.Repair, model.evolve, (model.RepairOpened, model.RepairSent, model.RepairReturned)),),
    queries=(row_query(queries.Repair, model.Repair), list_query(queries.Repairs, model.Repair, by="opened_at")),
)
