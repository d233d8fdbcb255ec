"""Categories: described, and described again."""

from __future__ import annotations

from services.contracts.inventory.commands import DescribeCategory
from services.inventory.catalogue.model import Category, CategoryDescribed
from services.inventory.service import SERVICE
from tests.support.scenario import scenario
from tests.unit.inventory.stories import CENTRE, DESCRIPTION, catalogue


def test_a_category_is_described() -> None:
    s = scenario(SERVICE).when(DescribeCategory(**DESCRIPTION)).then(CategoryDescribed(**DESCRIPTION))
    assert s.row(Category, f"{CENTRE}.C10") == Category(**DESCRIPTION, category_id=f"{CENTRE}.C10", version=1)


def test_the_same_description_again_changes_nothing_and_another_one_does() -> None:
    s = catalogue().when(DescribeCategory(**DESCRIPTION)).then_nothing()
    s.when(DescribeCategory(**{**DESCRIPTION, "fee_krw": 700})).then_types("category.described")
    assert s.row(Category, f"{CENTRE}.C10").fee_krw == 700
