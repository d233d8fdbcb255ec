"""What the gateway is told by its environment: read, or refused with everything that is wrong with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsError
from services.contracts import SERVICES
from tests.unit.gateway.conftest import CENTRE, TOKEN_KEY, allow


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.startswith("NANUM_"):
            monkeypatch.delenv(name)
    return monkeypatch


def test_settings_name_everything_wrong_at_once(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    short = tmp_path / "short"
    short.write_text("abc")
    env.setenv("NANUM_SOURCES", "rentals=http://127.0.0.1:1")
    env.setenv("NANUM_INTERNAL_SECRET_FILE", str(short))
    env.setenv("NANUM_LISTEN", "8080")
    env.setenv("NANUM_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as wrong:
        Settings.read()
    text = str(wrong.value)
    for name in ("NANUM_LISTEN", "base URL of inventory", "less than 32 bytes", "NANUM_TOKEN_KEYS_FILE"):
        assert name in text
    assert "NANUM_CENTRE" in text and "NANUM_LOG_LEVEL" in text and "base URL of rentals" not in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NANUM_TRUSTED_PROXIES", "nowhere"),
        ("NANUM_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("NANUM_RATE_LIMITS", "resident"),
        ("NANUM_RATE_LIMITS", "director=1/1"),
        ("NANUM_RATE_LIMITS", "desk=0/60"),
    ],
)
def test_bounds_that_mean_nothing_are_named(env: pytest.MonkeyPatch, name: str, text: str) -> None:
    env.setenv(name, text)
    with pytest.raises(SettingsError, match=name):
        Settings.read()


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    env.setenv("NANUM_INTERNAL_SECRET_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="NANUM_INTERNAL_SECRET_FILE"):
        Settings.read()


@pytest.mark.parametrize("text", ["no JSON", "{}", '{"keys": []}', json.dumps({"keys": [TOKEN_KEY]})])
def test_keys_that_cannot_be_used_are_named(tmp_path: Path, env: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "keys.json").write_text(text)
    env.setenv("NANUM_TOKEN_KEYS_FILE", str(tmp_path / "keys.json"))
    with pytest.raises(SettingsError, match="NANUM_TOKEN_KEYS_FILE"):
        Settings.read()


def test_settings_are_read(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40 + "\n")
    sources = " ".join(f"{name}=http://127.0.0.1:1/" for name in SERVICES)
    keys, revoked = allow(TOKEN_KEY)
    variables = {
        "NANUM_LISTEN": "127.0.0.1:8080",
        "NANUM_SOURCES": sources,
        "NANUM_INTERNAL_SECRET_FILE": str(secret),
        "NANUM_TOKEN_KEYS_FILE": str(keys),
        "NANUM_REVOKED_FILE": str(revoked),
        "NANUM_PSEUDONYM_SECRET_FILE": str(secret),
        "NANUM_CENTRE": CENTRE,
        "NANUM_TRUSTED_PROXIES": "10.0.0.7 10.1.0.0/24",
        "NANUM_RATE_LIMITS": "resident=5/10",
    }
    for name, text in variables.items():
        env.setenv(name, text)
    read = Settings.read()
    assert (read.host, read.port, read.internal_secret) == ("127.0.0.1", 8080, "s" * 40)
    assert read.sources["rentals"] == "http://127.0.0.1:1"
    assert read.proxies == ("10.0.0.7", "10.1.0.0/24")
    assert (read.rates["resident"], read.rates["desk"]) == ((5, 10), (300_000, 60))
