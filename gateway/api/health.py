"""Whether the gateway lives, and whom it reaches. And its metrics."""

from __future__ import annotations

import asyncio

from gateway.http.auth import PUBLIC
from gateway.http.request import RequestContext
from gateway.http.response import Response
from gateway.http.route import Routes
from gateway.metrics import CONTENT_TYPE

routes = Routes("health")


@routes.get("/livez", who=PUBLIC, answer="The process answers.", limited=False)
async def livez(context: RequestContext) -> Response:
    """Say that the process lives."""
    return Response.json({"status": "alive"})


@routes.get("/readyz", who=PUBLIC, answer="The gateway serves; each service with its own state.", limited=False)
async def readyz(context: RequestContext) -> Response:
    """Say that the gateway serves, and how each service is.

    200 also while services are away: what doesn't need them goes on, and what does gets 503 by itself.
    """
    services = context.dependencies.services
    states = await asyncio.gather(*(service.readiness() for service in services.values()))
    return Response.json({"status": "ready", "services": dict(zip(services, states, strict=True))})


@routes.get("/metrics", who=PUBLIC, answer="Metrics in the Prometheus text format.")
async def metrics(context: RequestContext) -> Response:
    """Show the gateway's metrics; they hold counts and times, never an id. A proxy may keep them from the internet."""
    return Response(context.dependencies.metrics.exposition(), media_type=CONTENT_TYPE)
