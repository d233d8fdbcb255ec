"""House rules: data that a centre adopts, and that its lending follows."""

from services.chassis.readmodels.paging import row_query
from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.rentals import queries
from services.contracts.rentals.commands import AdoptHouseRules
from services.rentals.house_rules.decisions import adopt
from services.rentals.house_rules.model import HouseRules, HouseRulesAdopted, evolve

CAPABILITY = Capability(
    "house_rules",
    commands=(CommandHandler(AdoptHouseRules, adopt, HouseRules),),
    projections=(Projection(HouseRules, evolve, (HouseRulesAdopted,)),),
    queries=(row_query(queries.HouseRules, HouseRules),),
)
