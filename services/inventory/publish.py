"""What leaves the service. A fact that is absent here is private, and so is a field that the contract lacks."""

from services.contracts import inventory as wire
from services.inventory.domain import category, item, repair

PUBLISH = {
    category.CategoryDescribed: wire.CategoryDescribed,
    item.ItemRegistered: wire.ItemRegistered,
    item.ItemReady: wire.ItemReady,
    item.ItemCleaning: wire.ItemCleaning,
    item.ItemDamaged: wire.ItemDamaged,
    item.ItemLost: wire.ItemLost,
    item.ItemRetired: wire.ItemRetired,
    repair.RepairOpened: wire.RepairOpened,
    repair.RepairSent: wire.RepairSent,
    repair.RepairReturned: wire.RepairReturned,
}
