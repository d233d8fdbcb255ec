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
        requests = ("nanum_gateway_requests", "Requests answered")
        self._requests = Counter(*requests, ("method", "route", "status"), registry=registry)
        took = ("nanum_gateway_request_seconds", "From a request's head to its answer")
        self._seconds = Histogram(*took, ("method", "route"), buckets=SECONDS, registry=registry)
        #: The counter and the histogram of each ``(method, route, status)`` that was labelled.
        self.answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_flight = 0
        gauge = Gauge("nanum_gateway_requests_in_flight", "Requests being answered", registry=registry)
        gauge.set_function(lambda: self.in_flight)
        connections = ("nanum_gateway_connections", "Open connections of clients")
        self.connections = Gauge(*connections, registry=registry)
        refused = ("nanum_gateway_refused_connections", "Connections ended for what HTTP or its bounds forbid")
        self._refused = Counter(*refused, ("code",), registry=registry)
        batch = ("nanum_gateway_batch_commands", "Commands in one request to a service")
        self.batch = Histogram(*batch, ("service",), buckets=(1, 2, 4, 8, 16, 32, 64), registry=registry)
        waiting = ("nanum_gateway_commands_waiting", "Commands waiting for the next batch")
        self.waiting = Gauge(*waiting, ("service",), registry=registry)
        waits = ("nanum_gateway_waits", "Clients that wait for a change")
        self.waits = Gauge(*waits, registry=registry)
        call = ("nanum_gateway_service_seconds", "One request to a service")
        self.service_seconds = Histogram(*call, ("service", "call"), buckets=SECONDS, registry=registry)
        failures = ("nanum_gateway_service_failures", "Requests to a service without an answer")
        self.service_failures = Counter(*failures, ("service", "call"), registry=registry)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)

    def refused_connection(self, code: str) -> None:
        """Count a connection that was ended with this problem."""
        self._refused.labels(code).inc()

    def labelled(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """Look labels up, which is done once and not for each request."""
        found = self._requests.labels(method, route, status), self._seconds.labels(method, route)
        self.answered[method, route, status] = found
        return found
