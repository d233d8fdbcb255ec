"""Structured logs: one JSON object a line on stdout, with the service's name. Never a resident's name or phone."""

import logging
import sys

import structlog


def set_up(service: str, level: str) -> None:
    """Make structlog print JSON, and send the libraries' own warnings the same way."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            lambda _, __, line: {"service": service, **line},  # not a context variable: greenlets don't inherit those
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    logging.basicConfig(
        stream=sys.stdout, level=logging.WARNING, format='{"level": "%(levelname)s", "event": %(message)r}'
    )
