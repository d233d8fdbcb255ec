"""The commands of `./nanum` that let people and programs in, and shut them out: tokens, their keys, subscriptions."""

from __future__ import annotations

import click

from deploy.console import Commands, out, watched
from deploy.local import Installation
from deploy.local.tokens import PUT_ASIDE
from integrations.analysts.subscriptions import KINDS, STREAM, Subscription
from services.contracts import SERVICES
from services.contracts.tokens import LONGEST_LIFE, ROLES, ROLES_OF_A_KEY

access = Commands()


@access.on_home()
@click.argument("role", type=click.Choice(ROLES))
@click.option("--subject", help="Whom the token speaks for, such as a resident's id.")
@click.option("--centre", help="The centre that it is good in; this installation's own when left out.")
@click.option("--hours", type=click.FloatRange(0, LONGEST_LIFE / 3600, min_open=True), default=12, show_default=True)
def token(installation: Installation, role: str, subject: str | None, centre: str | None, hours: float) -> None:
    """Print a bearer token."""
    click.echo(installation.token(role, subject, centre, round(hours * 3600)))


@access.on_home()
@click.option("--token", "given", metavar="TOKEN", help="This one, given whole or by its jti.")
@click.option("--subject", help="Every token made for this subject until now.")
def revoke(installation: Installation, given: str | None, subject: str | None) -> None:
    """End tokens before their time; the gateway knows it within 5 seconds."""
    if (given is None) == (subject is None):
        raise click.UsageError("Give one of --token TOKEN and --subject SUBJECT.")
    out.print(f"{installation.revoke(given, subject)} is revoked.")


@access.on_home()
@click.argument("action", type=click.Choice(["list", "rotate", "retire"]), default="list")
@click.argument("name", required=False)
def keys(installation: Installation, action: str, name: str | None) -> None:
    """The keys that sign tokens: list them, rotate USE (people, analytics), or retire KID with all its tokens."""
    if action == "list":
        for key in installation.token_keys:
            out.print(f"{key['kid']}  {' '.join(key[ROLES_OF_A_KEY])}  {'replaced' if PUT_ASIDE in key else 'signs'}")
    elif name is None:
        raise click.UsageError("Say which: `keys rotate people`, `keys rotate analytics` or `keys retire KID`.")
    elif action == "rotate":
        out.print(f"{installation.rotate_key(name)} signs from now on.")
    else:
        installation.retire_key(name)
        out.print(f"{name} is retired: the gateway refuses its tokens within 5 seconds.")


@access.on_home()
@click.argument("name", required=False)
@click.option(
    "--service", "services", multiple=True, type=click.Choice(SERVICES), help="Only this one; repeat for more."
)
@click.option("--kind", type=click.Choice(KINDS), default=STREAM, show_default=True)
@click.option("--list", "listed", is_flag=True, help="Show who subscribed.")
@click.option("--renew", metavar="NAME", help="Give NAME a new password.")
@click.option("--remove", metavar="NAME", help="End the subscription NAME.")
def subscribe(
    installation: Installation,
    name: str | None,
    services: tuple[str, ...],
    kind: str,
    listed: bool,
    renew: str | None,
    remove: str | None,
) -> None:
    """Let the analyst NAME read the events, under pseudonyms of their own: docs/analytics.md."""
    if sum(map(bool, (name, listed, renew, remove))) != 1:
        raise click.UsageError("Give a NAME, or one of --list, --renew NAME, --remove NAME.")
    if listed:
        for each in installation.subscriptions:
            out.print(f"{each.name}  {each.kind}  {' '.join(each.services)}")
    elif remove:
        watched("Ending the subscription", lambda _progress: installation.unsubscribe(remove))
        out.print(f"{remove} is subscribed no more: the user and the queues are deleted. Tokens expire by themselves.")
    elif renew:
        explain(installation, *watched("Renewing", lambda _progress: installation.renew(renew)))
    else:
        made = watched("Subscribing", lambda _progress: installation.subscribe(str(name), kind, services or SERVICES))
        explain(installation, *made)


def explain(installation: Installation, subscription: Subscription, password: str) -> None:
    """All that the analyst has to know; the password can't be shown again."""
    offset = '  (with the consumer argument x-stream-offset: "first")' if subscription.kind == STREAM else ""
    queues = "\n".join(f"  {subscription.queue(service).name}" for service in subscription.services)
    out.print(f"""
[bold]{subscription.name} may read[/]
{queues}{offset}

  NANUM_AMQP_URL={installation.rabbitmq.analyst_url(subscription, password)}
  NANUM_URL={installation.url}
  NANUM_TOKEN={installation.token("analyst", subscription.name)}

The password is shown this once. The token is for GET /v1/events/SERVICE, and good for 12 hours;
`./nanum token analyst --subject {subscription.name}` makes another. How to read: docs/analytics.md, examples/.
""")
