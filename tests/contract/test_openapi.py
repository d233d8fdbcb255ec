"""docs/api/openapi.json is what the gateway serves: a change of the API shows in the diff."""

from __future__ import annotations

from pathlib import Path

from gateway.api import ROUTES
from gateway.docs import openapi

KEPT = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"


def test_the_kept_document_is_fresh() -> None:
    fresh = KEPT.read_text(encoding="utf-8") == openapi.text(ROUTES)
    assert fresh, "the API changed; run: python -m gateway.docs.openapi > docs/api/openapi.json"
