"""The door of inventory: everything that can be asked of it, and everything that it does by itself."""

from services.chassis.definition import Service, command
from services.chassis.entrypoints import Door
from services.contracts import inventory as wire
from services.inventory.domain import category, item, repair, shelving
from services.inventory.projections import VIEWS
from services.inventory.publish import PUBLISH
from services.inventory.queries import QUERIES
from services.inventory.reactions import HEARS, JOBS, REACTIONS, SCHEDULE

SERVICE = Service(
    name="inventory",
    commands=(
        command(wire.DescribeCategory, category.DescribeCategory, category.describe, category.Category),
        command(wire.RegisterItem, item.RegisterItem, shelving.register, item.Item),
        command(wire.MakeItemReady, item.MakeItemReady, shelving.make_ready, item.Item),
        command(wire.ReportDamage, item.ReportDamage, shelving.report_damage, item.Item),
        command(wire.ReportLost, item.ReportLost, shelving.report_lost, item.Item),
        command(wire.RetireItem, item.RetireItem, shelving.retire, item.Item),
        command(wire.TakeBackItem, item.TakeBackItem, shelving.take_back, item.Item),
        command(wire.FinishCleaning, item.FinishCleaning, shelving.finish_cleaning, item.Item),
        command(wire.SendRepair, repair.SendRepair, shelving.send_repair, repair.Repair),
        command(wire.ReturnRepair, repair.ReturnRepair, shelving.return_repair, repair.Repair),
    ),
    views=VIEWS,
    queries=QUERIES,
    publish=PUBLISH,
    hears=HEARS,
    reactions=REACTIONS,
    schedule=SCHEDULE,
    jobs=JOBS,
)


class Inventory(Door):
    """Inventory at the door of nameko."""

    name = "inventory"
    service = SERVICE
