"""The commands of an operator for one service, by the environment of its process: ``python -m services.chassis.cli``.

``./nanum`` takes the same commands into its own group and runs them with the settings of the local installation.
"""

import sys
from typing import Any

import click

from services.chassis.eventstore.migrate import MigrationChanged, migrate
from services.chassis.eventstore.store import PostgresStore
from services.chassis.foundation import database
from services.chassis.foundation.settings import SettingMissing, Settings, owner_database_url
from services.chassis.messaging import dead_letters
from services.chassis.messaging.feed_client import FeedClient
from services.chassis.messaging.parked import ParkedEvents, Retrier
from services.chassis.messaging.rabbitmq import BrokerUnavailable, purge_queue
from services.chassis.messaging.subscriber import SourceUnavailable, Subscriber
from services.chassis.process.runtime import clock, service_named
from services.chassis.readmodels.rebuild import Disturbed, ViewUnknown, back, rebuild
from services.chassis.readmodels.resume import NothingToResume, resume
from services.chassis.readmodels.verify import verify
from services.chassis.service import Service
from services.contracts import SERVICES

FAILURES = (
    SettingMissing,
    MigrationChanged,
    ViewUnknown,
    Disturbed,
    NothingToResume,
    BrokerUnavailable,
    SourceUnavailable,
    *database.UNAVAILABLE,
)
SERVICE = click.argument("name", metavar="SERVICE", type=click.Choice(SERVICES))


class NoAnswer(click.ClickException):
    """There is no answer: a setting is wrong, or a server is away."""

    exit_code = 2


class Tools(click.Group):
    """Shows a failure that the operator can mend as one clear text, not as a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except FAILURES as error:
            raise NoAnswer(str(error).strip()) from None


@click.group(cls=Tools)
def tools() -> None:
    """Tools for one service."""


@tools.command("migrate")
@SERVICE
def migrate_(name: str) -> None:
    """Bring the service's database up to date; again changes nothing."""
    applied = migrate(name, owner_database_url())
    click.echo(f"{name}: {', '.join(applied) if applied else 'up to date'}")


@tools.command("verify")
@SERVICE
@click.option("--json", "as_json", is_flag=True, help="For programs; without the values that differ.")
def verify_(name: str, as_json: bool) -> None:
    """Compare every view with the replay of its events; the exit code is 1 if anything differs."""
    service, settings = service_named(name), Settings.from_env()
    verdict = verify(service, settings.database_url, feeds_of(service, settings))
    if as_json:
        click.echo(verdict.report())
    else:
        for difference in verdict.differences:
            click.echo(str(difference))
        click.echo(f"{name}: {verdict.events} events, {verdict.rows} rows, {sum(verdict.found.values())} differences")
        for source, position in verdict.dropped:
            click.echo(f"{name}: left out by you: {source} {position}")
        if verdict.left_out:
            click.echo(f"{name}: not compared while events are parked: {', '.join(verdict.left_out)}")
    sys.exit(1 if verdict.differences or verdict.left_out else 0)


@tools.command("rebuild")
@SERVICE
@click.argument("views", nargs=-1)
@click.option("--back", "go_back", is_flag=True, help="Swap the tables of before the last rebuild in again.")
def rebuild_(name: str, views: tuple[str, ...], go_back: bool) -> None:
    """Build views again from the first event, and swap them in while readers go on."""
    service, settings = service_named(name), Settings.from_env()
    given = (service, owner_database_url(), feeds_of(service, settings), views)
    click.echo(str(back(*given) if go_back else rebuild(*given, _show)))


def _show(source: str, position: int, of: int) -> None:
    click.echo(f"  {source}: {position} of {of}", err=True)


@tools.group("parked", invoke_without_command=True)
@SERVICE
@click.pass_context
def parked_(context: click.Context, name: str) -> None:
    """Parked events: list (the default), show, retry, drop."""
    subscribers, store = subscribers_of(service_named(name), Settings.from_env())
    context.obj = (ParkedEvents(store.pool), subscribers)
    if context.invoked_subcommand is None:
        context.invoke(parked_list)


@parked_.command("list")
@click.pass_obj
def parked_list(tools: tuple[ParkedEvents, Any]) -> None:
    """Every parked event, by stream and in order, and the policies' commands that were refused for good."""
    click.echo("\n".join(map(str, tools[0].all())) or "nothing is parked")
    if refused := tools[0].refusals():
        click.echo("\n".join(("commands of policies that were refused for good:", *refused)))


