"""Damages: who pays for what came back damaged or not at all, by the house rules."""

from services.billing.damages import decisions, model
from services.billing.damages.policies import POLICIES
from services.chassis.readmodels.paging import list_query, row_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.billing import queries
from services.contracts.rentals.events import HouseRulesAdopted

CAPABILITY = Capability(
    "damages",
    commands=(CommandHandler(model.AssessDamage, decisions.assess),),
    projections=(
        Projection(model.Damage, model.evolve, (model.ChargeWaived, model.ChargeOpened)),
        Projection(model.NoFaultRule, model.evolve_rule, (HouseRulesAdopted,)),
    ),
    policies=POLICIES,
    queries=(row_query(queries.Damage, model.Damage), list_query(queries.Damages, model.Damage, by="assessed_at")),
)
