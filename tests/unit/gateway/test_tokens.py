"""Keys and revocations while the gateway runs: who checks can't mint, who may mint for some roles can't for others."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gateway.http.auth import LOOK_EVERY, Tokens
from gateway.http.problems import Problem
from gateway.http.token_files import Keys, Revocations
from integrations.tokens import mint, new_key
from services.contracts.tokens import ANALYST, MANAGER, ROLES
from tests.support.waiting import wait_for
from tests.unit.gateway.conftest import CENTRE, TOKEN_KEY, Client, Gateway, allow, token


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    """Verifies by files that the test replaces."""
    keys, revoked = allow(TOKEN_KEY)
    yield Tokens(Keys(keys), Revocations(revoked))
    allow(TOKEN_KEY)


def code(tokens: Tokens, bearer: str) -> str | None:
    """The code by which a token is refused; None when it is good."""
    try:
        assert tokens.caller(f"Bearer {bearer}")
    except Problem as problem:
        return problem.code
    return None


def test_a_key_for_analysts_makes_no_managers(tokens: Tokens) -> None:
    forwarder = new_key("analytics", [ANALYST])
    allow(TOKEN_KEY, forwarder)
    tokens.look()
    assert code(tokens, mint(forwarder, ANALYST, CENTRE, "kim")) is None
    with pytest.raises(ValueError, match="not for manager"):
        mint(forwarder, MANAGER, CENTRE)
    assert code(tokens, mint({**forwarder, "nanum_roles": list(ROLES)}, MANAGER, CENTRE)) == "token_invalid"


def test_what_the_gateway_is_given_cannot_sign(tokens: Tokens) -> None:
    assert '"d"' not in allow(TOKEN_KEY)[0].read_text()


def test_a_new_key_is_taken_in_and_the_old_one_s_tokens_stay_good_until_it_is_retired(tokens: Tokens) -> None:
    newer, old = new_key("people", ROLES), token()
    assert (code(tokens, old), code(tokens, mint(newer, MANAGER, CENTRE))) == (None, "token_invalid")
    allow(TOKEN_KEY, newer)
    tokens.look()
    assert (code(tokens, old), code(tokens, mint(newer, MANAGER, CENTRE))) == (None, None)
    allow(newer)
    tokens.look()
    assert code(tokens, old) == "token_invalid"


def test_one_token_is_revoked_and_no_other(tokens: Tokens) -> None:
    lost, kept = token(jti="lost"), token(jti="kept")
    assert code(tokens, lost) is None
    allow(TOKEN_KEY, revoked={"tokens": {"lost": time.time()}, "subjects": {}})
    tokens.look()
    assert (code(tokens, lost), code(tokens, kept)) == ("token_revoked", None)


def test_a_subject_s_tokens_are_revoked_up_to_an_instant(tokens: Tokens) -> None:
    now = int(time.time())
    before, after = token(subject="kim", iat=now - 10), token(subject="kim", iat=now)
    allow(TOKEN_KEY, revoked={"tokens": {}, "subjects": {"kim": now - 5}})
    tokens.look()
    assert (code(tokens, before), code(tokens, after)) == ("token_revoked", None)
    assert code(tokens, token(subject="lee", iat=now - 10)) is None


@pytest.mark.parametrize("spoiled", ["", "[]", '{"keys": 7, "tokens": 7}'])
def test_a_spoiled_file_changes_nothing(tokens: Tokens, spoiled: str) -> None:
    for file in allow(TOKEN_KEY, revoked={"tokens": {"lost": 1}, "subjects": {}}):
        tokens.look()
        file.write_text(spoiled)
        tokens.look()
    assert (code(tokens, token(jti="lost")), code(tokens, token())) == ("token_revoked", None)


@pytest.mark.parametrize("hours", [0, 25])
def test_nobody_mints_what_no_gateway_would_take(hours: int) -> None:
    with pytest.raises(ValueError, match="at most 24 hours"):
        mint(TOKEN_KEY, MANAGER, CENTRE, seconds=hours * 3600)


def test_a_running_gateway_refuses_what_was_revoked_within_five_seconds(gateway: Gateway) -> None:
    client = Client(gateway.url, token(jti="stolen"))
    assert client.get("/v1/items").status_code == 404  # nothing on the stage, but the token is good
    allow(TOKEN_KEY, revoked={"tokens": {"stolen": time.time()}, "subjects": {}})
    try:
        assert LOOK_EVERY < 5
        wait_for(lambda: client.get("/v1/items").status_code == 401, 5)
        assert client.get("/v1/items").json()["code"] == "token_revoked"
    finally:
        allow(TOKEN_KEY)
