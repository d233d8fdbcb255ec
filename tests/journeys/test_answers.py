"""Every route answers what its contract says, no field more or less; of two who change a thing at once one is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest

from services.contracts.inventory.commands import DescribeCategory
from services.contracts.notifications.commands import CorrectContact
from tests.support.answers import UNDER_CONTRACT
from tests.support.api import Api
from tests.support.waiting import wait_for


@pytest.fixture
def api(fleet):
    return Api(fleet)


def test_every_route_answers_what_its_contract_says(api):
    kim = a_membership(api)
    one, two, three, four = api.stock(4)
    a_category(api)
    api.post("/v1/desk/scan", {"barcode": one})
    api.get(f"/v1/quotes?barcodes={one},{two}&nights=2&resident_id={kim}")
    rental = api.lend(kim, one, two)
    api.get(f"/v1/rentals/{rental['rental_id']}")
    api.get(f"/v1/rentals?resident_id={kim}")
    api.take_back(rental, "damaged", cause="wilful")
    api.get(f"/v1/rentals/{rental['rental_id']}/history")
    money(api, rental)
    repairs(api, three)
    a_contact(api)
    api.post(f"/v1/items/{four}/lost", role="manager")
    api.get("/v1/items")
    api.get(f"/v1/items/{four}")
    api.post(f"/v1/items/{four}/retire", role="manager")
    api.get("/v1/notices", role="manager")
    api.get("/v1/announcements")
    for service in ("inventory", "rentals", "billing", "notifications"):
        api.get(f"/v1/events/{service}?after=0", role="manager")
    rules = api.get("/v1/house-rules", role="manager")
    api.post("/v1/house-rules", {"rules": rules["rules"]}, role="manager")
    assert api.answered - {None} == UNDER_CONTRACT


def a_membership(api):
    kim = api.resident()
    api.get("/v1/residents?phone=010-1234-5678")
    api.get(f"/v1/residents/{kim}")
    api.post(f"/v1/residents/{kim}/suspension", {"until": "2099-01-01", "reason": "conduct"}, role="manager")
    assert api.call("DELETE", f"/v1/residents/{kim}/suspension", role="manager").ok
    return kim


def a_contact(api):
    resident_id = api.resident()
    contact = api.get(f"/v1/residents/{resident_id}")["contact"]
    whole = {field.name: contact[field.name] for field in fields(CorrectContact) if field.name != "resident_id"}
    api.post(f"/v1/residents/{resident_id}/contact", {**whole, "phone": "010-8765-4321"})
    assert api.call("DELETE", f"/v1/residents/{resident_id}/contact?reason=asked", role="manager").ok


def a_category(api):
    category = api.get("/v1/categories/C10")
    api.get("/v1/categories")
    described = {field.name: category[field.name] for field in fields(DescribeCategory) if field.name != "centre"}
    api.post("/v1/categories", described, role="manager")


def money(api, rental):
    [payment] = api.get(f"/v1/payments?rental_id={rental['rental_id']}")["data"]
    api.get(f"/v1/payments/{payment['payment_id']}")
    [damage, *_] = wait_for(lambda: api.get("/v1/damages", role="manager")["data"])
    api.get(f"/v1/damages/{damage['damage_id']}")
    api.get("/v1/ledger", role="manager")


def repairs(api, barcode):
    api.post(f"/v1/items/{barcode}/damage", {"cause": "wear"}, role="desk")
    [repair] = wait_for(lambda: api.get(f"/v1/repairs?barcode={barcode}")["data"])
    path = f"/v1/repairs/{repair['repair_id']}"
    api.get(path)
    api.post(f"{path}/sent", {"maker": "kovea"}, role="manager")
    api.post(f"{path}/returned", {"mended": True, "cost_krw": 0}, role="manager")


def test_of_two_desks_that_take_back_the_same_version_one_is_told_that_it_changed(api):
    one, two = api.stock(2)
    rental = api.lend(api.resident(), one, two)
    path = f"/v1/rentals/{rental['rental_id']}"
    etag = api.call("GET", path).headers["ETag"]

    def take_back(barcode):
        body = {"items": [{"barcode": barcode, "condition": "good"}]}
        return api.call("POST", f"{path}/return", body, If_Match=etag).status_code

    with ThreadPoolExecutor(2) as desks:
        assert sorted(desks.map(take_back, (one, two))) == [200, 412]
    assert [line["back"] for line in api.get(path)["items"]].count(True) == 1