@parked_.command("show")
@click.argument("source")
@click.argument("position", type=int)
@click.pass_obj
def parked_show(tools: tuple[ParkedEvents, Any], source: str, position: int) -> None:
    """One parked event as it was delivered."""
    click.echo(str(tools[0].message(source, position) or "no such event is parked"))


@parked_.command("retry")
@click.argument("source", required=False)
@click.argument("stream", required=False)
@click.pass_obj
def parked_retry(tools: tuple[ParkedEvents, Any], source: str | None, stream: str | None) -> None:
    """Take in a parked stream, or all; the exit code is 1 when something is still parked."""
    parked, subscribers = tools
    wanted = {source} if source else set(subscribers)
    chosen = [p for p in parked.all() if p.source in wanted and stream in (None, p.stream)]
    done = sum(
        Retrier(subscribers[of], parked).retry(p.stream for p in chosen if p.source == of)
        for of in wanted & {*subscribers}
    )
    left = sum((p.source, p.stream) in {(c.source, c.stream) for c in chosen} for p in parked.all())
    click.echo(f"{done} taken in, {left} still parked")
    sys.exit(1 if left else 0)


@parked_.command("drop")
@click.argument("source")
@click.argument("position", type=int)
@click.pass_obj
def parked_drop(tools: tuple[ParkedEvents, Any], source: str, position: int) -> None:
    """Delete one parked event; those behind it can then be retried."""
    click.echo("dropped" if tools[0].drop(source, position) else "no such event is parked")


@tools.command("dead")
@SERVICE
@click.argument("action", type=click.Choice(["list", "replay", "purge"]), default="list")
def dead_(name: str, action: str) -> None:
    """Dead letters: list them, give them to their subscribers again, or purge them."""
    settings = Settings.from_env()
    if action == "list":
        click.echo("\n".join(map(str, dead_letters.letters(settings.amqp_url, name))) or "no dead letters")
    elif action == "purge":
        click.echo(f"{dead_letters.purge(settings.amqp_url, name)} deleted")
    else:
        results = dead_letters.replay(settings.amqp_url, name, subscribers_of(service_named(name), settings)[0])
        click.echo("\n".join(f"{count} {what}" for what, count in results.items()) or "no dead letters")
        sys.exit(1 if results.keys() - {dead_letters.KNOWN, dead_letters.TAKEN_IN} else 0)


@tools.command("resume")
@SERVICE
@click.argument("source")
def resume_(name: str, source: str) -> None:
    """Move a halted subscriber on: rebuild the views of its source, decide again what policies make of its events."""
    service, settings = service_named(name), Settings.from_env()
    subscribers, store = subscribers_of(service, settings)
    if source not in subscribers:
        raise click.BadParameter(f"{name} subscribes to {', '.join(subscribers) or 'nobody'}", param_hint="SOURCE")
    click.echo(str(resume(subscribers[source], store, owner_database_url(), feeds_of(service, settings))))
    try:
        click.echo(f"{purge_queue(settings.amqp_url, name, source)} messages deleted from its queue")
    except BrokerUnavailable as error:
        click.echo(f"its queue was not emptied ({error}); what is old in it will be rejected", err=True)


@tools.command("epoch")
@SERVICE
def epoch_(name: str) -> None:
    """Give the log another name, after a restore or the promotion of a standby: its subscribers halt and say so."""
    with database.connect(owner_database_url()) as conn:
        row = conn.execute("SELECT new_epoch()").fetchone()
    click.echo(f"{name}: the epoch is {row[0] if row else ''} now; its subscribers wait for ./nanum resume")


def feeds_of(service: Service, settings: Settings) -> dict[str, FeedClient]:
    """The feeds that a service subscribes to."""
    return {source: FeedClient(settings.sources[source], settings.secret) for source in service.sources}


def subscribers_of(service: Service, settings: Settings) -> tuple[dict[str, Subscriber], PostgresStore]:
    """A subscriber for each source of a service, and the store that they write to."""
    store = PostgresStore(service, settings.database_url, fingerprint_key=settings.fingerprint_key.encode())
    feeds = feeds_of(service, settings)
    return {source: Subscriber(service, source, store, feed, clock) for source, feed in feeds.items()}, store


if __name__ == "__main__":
    tools()
