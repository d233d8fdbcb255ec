"""What a token has to claim, and where a mistake is pointed at."""

from __future__ import annotations

import pytest

from tests.unit.gateway.conftest import RENTAL_ID, Client, Gateway, lending, token


@pytest.mark.parametrize("claim", ["iss", "sub", "role", "centre", "exp"])
def test_a_token_without_one_of_its_claims_is_refused(gateway: Gateway, claim: str) -> None:
    given = token(**{claim: None})
    answer = Client(gateway.url, given).get("/v1/rentals")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_a_pointer_leads_to_the_field_whatever_its_name_is(desk: Client) -> None:
    answer = desk.post("/v1/rentals", json=lending(**{"a/b~c": 1}), headers={"Idempotency-Key": "k"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/a~1b~0c"]


def test_how_long_each_service_took_is_measured_by_service_and_call(gateway: Gateway, desk: Client) -> None:
    def measured() -> dict[str, float]:
        lines = Client(gateway.url, None).get("/metrics").text.splitlines()
        return dict(
            (name, float(value))
            for name, _, value in (line.rpartition(" ") for line in lines)
            if "service_seconds_count" in name
        )

    before = measured()
    desk.post("/v1/rentals", json=lending(), headers={"Idempotency-Key": "measured"})
    desk.get(f"/v1/rentals/{RENTAL_ID}")
    risen = {name for name, value in measured().items() if value > before.get(name, 0)}
    expected = [
        f'nanum_gateway_service_seconds_count{{call="{call}",service="rentals"}}' for call in ("commands", "query")
    ]
    assert sorted(risen) == expected
