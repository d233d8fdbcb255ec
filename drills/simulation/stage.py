"""The stage on which the services act: failpoints, retries, logs and metrics are the simulation's meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Self
from unittest import mock

from services.chassis.commands import handler
from services.chassis.foundation import failpoints, metrics
from services.chassis.jobs import worker
from services.chassis.messaging import consumer_loop, parked, subscriber

Hear = Callable[[str, str, dict[str, Any]], None]  # level, event, fields of a line of the log


class Postponed(Exception):
    """A server is away; what is at hand is kept for another try."""


def postpone(attempt: Callable[[], Any], transient: tuple[type[Exception], ...], go_on: Callable[[], bool]) -> Any:
    """Stands in for ``with_backoff``: where that sleeps and tries again, the scheduler lets others act meanwhile."""
    try:
        return attempt()
    except transient as error:
        raise Postponed(str(error)) from None


class Journal:
    """Stands in for the log."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **fields: self._hear(level, event, fields)


class Unmeasured:
    """Stands in for a metric."""

    def labels(self, *_: Any) -> Self:
        """Any of its series."""
        return self

    def inc(self, _: float = 1) -> None:
        """Forgotten."""

    set = observe = inc

    def time(self) -> Any:
        """Untimed."""
        return nullcontext()


@contextmanager
def stage(reach: Callable[[str], None], hear: Hear, patient: bool) -> Iterator[None]:
    """While this runs, failpoints and log lines go to the simulation. Unless ``patient``, nothing is awaited."""
    with ExitStack() as stack:

        def put(module: Any, **names: Any) -> None:
            stack.enter_context(mock.patch.multiple(module, **names))

        for module in (handler, worker, consumer_loop, subscriber, parked):
            put(module, log=Journal(hear))
        put(failpoints, reach=reach)
        put(consumer_loop, with_backoff=postpone)
        put(metrics, **{name: Unmeasured() for name in vars(metrics) if name.isupper()})
        if not patient:
            put(subscriber, PATIENCE=0.0, TRIES=0)
        yield
