"""The keys of an installation and what it revoked."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from deploy.local import Installation, InstallationError
from deploy.local import tokens as module
from deploy.local.tokens import Revoked, TokenKeys
from services.contracts.tokens import LONGEST_LIFE, ROLES


@pytest.fixture
def keys(tmp_path: Path) -> TokenKeys:
    return TokenKeys(tmp_path / "keys.json")


def test_a_token_says_who_where_and_for_how_long(home: Path) -> None:
    made = Installation(home)
    token, [people, *_] = made.token("desk", "kim", "busan-haeundae", 60), made.token_keys
    said = jwt.decode(token, OKPKey.import_key(people), ["Ed25519"])
    assert said.header == {"typ": "JWT", "alg": "Ed25519", "kid": people["kid"]}
    claims = said.claims
    assert (claims["iss"], claims["aud"], claims["sub"], claims["role"]) == ("nanum", "nanum", "kim", "desk")
    assert (claims["centre"], claims["exp"] - claims["iat"]) == ("busan-haeundae", 60)
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["jti"] != jwt.decode(made.token("desk"), OKPKey.import_key(people), ["Ed25519"]).claims["jti"]


def test_a_token_that_no_gateway_would_take_is_not_made(home: Path) -> None:
    with pytest.raises(InstallationError, match="resident, desk, manager, analyst"):
        Installation(home).token("king")
    with pytest.raises(InstallationError, match="at most 24 hours"):
        Installation(home).token("desk", seconds=LONGEST_LIFE + 1)


def test_the_public_part_cannot_sign_and_says_what_each_key_is_for(keys: TokenKeys) -> None:
    public = json.loads(keys.jwks())["keys"]
    assert [key["nanum_roles"] for key in public] == [list(ROLES), ["analyst"]]
    assert not any("d" in key for key in public) and all("d" in key for key in keys)


def test_the_newest_key_signs_and_those_before_it_are_dropped_when_their_tokens_are_over(
    keys: TokenKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, first = time.time(), keys.signing("people")["kid"]
    second = keys.rotate("people")["kid"]
    assert keys.signing("people")["kid"] == second
    monkeypatch.setattr(module.time, "time", lambda: now + LONGEST_LIFE - 10)
    third = keys.rotate("people")["kid"]
    assert [key["kid"] for key in keys] == [first, second, third]
    monkeypatch.setattr(module.time, "time", lambda: now + LONGEST_LIFE + 10)
    assert [key["kid"] for key in keys] == [first, second, third]
    fourth = keys.rotate("people")["kid"]
    assert [key["kid"] for key in keys] == [second, third, fourth]


def test_only_a_known_key_that_signs_no_more_is_retired(keys: TokenKeys) -> None:
    first = keys.signing("people")["kid"]
    with pytest.raises(InstallationError, match="keys rotate people"):
        keys.retire(first)
    with pytest.raises(InstallationError, match="keys list"):
        keys.retire("people-00000000")
    second = keys.rotate("people")["kid"]
    keys.retire(first)
    assert first not in keys.jwks() and second in keys.jwks()


def test_a_revocation_is_kept_until_the_token_would_be_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revoked, now = Revoked(home / "revoked.json"), int(time.time())
    token = Installation(home).token("desk")
    jti = revoked.token(token)
    assert revoked.token("another") == "another"
    revoked.subject("kim")
    said = json.loads(revoked.text())
    assert set(said["tokens"]) == {jti, "another"} and abs(said["subjects"]["kim"] - now) < 60
    monkeypatch.setattr(module.time, "time", lambda: now + LONGEST_LIFE + 120)
    revoked.token("third")
    assert json.loads(revoked.text()) == {"tokens": {"third": now + LONGEST_LIFE + 120}, "subjects": {}}
    with pytest.raises(InstallationError, match="no token of ours"):
        revoked.token("not.a.token")
