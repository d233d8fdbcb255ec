"""Items (물품): each with its barcode, its state, and whether a rental has it."""

from services.chassis.service import Capability, CommandHandler
from services.contracts.inventory import commands
from services.inventory.items import decisions
from services.inventory.items.model import FinishCleaning, Item, ReceiveItem
from services.inventory.items.policies import POLICIES, SCHEDULES
from services.inventory.items.projections import PROJECTIONS
from services.inventory.items.queries import QUERIES

CAPABILITY = Capability(
    "items",
    commands=(
        CommandHandler(commands.RegisterItem, decisions.register, Item),
        CommandHandler(commands.MakeItemReady, decisions.make_ready, Item),
        CommandHandler(commands.ReportDamage, decisions.report_damage, Item),
        CommandHandler(commands.ReportLost, decisions.report_lost, Item),
        CommandHandler(commands.RetireItem, decisions.retire, Item),
        CommandHandler(ReceiveItem, decisions.receive),
        CommandHandler(FinishCleaning, decisions.finish_cleaning),
    ),
    projections=PROJECTIONS,
    policies=POLICIES,
    schedules=SCHEDULES,
    queries=QUERIES,
)
