"""Decisions about categories."""

from datetime import datetime
from typing import Any

from services.chassis.domain import StateReader, reads, replace
from services.contracts.inventory.commands import DescribeCategory
from services.inventory.catalogue.model import Category, CategoryDescribed, evolve


@reads(lambda command: [(Category, command.category_id)])
def describe(command: DescribeCategory, read: StateReader, now: datetime) -> list[Any]:
    """Enter or change a category; the same description again changes nothing."""
    described = CategoryDescribed(**vars(command))
    category = read(Category, command.category_id)
    if category and replace(evolve(category, described), version=category.version) == category:
        return []
    return [described]
