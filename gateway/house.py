"""What all requests of a process share."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.answer import Answer
from gateway.clients import Services
from gateway.conditions import Passed
from gateway.metrics import Metrics


@dataclass(frozen=True, slots=True)
class House:
    """The services, the metrics, what pseudonyms are made with, and ``documents``: pages made once, by path."""

    services: Services
    metrics: Metrics
    pseudonym_secret: str
    documents: dict[str, Answer] = field(default_factory=dict)
    passed: Passed = field(default_factory=Passed)
