"""The end of a rental: items taken back, rentals marked overdue, items released once inventory has checked them."""

from services.chassis.service import Capability, CommandHandler
from services.contracts.rentals import commands
from services.rentals.checkout.model import Rental
from services.rentals.returns import decisions, model
from services.rentals.returns.policies import POLICIES, SCHEDULES

CAPABILITY = Capability(
    name="returns",
    commands=(
        CommandHandler(commands.ReturnItems, decisions.return_items, Rental),
        CommandHandler(model.MarkOverdue, decisions.mark_overdue),
        CommandHandler(model.ReleaseItem, decisions.release_item),
    ),
    policies=POLICIES,
    schedules=SCHEDULES,
)
