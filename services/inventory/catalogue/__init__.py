"""The catalogue (품목): the categories that the centre lends, their fees, manuals and parts."""

from services.chassis.service import Capability, CommandHandler, Projection
from services.contracts.inventory.commands import DescribeCategory
from services.inventory.catalogue.decisions import describe
from services.inventory.catalogue.model import Category, CategoryDescribed, evolve
from services.inventory.catalogue.queries import QUERIES

CAPABILITY = Capability(
    "catalogue",
    commands=(CommandHandler(DescribeCategory, describe, Category),),
    projections=(Projection(Category, evolve, (CategoryDescribed,)),),
    queries=QUERIES,
)
