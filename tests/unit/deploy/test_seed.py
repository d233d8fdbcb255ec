"""The seed's documents as commands: for their own centre, and for any other that is to have the same stock."""

from __future__ import annotations

from deploy.seed.documents import house_rules, stock

OWN, OTHER = "gwangju-namgu", "busan-haeundae"


def test_the_documents_are_of_the_centre_that_they_name() -> None:
    assert {command["data"]["centre"] for command in [*house_rules(), *stock()]} == {OWN}


def test_another_centre_gets_the_same_rules_and_barcodes_under_commands_of_its_own() -> None:
    [own], [other] = house_rules(), house_rules(centre=OTHER)
    assert other["data"]["centre"] == other["data"]["rules"]["centre"]["id"] == OTHER
    assert other["data"]["rules"]["calendar"] == own["data"]["rules"]["calendar"]
    here, there = stock(), stock(centre=OTHER)
    assert [each["data"].get("barcode") for each in here] == [each["data"].get("barcode") for each in there]
    assert {each["data"]["centre"] for each in there} == {OTHER}
    assert not {each["id"] for each in (own, *here)} & {each["id"] for each in (other, *there)}


def test_the_seed_acts_in_the_centre_that_it_seeds() -> None:
    for command in (*house_rules(centre=OTHER), *stock(centre=OTHER)):
        assert command["meta"]["actor"] == {"role": "seed", "centre": OTHER}
