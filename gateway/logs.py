"""One JSON object per line on standard output. Never a body, a name, a phone number or a query string."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog


def _to_bytes(record: dict[str, Any], **_: Any) -> bytes:
    return msgspec.json.encode(record, enc_hook=repr)


def configure(level: str) -> None:
    """Send our log and the web server's through the same format, from ``level`` (``info``) upwards."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_to_bytes)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=as_json, foreign_pre_chain=shared))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
