"""Every metric of the gateway, by name. Labels hold route templates and service names, never an id."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The gateway's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "nanum_gateway_requests", "Requests answered", ("method", "route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "nanum_gateway_request_seconds",
            "From a request's head to its answer",
            ("method", "route"),
            buckets=SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge("nanum_gateway_requests_in_flight", "Requests being answered", registry=registry)
        self.batch = Histogram(
            "nanum_gateway_batch_commands",
            "Commands in one request to a service",
            ("service",),
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.waiting = Gauge(
            "nanum_gateway_commands_waiting", "Commands waiting for the next batch", ("service",), registry=registry
        )
        self.service_seconds = Histogram(
            "nanum_gateway_service_seconds",
            "One request to a service",
            ("service", "kind"),
            buckets=SECONDS,
            registry=registry,
        )
        self.service_failures = Counter(
            "nanum_gateway_service_failures",
            "Requests to a service without an answer",
            ("service", "kind"),
            registry=registry,
        )
        self._of_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; its labels are looked up once, not per request."""
        known = self._of_route.get((method, route, status))
        if known is None:
            counter, histogram = self.requests.labels(method, route, status), self.seconds.labels(method, route)
            known = self._of_route[method, route, status] = (counter, histogram)
        known[0].inc()
        known[1].observe(seconds)

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)
