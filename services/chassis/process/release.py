"""Whether this release fits the database that it finds. One that does not is refused at the start, with what to do."""

import time
from collections.abc import Iterator

import structlog

from services.chassis.eventstore.migrate import files
from services.chassis.foundation import database
from services.chassis.messaging.same_log import types_of
from services.chassis.service import Service

log = structlog.get_logger()
AGAIN = 0.5  # seconds until a database that is away is asked again


class ReleaseMismatch(Exception):
    """The database is of an older or a newer release."""


def wait_and_check(service: Service, url: str) -> None:
    """Wait for the database, then compare. Raises :class:`ReleaseMismatch` with everything that does not fit."""
    while True:
        try:
            with database.connect(url) as conn:
                wrong = list(mismatches(service, conn))
            break
        except database.UNAVAILABLE as error:
            log.warning("waiting_for_the_database", error=str(error).strip())
            time.sleep(AGAIN)
    if wrong:
        raise ReleaseMismatch("; ".join(wrong))


def mismatches(service: Service, conn: database.Connection) -> Iterator[str]:
    """What this release lacks, or the database, as sentences."""
    known = [name for name, _ in files(service.name)]
    if not conn.execute("SELECT to_regclass('migration') IS NOT NULL").fetchone()[0]:  # type: ignore[index]
        yield f"its database has no tables: run ./nanum migrate {service.name}"
        return
    done = [name for (name,) in conn.execute("SELECT name FROM migration ORDER BY name")]
    if missing := [name for name in known if name not in done]:
        yield f"its database lacks {', '.join(missing)}: run ./nanum migrate {service.name}"
    if newer := [name for name in done if name not in known]:
        yield f"its database is newer, it has {', '.join(newer)}: run the release that has it"
    if missing or newer:
        return
    for type, schema in conn.execute("SELECT type, max(schema) FROM event_type GROUP BY type ORDER BY type"):
        event = service.events.get(type)
        if event is None or schema > event.SCHEMA:  # type: ignore[attr-defined]
            yield f"its log has {type} of schema {schema}, which this release does not know: run the one that wrote it"
    for source, types in conn.execute("SELECT source, types FROM subscription ORDER BY source"):
        if dropped := sorted(set(types or ()) - set(types_of(service, source))):
            yield (
                f"of {source} it took in {', '.join(dropped)}, to which this release does not subscribe:"
                f" run a newer one, or ./nanum resume {service.name} {source} to leave them out from now on"
            )
