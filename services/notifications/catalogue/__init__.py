"""What notifications knows of inventory's catalogue."""

from services.chassis.service import Capability, Projection
from services.contracts.inventory.events import CategoryDescribed
from services.notifications.catalogue.model import Category, evolve

CAPABILITY = Capability("catalogue", projections=(Projection(Category, evolve, (CategoryDescribed,)),))
