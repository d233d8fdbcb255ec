"""Whether the gateway lives, and whom it reaches. And its metrics."""

from __future__ import annotations

import asyncio

from gateway.answer import Answer
from gateway.ask import Ask
from gateway.auth import PUBLIC
from gateway.metrics import CONTENT_TYPE
from gateway.route import Routes

routes = Routes("health")


@routes.get("/livez", who=PUBLIC, answer="The process answers.")
async def livez(ask: Ask) -> Answer:
    """Say that the process lives."""
    return Answer.made({"status": "alive"})


@routes.get("/readyz", who=PUBLIC, answer="The gateway serves; each service with its own state.")
async def readyz(ask: Ask) -> Answer:
    """Say that the gateway serves, and how each service is.

    200 also while services are away: what doesn't need them goes on, and what does gets 503 by itself.
    """
    states = await asyncio.gather(*(service.readiness() for service in ask.house.services.values()))
    return Answer.made({"status": "ready", "services": dict(zip(ask.house.services, states, strict=True))})


@routes.get("/metrics", who=PUBLIC, answer="Metrics in the Prometheus text format.")
async def metrics(ask: Ask) -> Answer:
    """Show the gateway's metrics; they hold counts and times, never an id. A proxy may keep them from the internet."""
    return Answer(ask.house.metrics.exposition(), media_type=CONTENT_TYPE)
